//! Who gets a lease: rules 8, 9 and 12.

use super::fault::{Kept, Lent, Outcome};
use super::trial::{Trial, token};
use crate::backend::{Claim, Content, Patch, Token};
use crate::record::HEAD;

const NOTHING: Claim<'static> = Claim::Unseen(&[]);

pub(super) fn one_lease_per_key(t: &Trial<'_>) -> Outcome {
    let (key, other) = (t.key("key"), t.key("other"));
    let (mine, others) = (token(), token());
    let there = t.by(1);
    t.lend(&key, mine)?;
    there.acquire(&key, others, NOTHING)?.is(Lent::Busy, "while it is another's")?;
    t.acquire(&key, others, NOTHING)?.is(Lent::Busy, "while it is another's, asked again")?;
    t.acquire(&key, mine, NOTHING)?.is(Lent::Granted, "while it is the token's own")?;
    there.acquire(&key, mine, NOTHING)?.is(Lent::Granted, "while it is the token's own, asked from elsewhere")?;
    there.acquire(&key, others, NOTHING)?.is(Lent::Busy, "while it is another's, who has asked again")?;
    t.holds(&key, None, "while its lease is lent out")?;
    t.acquire(&other, others, NOTHING)?.is(Lent::Granted, "of another key")?;
    // Tokens are all of their 128 bits.
    let near = [mine.0 ^ 1, mine.0 ^ (1 << 127), mine.0 ^ (1 << 64), mine.0 << 8].map(Token);
    for near in near.into_iter().filter(|near| *near != mine) {
        t.acquire(&key, near, NOTHING)?.is(Lent::Busy, "while it is another's, whose token is like one's own")?;
    }
    for odd in [Token(0), Token(1), Token(u128::MAX), Token(u128::from_be_bytes(*b"\r\n \0'\"\\{}%:*\r\n\0\0"))] {
        let key = t.key(&format!("of {odd}"));
        t.lend(&key, odd)?;
        t.acquire(&key, others, NOTHING)?.is(Lent::Busy, format!("while it is that of the token {odd}"))?;
        t.commit(&key, &t.content("odd"), odd)?.is(true, format!("by the token {odd}"))?;
    }
    Ok(())
}

pub(super) fn of_many_at_once_one_is_granted(t: &Trial<'_>) -> Outcome {
    const THREADS: usize = 8;
    for round in 0..25 {
        let key = t.key(&round.to_string());
        let told = t.at_once(THREADS, |t, _| t.acquire(&key, token(), NOTHING))?;
        let count = told.iter().filter(|told| told.value == Lent::Granted).count();
        for told in told.iter().filter(|told| told.value != Lent::Granted) {
            told.clone().is(Lent::Busy, "of 8 at once")?;
        }
        let mut first = told.into_iter().next().map(|told| told.map(|_| count)).into_iter();
        first.try_for_each(|granted| granted.is(1, "of 8 at once, as the number of those to whom it is granted"))?;
    }
    Ok(())
}

pub(super) fn newer_content_ends_the_search(t: &Trial<'_>) -> Outcome {
    let key = t.key("key");
    let [old, new] = ["old", "new"].map(|text| t.content(text));
    let (stored, seen) = (Lent::Stored(Kept::from(&new)), head(&old));
    t.set(&key, &new)?;
    t.acquire(&key, token(), NOTHING)?.is(stored.clone(), "of who has found nothing")?;
    t.acquire(&key, token(), Claim::Unseen(&seen))?.is(stored.clone(), "of who has seen another content")?;
    let mut other = head(&new);
    other[HEAD - 1] ^= 1;
    t.acquire(&key, token(), Claim::Unseen(&other))?
        .is(stored.clone(), "of who has seen one that differs in its 12th byte")?;
    t.acquire(&key, token(), Claim::Unseen(&head(&new)[..5]))?
        .is(stored.clone(), "of who has seen its first 5 bytes only")?;
    // Whoever was told so holds nothing.
    let (mine, others) = (token(), token());
    t.acquire(&key, mine, Claim::Unseen(&head(&new)))?.is(Lent::Granted, "of who has seen what is stored")?;
    let by = t.by(1);
    by.acquire(&key, others, NOTHING)?
        .is(stored, "of who has found nothing, while somebody who has seen it computes")?;
    by.acquire(&key, others, Claim::Unseen(&head(&new)))?
        .is(Lent::Busy, "of who has seen what is stored, as the other")?;
    t.commit(&key, &old, mine)?.is(true, "after others were told what is stored")?;
    let stored = Lent::Stored(Kept::from(&old));
    t.acquire(&key, mine, Claim::Unseen(&head(&new)))?.is(stored, "of who has stored something else meanwhile")?;

    marks_count(t)?;
    beginnings_count(t)
}

/// The mark of an expired record is among the first bytes.
fn marks_count(t: &Trial<'_>) -> Outcome {
    let key = t.key("marked");
    let content = t.content("to be marked");
    t.set(&key, &content)?;
    if !t.patch(&key, Patch::expired())?.value {
        return Ok(());
    }
    let marked = Kept::from(&content).expired();
    t.acquire(&key, token(), Claim::Unseen(&head(&content)))?
        .is(Lent::Stored(marked.clone()), "of who has seen the content before it was marked as expired")?;
    let Kept::Bytes(marked) = marked else { return Ok(()) };
    let claim = Claim::Unseen(Claim::seen(&marked));
    t.acquire(&key, token(), claim)?.is(Lent::Granted, "of who has seen the content marked as expired")
}

/// Contents shorter than what is compared, and those that differ behind it.
fn beginnings_count(t: &Trial<'_>) -> Outcome {
    let contents: [&[u8]; 5] = [b"", b"\0", b"7 bytes", b"12 bytes are", b"12 bytes are equal, and others follow"];
    for content in contents {
        let key = t.key(&format!("of {} bytes", content.len()));
        let (stored, seen) = (Content::Bytes(content.to_vec()), Claim::seen(content));
        let when = format!("where {} bytes are stored", content.len());
        t.set(&key, &stored)?;
        let unseen = Lent::Stored(Kept::from(&stored));
        if !seen.is_empty() {
            t.acquire(&key, token(), NOTHING)?.is(unseen.clone(), format!("of who has found nothing, {when}"))?;
        }
        t.acquire(&key, token(), Claim::Unseen(b"something"))?.is(unseen, format!("of who has seen others, {when}"))?;
        t.acquire(&key, token(), Claim::Unseen(seen))?.is(Lent::Granted, format!("of who has seen them, {when}"))?;
    }
    Ok(())
}

pub(super) fn who_takes_it_in_any_case_ends_a_running_one(t: &Trial<'_>) -> Outcome {
    let key = t.key("key");
    let [one, two] = ["one", "two"].map(|text| t.content(text));
    let (mine, others) = (token(), token());
    let there = t.by(1);
    t.acquire(&key, mine, Claim::Always)?.is(Lent::Granted, "in any case, where nothing is stored")?;
    there.acquire(&key, others, Claim::Always)?.is(Lent::Granted, "in any case, while it is another's")?;
    t.renew(&key, mine)?.is(false, "by who has lost the lease to one that takes it in any case")?;
    t.commit(&key, &one, mine)?.is(false, "by who has lost the lease to one that takes it in any case")?;
    t.abandon(&key, mine)?;
    there.commit(&key, &two, others)?.is(true, "by who has taken the lease in any case")?;
    t.holds(&key, Some(&two), "after its `commit`")?;
    t.acquire(&key, mine, Claim::Always)?.is(Lent::Granted, "in any case, where something is stored")?;
    t.acquire(&key, mine, Claim::Always)?.is(Lent::Granted, "in any case, again")?;
    t.holds(&key, Some(&two), "after its lease was taken in any case")?;
    t.commit(&key, &one, mine)?.is(true, "by who has taken the lease twice")?;
    t.holds(&key, Some(&one), "after its second `commit`")
}

pub(super) fn renew_and_abandon_touch_ones_own(t: &Trial<'_>) -> Outcome {
    let key = t.key("key");
    let content = t.content("committed");
    let (mine, others) = (token(), token());
    let there = t.by(1);
    t.renew(&key, mine)?.is(false, "where there is no lease")?;
    t.acquire(&key, others, NOTHING)?.is(Lent::Granted, "after a `renew` of no lease")?;
    t.abandon(&key, mine)?;
    t.renew(&key, mine)?.is(false, "of another's lease")?;
    t.acquire(&key, mine, NOTHING)?.is(Lent::Busy, "after an `abandon` and a `renew` of another's lease")?;
    there.renew(&key, others)?.is(true, "by its owner")?;
    there.renew(&key, others)?.is(true, "by its owner, again")?;
    t.acquire(&key, mine, NOTHING)?.is(Lent::Busy, "after a `renew` by another, its owner")?;
    there.abandon(&key, others)?;
    t.acquire(&key, mine, NOTHING)?.is(Lent::Granted, "at once after another's `abandon`")?;
    there.renew(&key, others)?.is(false, "after one's own `abandon`")?;
    t.on_rule(10).commit(&key, &content, others)?.is(false, "after one's own `abandon`")?;
    there.abandon(&key, others)?;
    t.renew(&key, mine)?.is(true, "by its owner, after an `abandon` by who had it before")?;
    t.commit(&key, &content, mine)?.is(true, "after a `renew`")?;
    t.renew(&key, mine)?.is(false, "after one's own `commit`")?;
    t.abandon(&key, mine)?;
    t.holds(&key, Some(&content), "after an `abandon` that came after the `commit`")
}

/// What a caller has seen of a content, where that is bytes.
pub(super) fn head(content: &Content) -> Vec<u8> {
    Claim::seen(content.as_bytes().unwrap_or_default()).to_vec()
}
