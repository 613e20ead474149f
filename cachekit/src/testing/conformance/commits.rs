//! What ends a lease, and what is stored for it: rules 10 and 11.

use super::fault::{Kept, Lent, Outcome};
use super::leases::head;
use super::trial::{HOUR, Trial, token};
use crate::backend::{Claim, Content, Lease, Patch, Put};

const NOTHING: Claim<'static> = Claim::Unseen(&[]);

pub(super) fn commit_stores_while_the_lease_stands(t: &Trial<'_>) -> Outcome {
    let key = t.key("key");
    let [one, two, three] = ["one", "two", "three"].map(|text| t.content(text));
    let (mine, others) = (token(), token());
    let there = t.by(1);
    t.commit(&key, &one, mine)?.is(false, "without any lease")?;
    t.holds(&key, None, "after a `commit` without any lease")?;
    t.lend(&key, mine)?;
    there.commit(&key, &two, others)?.is(false, "while the lease is another's")?;
    t.holds(&key, None, "after a `commit` while the lease was another's")?;
    t.commit(&key, &one, mine)?.is(true, "by the owner of the lease")?;
    there.holds(&key, Some(&one), "after a `commit` by the owner of the lease")?;
    t.commit(&key, &two, mine)?.is(false, "by who has committed already, and so ended the lease")?;
    t.holds(&key, Some(&one), "after a second `commit` for one lease")?;
    let claim = Claim::Unseen(&head(&one)[..]);
    there.acquire(&key, others, claim)?.is(Lent::Granted, "at once after another's `commit`")?;
    t.commit(&key, &three, mine)?.is(false, "while the lease is another's, by who had it before")?;
    t.holds(&key, Some(&one), "after a `commit` while the lease was another's")?;
    there.commit(&key, &two, others)?.is(true, "by the second owner of the lease")?;
    t.holds(&key, Some(&two), "after a `commit` by the second owner of the lease")?;
    for keep in [None, Some(HOUR * 24 * 400)] {
        let key = t.key(&format!("{keep:?}"));
        t.lend(&key, mine)?;
        let put = Put { key: &key, content: &one, keep };
        t.ask("commit", |backend, context| backend.commit(put, mine, context))?
            .is(true, format!("to keep for {keep:?}"))?;
        t.holds(&key, Some(&one), "at once after its `commit`")?;
    }
    Ok(())
}

pub(super) fn many_leases_are_as_one(t: &Trial<'_>) -> Outcome {
    let [free, lent, stored, last] = ["free", "lent", "stored", "last"].map(|name| t.key(name));
    let [old, new] = ["old", "new"].map(|text| t.content(text));
    let [mine, others, own] = [token(), token(), token()];
    t.by(1).lend(&lent, others)?;
    t.set(&stored, &old)?;
    let lease = |token| Lease { token, length: HOUR };
    let wanted = [
        (&*free, lease(mine), NOTHING),
        (&*lent, lease(mine), NOTHING),
        (&*stored, lease(mine), NOTHING),
        (&*last, lease(own), Claim::Always),
    ];
    let told = t.ask("acquire_many", |backend, context| backend.acquire_many(&wanted, context))?;
    told.map(|all| all.iter().map(Lent::from).collect::<Vec<_>>()).is(
        vec![Lent::Granted, Lent::Busy, Lent::Stored(Kept::from(&old)), Lent::Granted],
        "of a free key, one that is lent out, one with a content, and another free one",
    )?;
    let put = |key| Put { key, content: &new, keep: Some(HOUR) };
    let commits = [(put(&*free), mine), (put(&*lent), mine), (put(&*last), mine)];
    t.ask("commit_many", |backend, context| backend.commit_many(&commits, context))?
        .is(vec![true, false, false], "of which the first is the token's own")?;
    t.get_many(&[&free, &lent, &last])?
        .is(vec![Some(Kept::from(&new)), None, None], "after a `commit_many` of which the first was the token's own")?;
    let ended = [(&*lent, mine), (&*last, own)];
    t.ask("abandon_many", |backend, context| backend.abandon_many(&ended, context))?;
    t.acquire(&last, mine, NOTHING)?.is(Lent::Granted, "after its `abandon_many`")?;
    t.acquire(&lent, mine, NOTHING)?.is(Lent::Busy, "after an `abandon_many` by somebody else")
}

/// A write that ends the lease of its key.
type Write = (&'static str, fn(&Trial<'_>, &str) -> Outcome);

const WRITES: [Write; 3] = [
    ("set", |t, key| t.set(key, &t.content("set"))),
    ("delete", |t, key| t.delete(key)),
    ("patch", |t, key| t.patch(key, Patch::expired()).map(drop)),
];

const WRITES_OF_MANY: [Write; 2] = [
    ("set_many", |t, key| {
        let content = t.content("set");
        let put = |key| Put { key, content: &content, keep: Some(HOUR) };
        t.set_many(&[put(&*t.key("before")), put(key)])
    }),
    ("delete_many", |t, key| t.delete_many(&[&t.key("before"), key])),
];

pub(super) fn writes_end_the_lease(t: &Trial<'_>) -> Outcome {
    ended_by(t, &WRITES)
}

pub(super) fn many_end_their_leases(t: &Trial<'_>) -> Outcome {
    ended_by(t, &WRITES_OF_MANY)
}

fn ended_by(t: &Trial<'_>, writes: &[Write]) -> Outcome {
    for (name, write) in writes {
        for stored in [false, true] {
            let key = t.key(&format!("{name} {stored}"));
            let (old, computed) = (t.content("old"), t.content("computed"));
            let (mine, others) = (token(), token());
            if stored {
                t.set(&key, &old)?;
            }
            let claim = if stored { head(&old) } else { Vec::new() };
            let held = "of who has seen what is stored";
            t.acquire(&key, mine, Claim::Unseen(&claim))?.is(Lent::Granted, held)?;
            write(&t.by(1), &key)?;
            let after = t.get(&key)?.value;
            let of = if stored { "of a key that holds something" } else { "of a key that holds nothing" };
            t.renew(&key, mine)?.is(false, format!("after a `{name}` {of}"))?;
            t.commit(&key, &computed, mine)?.is(false, format!("after a `{name}` {of}"))?;
            t.get(&key)?.is(after.clone(), format!("after a `{name}` and a `commit` that was refused"))?;
            let seen = match &after {
                Some(Kept::Bytes(bytes)) => Claim::seen(bytes),
                _ => &[],
            };
            t.acquire(&key, others, Claim::Unseen(seen))?
                .is(Lent::Granted, format!("at once after a `{name}` {of}"))?;
            t.commit(&key, &computed, others)?.is(true, format!("of who came after a `{name}`"))?;
        }
    }
    Ok(())
}

/// A write and a commit begin together: whichever is first, the write has the last word.
pub(super) fn writes_and_commits_at_once(t: &Trial<'_>) -> Outcome {
    const ROUNDS: usize = 60;
    for (name, write) in WRITES {
        for round in 0..ROUNDS {
            let key = t.key(&format!("{name} {round}"));
            let computed = t.content("computed");
            let mine = token();
            t.lend(&key, mine)?;
            let committed = t.at_once(2, |t, number| {
                if number == 0 {
                    return t.commit(&key, &computed, mine).map(|told| told.value);
                }
                write(t, &key).map(|()| false)
            })?[0];
            let when = format!("after a `{name}` and a `commit` at once, which told {committed}");
            let marked = Kept::from(&computed).expired();
            match name {
                "set" => t.holds(&key, Some(&t.content("set")), &when)?,
                "patch" if committed => t.get(&key)?.one_of(&[Some(marked), None], &when)?,
                _ => t.holds(&key, None, &when)?,
            }
            t.commit(&key, &computed, mine)?.is(false, format!("after a `{name}` and another `commit`"))?;
        }
    }
    let key = t.key("of two who commit");
    for _ in 0..ROUNDS / 4 {
        takers_and_commits_at_once(t, &key)?;
    }
    Ok(())
}

/// One commits while another takes the lease in any case and commits: the last word is the other's.
fn takers_and_commits_at_once(t: &Trial<'_>, key: &str) -> Outcome {
    let contents: [Content; 2] = [t.content("computed by the first"), t.content("computed by the second")];
    let tokens = [token(), token()];
    t.acquire(key, tokens[0], Claim::Always)?.is(Lent::Granted, "in any case")?;
    t.at_once(2, |t, number| {
        if number == 1 {
            t.acquire(key, tokens[1], Claim::Always)?.is(Lent::Granted, "in any case, while another commits")?;
            t.commit(key, &contents[1], tokens[1])?.is(true, "by who has taken the lease in any case")
        } else {
            t.commit(key, &contents[0], tokens[0]).map(drop)
        }
    })?;
    t.on_rule(10).holds(
        key,
        Some(&contents[1]),
        "after two commits at once, of whom the second has taken the lease",
    )?;
    t.delete(key)?;
    t.acquire(key, token(), NOTHING)?.is(Lent::Granted, "after a `delete`")?;
    t.delete(key)
}
