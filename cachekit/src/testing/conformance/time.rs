//! What time does: contents that are kept, and leases that lapse: rules 4, 6, 7, 8, 10 and 12.

use std::thread;
use std::time::{Duration, Instant};

use super::fault::{Lent, Outcome};
use super::trial::{HOUR, Trial, token};
use crate::backend::{Claim, Content, Lease, Patch, Put};

/// A short time that is long for two operations.
const SHORT: Duration = Duration::from_secs(1);
/// How often a store is asked whether something has passed there, and for how long.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(15);

const NOTHING: Claim<'static> = Claim::Unseen(&[]);

/// Waits until `passed`, at least for `SHORT`; whether it has within a bound.
fn wait_until(t: &Trial<'_>, bound: Duration, mut passed: impl FnMut() -> Outcome<bool>) -> Outcome<bool> {
    if let Some(clock) = &t.stage.clock {
        clock.advance(SHORT + SHORT / 10);
        return passed();
    }
    let begun = Instant::now();
    loop {
        if begun.elapsed() >= SHORT && passed()? {
            return Ok(true);
        }
        if begun.elapsed() > bound {
            return Ok(false);
        }
        thread::sleep(PAUSE);
    }
}

pub(super) fn contents_are_kept_as_long_as_asked(t: &Trial<'_>) -> Outcome {
    let [longer, for_ever, many, added, marked, canary] =
        ["longer", "for ever", "many", "added", "marked", "canary"].map(|name| t.key(name));
    let [one, two] = ["one", "two"].map(|text| t.content(text));
    for key in [&longer, &for_ever, &many, &added, &marked] {
        t.set_for(key, &one, Some(SHORT))?;
    }
    t.set_for(&longer, &two, Some(HOUR))?;
    t.set_for(&for_ever, &two, None)?;
    t.set_many(&[Put { key: &many, content: &two, keep: Some(HOUR) }])?;
    let stored = t.add(&added, &two)?.value;
    let expected = t.get(&added)?.value;
    let was_marked = t.patch(&marked, Patch::expired())?.value;
    t.set_for(&canary, &one, Some(SHORT))?;
    // A store may keep it longer; then there is less to see.
    let drops_in_time = wait_until(t, SHORT * 3, || Ok(t.get(&canary)?.value.is_none()))?;
    let again = "after a `set` that was to be kept for a second had been followed by a longer one";
    t.holds(&longer, Some(&two), again)?;
    t.holds(&for_ever, Some(&two), again)?;
    t.holds(&many, Some(&two), again)?;
    if t.backend().has_leases() {
        let kept = expected.is_some().then_some(stored);
        t.on_rule(6).get(&added)?.is(kept, "after an `add`, for an hour, of what was to be kept for a second")?;
    }
    if drops_in_time && was_marked {
        let when = "after a `patch` of what was to be kept for a second, where contents are dropped in time";
        // It may be kept by another server than the canary, whose seconds begin a little later.
        if t.get(&marked)?.value.is_some() {
            wait_until(t, SHORT * 3, || Ok(t.get(&marked)?.value.is_none()))?;
        }
        t.on_rule(7).holds(&marked, None, when)?;
    }
    Ok(())
}

pub(super) fn leases_lapse(t: &Trial<'_>) -> Outcome {
    let lapsing = ["committed", "renewed", "abandoned", "taken", "stored"].map(|name| t.key(name));
    let [committed, renewed, abandoned, taken, stored] = &lapsing;
    let [standing, asked_again, canary] = ["standing", "asked again", "canary"].map(|name| t.key(name));
    let (mine, others, content) = (token(), token(), t.content("computed"));
    let old = t.content("old");
    t.set(stored, &old)?;
    let short = |key: &str, claim| t.acquire_for(key, mine, SHORT, claim)?.is(Lent::Granted, "for a second");
    t.lend(&t.key("long"), mine)?;
    lengthen(&|| short(&standing, NOTHING), &|| t.renew(&standing, mine)?.is(true, "by its owner, for an hour"))?;
    lengthen(&|| short(&asked_again, NOTHING), &|| {
        t.acquire(&asked_again, mine, NOTHING)?.is(Lent::Granted, "by its owner, for an hour")
    })?;
    for key in &lapsing {
        short(key, if key == stored { Claim::Always } else { NOTHING })?;
    }
    short(&canary, NOTHING)?;
    let ask = || Ok(t.acquire(&canary, others, NOTHING)?.value == Lent::Granted);
    if !wait_until(t, PATIENCE, ask)? {
        let came = format!("none within {PATIENCE:?}");
        return Err(t.fault("acquire", "after another's lease of a second should have lapsed", "the lease", came));
    }
    let lapsed = "after the lease has lapsed";
    t.on_rule(10).commit(committed, &content, mine)?.is(false, lapsed)?;
    t.on_rule(10).holds(committed, None, "after a `commit` that came when the lease had lapsed")?;
    t.on_rule(12).renew(renewed, mine)?.is(false, lapsed)?;
    t.acquire(renewed, others, NOTHING)?.is(Lent::Granted, "after a `renew` that came when the lease had lapsed")?;
    t.abandon(abandoned, mine)?;
    t.acquire(taken, others, NOTHING)?.is(Lent::Granted, lapsed)?;
    t.on_rule(10).commit(taken, &content, mine)?.is(false, "after the lease has lapsed and is another's")?;
    t.abandon(taken, mine)?;
    t.on_rule(12).commit(taken, &content, others)?.is(true, "after an `abandon` by one whose lease had lapsed")?;
    t.on_rule(10).commit(stored, &content, mine)?.is(false, lapsed)?;
    t.holds(stored, Some(&old), "after a `commit` that came when the lease had lapsed")?;
    let stands = "a second later, while a lease of an hour runs";
    t.acquire(&t.key("long"), others, NOTHING)?.is(Lent::Busy, stands)?;
    t.commit(&t.key("long"), &content, mine)?.is(true, stands)?;
    t.on_rule(12).commit(&standing, &content, mine)?.is(true, "a second after a `renew` for an hour")?;
    t.commit(&asked_again, &content, mine)?.is(true, "a second after it was asked for again, for an hour")?;
    shortened(t, &content)
}

/// Takes a short lease and lengthens it, once more where the machine was so busy that it may have lapsed in between.
fn lengthen(take: &dyn Fn() -> Outcome, lengthen: &dyn Fn() -> Outcome) -> Outcome {
    for _ in 0..5 {
        let begun = Instant::now();
        take()?;
        let outcome = lengthen();
        if outcome.is_ok() || begun.elapsed() < SHORT / 2 {
            return outcome;
        }
    }
    take()?;
    lengthen()
}

/// The length of a renewal counts, be it shorter.
fn shortened(t: &Trial<'_>, content: &Content) -> Outcome {
    let key = t.key("shortened");
    let (mine, others) = (token(), token());
    t.lend(&key, mine)?;
    let lease = Lease { token: mine, length: SHORT };
    t.on_rule(12).ask("renew", |backend, context| backend.renew(&key, lease, context))?.is(true, "by its owner")?;
    let ask = || Ok(t.acquire(&key, others, NOTHING)?.value == Lent::Granted);
    if !wait_until(t, PATIENCE, ask)? {
        let expected = "a lease that lapses its length from then, a second";
        return Err(t.on_rule(12).fault(
            "renew",
            "for a second, of an hour's lease",
            expected,
            "a longer one".to_owned(),
        ));
    }
    t.on_rule(10).commit(&key, content, mine)?.is(false, "after the lease has lapsed and is another's")
}
