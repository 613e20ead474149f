//! What dogpile.cache promises, under the numbers of `docs/dogpile.md`, as far as cachekit promises it too, or something
//! else in its place.
//!
//! Those of many keys are in `dogpile_many`. What a number without a test comes to is said there; the first test holds
//! tests and table together.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{
    Error, Invalidation, KeyContext, Region, cache_multi_on_arguments, cache_on_arguments, mangle, regions,
};

use crate::support::{AtLast, Gate, Later, until};

const SECOND: Duration = Duration::from_secs(1);
const TTL: Duration = Duration::from_secs(60);

regions! {
    static DOGPILE = Region::builder("dogpile");
}

fn region(clock: &ManualClock) -> Region {
    Region::builder("dogpile by hand").ttl(TTL).clock(clock.clone()).build().unwrap()
}

/// Asks for `k`, which must neither be computed nor be waited for.
fn served(region: &Region) -> u64 {
    let region = region.clone();
    let create = || unreachable!("somebody else computes, or there is a value");
    // A thread that outlives the test if it fails, rather than hold it up.
    let call = thread::spawn(move || region.get_or_create("k", create));
    until("it is served", || call.is_finished());
    call.join().unwrap()
}

/// Does `meanwhile` while one caller creates `k`, and then lets it have its value.
fn while_one_creates(region: &Region, value: u64, meanwhile: impl FnOnce()) {
    let (gate, begun) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let creator = scope.spawn(|| {
            region.get_or_create("k", || {
                begun.open();
                gate.wait();
                value
            })
        });
        begun.wait();
        meanwhile();
        gate.open();
        assert_eq!(creator.join().unwrap(), value);
    });
}

#[test]
fn the_table_and_the_tests_agree() {
    /// The numbers in the name of a test.
    fn numbers(name: &str) -> BTreeSet<u32> {
        name.split('_').map_while(|part| part.strip_prefix('d')?.parse().ok()).collect()
    }
    let tests: BTreeSet<&str> = include_str!("dogpile.rs")
        .lines()
        .chain(include_str!("dogpile_many.rs").lines())
        .filter_map(|line| line.strip_prefix("fn ")?.split('(').next())
        .filter(|name| !numbers(name).is_empty())
        .collect();
    let mut rows = BTreeMap::new();
    for line in include_str!("../../docs/dogpile.md").lines() {
        let columns: Vec<&str> = line.split(" | ").collect();
        let Some(number) = columns[0].strip_prefix("| ").and_then(|number| number.parse::<u32>().ok()) else {
            continue;
        };
        assert_eq!(columns.len(), 4, "{line}");
        assert!(rows.insert(number, columns[3]).is_none(), "{number} has two rows");
    }
    assert!(rows.keys().copied().eq(1..=98), "a row is missing");
    let mut shown = BTreeSet::new();
    for (number, shown_by) in rows {
        for name in shown_by.split('`').filter(|name| !numbers(name).is_empty()) {
            assert!(tests.contains(name), "there is no test {name}");
            assert!(numbers(name).contains(&number), "{name} does not name {number}");
            shown.insert((number, name));
        }
    }
    for name in tests {
        for number in numbers(name) {
            assert!(shown.contains(&(number, name)), "the row of {number} does not name {name}");
        }
    }
}

// A: one creation at a time, and old values meanwhile.

#[test]
fn d1_at_most_one_creation_of_a_key_runs_at_a_time() {
    let clock = ManualClock::new();
    let region = region(&clock);
    let (is_inside, creations) = (AtomicBool::new(false), AtomicU64::new(0));
    for round in 1..=5 {
        let gate = Gate::new();
        thread::scope(|scope| {
            let _end = AtLast(&gate);
            let call = || {
                region.get_or_create("k", || {
                    assert!(!is_inside.swap(true, Ordering::SeqCst), "two at a time");
                    gate.wait();
                    is_inside.store(false, Ordering::SeqCst);
                    creations.fetch_add(1, Ordering::SeqCst) + 1
                })
            };
            let callers = [(); 10].map(|()| scope.spawn(call));
            until("all but the creator wait", || waiting(&region, "k") == 9);
            gate.open();
            assert!(callers.into_iter().all(|caller| caller.join().unwrap() == round));
        });
        // Past the time that the old value is kept.
        clock.advance(TTL * 2);
    }
}

#[test]
fn d2_d3_all_wait_on_the_cold_start_only_and_then_there_is_one_creation_per_expiry() {
    for (ttl, takes) in [(SECOND * 2, SECOND / 2), (SECOND * 5, SECOND * 2)] {
        let clock = ManualClock::new();
        let region = Region::builder("bounds").ttl(ttl).clock(clock.clone()).build().unwrap();
        let gate = Gate::new();
        thread::scope(|scope| {
            let _end = AtLast(&gate);
            let call = || {
                region.get_or_create("k", || {
                    gate.wait();
                    0_u64
                })
            };
            let callers = [(); 10].map(|()| scope.spawn(call));
            until("all but the creator wait", || waiting(&region, "k") == 9);
            gate.open();
            assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 0));
        });
        for expiry in 1..=20 {
            clock.advance(ttl);
            while_one_creates(&region, expiry, || {
                clock.advance(takes);
                (0..9).for_each(|_| assert_eq!(served(&region), expiry - 1));
            });
            (0..10).for_each(|_| assert_eq!(served(&region), expiry));
        }
        let stats = region.stats();
        assert_eq!((stats.creations, stats.coalesced, stats.stale_hits), (21, 9, 180));
    }
}

#[test]
fn d4_the_old_value_is_returned_while_a_creation_is_in_progress() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock);
    region.set("k", &1_u64)?;
    clock.advance(TTL);
    while_one_creates(&region, 2, || assert_eq!(served(&region), 1));
    assert_eq!(served(&region), 2);
    Ok(())
}

#[test]
fn d5_a_creation_longer_than_the_ttl_keeps_the_bounds_where_the_old_value_is_served_for_longer() -> Result<(), Error> {
    let clock = ManualClock::new();
    let ttl = SECOND * 2;
    let region = Region::builder("long").ttl(ttl).stale_while_revalidate(ttl * 5).clock(clock.clone()).build()?;
    region.set("k", &0_u64)?;
    for expiry in 1..=5 {
        clock.advance(ttl);
        while_one_creates(&region, expiry, || {
            clock.advance(SECOND * 5 / 2);
            assert_eq!(served(&region), expiry - 1);
        });
        assert_eq!(region.get::<u64>("k")?, Some(expiry), "fresh from the end of the creation");
    }
    assert_eq!(region.stats().coalesced, 0);
    Ok(())
}

#[test]
fn d6_no_value_is_served_that_is_older_than_twice_its_ttl_or_its_ttl_and_five_minutes() -> Result<(), Error> {
    const MINUTE: Duration = Duration::from_secs(60);
    for (ttl, oldest) in [(MINUTE, MINUTE * 2), (MINUTE * 60, MINUTE * 65)] {
        let clock = ManualClock::new();
        let build = Region::builder("bounded age").ttl(ttl).clock(clock.clone());
        let region = build.deadline(Duration::MAX).build()?;
        region.set("k", &1_u64)?;
        clock.advance(ttl);
        let (gate, begun) = (Gate::new(), Gate::new());
        thread::scope(|scope| {
            let _end = AtLast(&gate);
            let creator = scope.spawn(|| {
                region.get_or_create("k", || {
                    begun.open();
                    gate.wait();
                    2_u64
                })
            });
            begun.wait();
            clock.advance(oldest.saturating_sub(ttl + SECOND));
            assert_eq!(served(&region), 1);
            clock.advance(SECOND);
            let follower = scope.spawn(|| region.get_or_create("k", || -> u64 { unreachable!("it waits") }));
            until("it waits rather than being served the old value", || waiting(&region, "k") == 1);
            gate.open();
            assert_eq!((creator.join().unwrap(), follower.join().unwrap()), (2, 2));
        });
    }
    Ok(())
}

#[test]
fn d7_where_a_value_was_evicted_before_its_ttl_callers_wait_for_one_creation() -> Result<(), Error> {
    let region = Region::builder("small").ttl(TTL).capacity(1).build()?;
    region.set("k", &1_u64)?;
    for other in 0..100_u64 {
        region.set(other.to_string(), &other)?;
    }
    assert_eq!(region.get::<u64>("k")?, None);
    let gate = Gate::new();
    let creations = AtomicU64::new(0);
    thread::scope(|scope| {
        let _end = AtLast(&gate);
        let call = || {
            region.get_or_create("k", || {
                gate.wait();
                creations.fetch_add(1, Ordering::SeqCst) + 2
            })
        };
        let callers = [(); 10].map(|()| scope.spawn(call));
        until("all but the creator wait", || waiting(&region, "k") == 9);
        gate.open();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 2));
    });
    Ok(())
}

#[test]
fn d8_a_value_outlives_its_ttl_by_itself_so_that_nobody_waits_for_its_renewal() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock);
    region.set("k", &0_u64)?;
    for expiry in 1..=5 {
        clock.advance(TTL);
        while_one_creates(&region, expiry, || {
            for _ in 1..TTL.as_secs() {
                clock.advance(SECOND);
                assert_eq!(served(&region), expiry - 1);
            }
        });
    }
    assert_eq!(region.stats().coalesced, 0);
    Ok(())
}

thread_local! {
    /// Whether a clone of a [`Seen`] value in this thread waits.
    static IS_SLOW: Cell<bool> = const { Cell::new(false) };
}

static SEEN: std::sync::LazyLock<[Gate; 2]> = std::sync::LazyLock::new(Default::default);

#[derive(Debug, PartialEq)]
struct Seen(u64);

impl Clone for Seen {
    fn clone(&self) -> Self {
        if IS_SLOW.get() {
            SEEN[0].open();
            SEEN[1].wait();
        }
        Self(self.0)
    }
}

#[test]
fn d9_who_found_an_expired_value_looks_again_before_it_creates_one() -> Result<(), Error> {
    regions! { static AGAIN = Region::builder("dogpile 9").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = AGAIN, in_memory)]
    fn load() -> Seen {
        Seen(RUNS.fetch_add(1, Ordering::SeqCst))
    }

    let clock = ManualClock::new();
    AGAIN.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    load();
    clock.advance(TTL);
    thread::scope(|scope| {
        let _end = AtLast(&SEEN[1]);
        let delayed = scope.spawn(|| {
            IS_SLOW.set(true);
            load()
        });
        SEEN[0].wait();
        assert_eq!(load(), Seen(1), "another creates one meanwhile");
        SEEN[1].open();
        assert_eq!(delayed.join().unwrap(), Seen(1));
    });
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    Ok(())
}

#[test]
fn d10_the_runner_holds_the_key_until_its_renewal_has_ended_or_is_dropped() -> Result<(), Error> {
    regions! { static HELD = Region::builder("dogpile 10"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = HELD, ttl = "1m", stale_while_revalidate = "1m")]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (clock, kept) = (ManualClock::new(), Later::default());
    HELD.configure(|r| r.clock(clock.clone()).runner(kept.clone()))?;
    assert_eq!(load(), 0);
    clock.advance(TTL);
    assert_eq!((load(), load()), (0, 0));
    assert!(load::entry().is_computing());
    let mut renewals = kept.jobs();
    assert_eq!(renewals.len(), 1);
    renewals.pop().unwrap()();
    assert!(!load::entry().is_computing());
    clock.advance(TTL);
    assert_eq!(load(), 1);
    drop(kept.jobs());
    assert!(!load::entry().is_computing());
    assert_eq!((load(), kept.jobs().len()), (1, 1), "the next caller asks again");
    Ok(())
}

#[test]
fn d11_threads_that_come_and_go_share_one_creation_per_key() {
    let region = Region::builder("churn").ttl(Duration::ZERO).build().unwrap();
    let is_inside: [AtomicBool; 3] = Default::default();
    thread::scope(|scope| {
        for thread in 0..20_usize {
            let (region, is_inside) = (&region, &is_inside);
            scope.spawn(move || {
                for iteration in 0..20 {
                    let key = (thread + iteration) % is_inside.len();
                    region.get_or_create(key.to_string(), || {
                        assert!(!is_inside[key].swap(true, Ordering::SeqCst), "two at a time");
                        thread::yield_now();
                        is_inside[key].store(false, Ordering::SeqCst);
                    });
                }
            });
        }
    });
}

// B: regions.

#[test]
fn d13_a_region_has_a_name() -> Result<(), Error> {
    assert_eq!(Region::builder("my region").build()?.name(), "my region");
    Ok(())
}

#[test]
fn d16_a_ttl_is_a_duration_with_its_fractions() -> Result<(), Error> {
    for ttl in [Duration::from_secs(33 * 60 * 60), Duration::from_millis(900), Duration::from_nanos(1)] {
        let clock = ManualClock::new();
        let region = Region::builder("durations").ttl(ttl).clock(clock.clone()).build()?;
        region.set("k", &1_u64)?;
        clock.advance(ttl.saturating_sub(Duration::from_nanos(1)));
        assert_eq!(region.get::<u64>("k")?, Some(1), "{ttl:?}");
        clock.advance(Duration::from_nanos(1));
        assert_eq!(region.get::<u64>("k")?, None, "{ttl:?}");
    }
    Ok(())
}

#[test]
fn d18_d19_a_mangler_makes_what_a_backend_sees_and_nothing_else() -> Result<(), Error> {
    let plain = Region::builder("plain").build()?;
    assert_eq!(plain.backend_key("some key"), "plain:some key", "none is the default");
    let region = Region::builder("mangled").key_mangler(|key| format!("HI!{key}")).build()?;
    assert_eq!(region.backend_key("some key"), "HI!mangled:some key");
    region.set("some key", &1_u64)?;
    assert_eq!(region.get::<u64>("some key")?, Some(1));
    assert_eq!(region.get_or_create("some key", || 2_u64), 1);
    region.delete("some key")?;
    assert_eq!(region.get::<u64>("some key")?, None);
    Ok(())
}

#[test]
fn d20_a_second_configure_is_an_error_and_changes_nothing() -> Result<(), Error> {
    let region = Region::builder("twice").build()?;
    region.configure(|r| r.key_prefix("first:"))?;
    assert!(region.configure(|r| r.key_prefix("second:")).unwrap_err().is_already_configured());
    assert_eq!(region.backend_key("k"), "first:twice:k");
    Ok(())
}

#[test]
fn d21_d22_reconfigure_replaces_the_settings_and_starts_from_the_declared_mangler() -> Result<(), Error> {
    let region = Region::builder("replaced").key_mangler(str::to_uppercase).build()?;
    region.configure(|r| r.key_prefix("a:").key_mangler(mangle::sha1))?;
    region.reconfigure(|r| r.key_prefix("b:"))?;
    assert_eq!(region.backend_key("k"), "B:REPLACED:K");
    Ok(())
}

#[test]
fn d23_a_region_works_before_it_is_configured() -> Result<(), Error> {
    let region = Region::builder("not configured").build()?;
    region.set("k", &1_u64)?;
    assert_eq!(region.get::<u64>("k")?, Some(1));
    region.configure(|r| r)
}

#[test]
fn d25_what_is_set_is_what_get_gives() -> Result<(), Error> {
    DOGPILE.set("d25", &"some value".to_owned())?;
    assert_eq!(DOGPILE.get::<String>("d25")?.as_deref(), Some("some value"));
    Ok(())
}

#[test]
fn d26_get_of_a_missing_key_gives_nothing_also_with_a_ttl_and_after_an_invalidation() -> Result<(), Error> {
    let region = region(&ManualClock::new());
    assert_eq!(region.get::<u64>("k")?, None);
    for how in [Invalidation::Hard, Invalidation::Soft] {
        region.invalidate(how)?;
        assert_eq!(region.get::<u64>("k")?, None);
    }
    Ok(())
}

#[test]
fn d27_get_or_create_on_a_miss_calls_the_creator() -> Result<(), Error> {
    assert_eq!(DOGPILE.get_or_create("d27", || "created".to_owned()), "created");
    assert_eq!(DOGPILE.get::<String>("d27")?.as_deref(), Some("created"));
    Ok(())
}

#[test]
fn d28_a_key_is_being_computed_while_somebody_does_and_not_when_idle() {
    #[cache_on_arguments(region = "dogpile")]
    fn load(id: u64) -> u64 {
        assert!(load::entry(id).is_computing());
        id
    }

    assert!(!load::entry(28).is_computing());
    assert_eq!(load(28), 28);
    assert!(!load::entry(28).is_computing());
}

#[test]
fn d30_a_key_may_be_deleted_twice() -> Result<(), Error> {
    DOGPILE.set("d30", &1_u64)?;
    for _ in 0..2 {
        DOGPILE.delete("d30")?;
        assert_eq!(DOGPILE.get::<u64>("d30")?, None);
    }
    Ok(())
}

#[test]
fn d31_d33_past_the_ttl_get_gives_nothing_and_get_or_create_creates() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = region(&clock);
    assert_eq!(region.get_or_create("k", || 1_u64), 1);
    clock.advance(TTL.saturating_sub(SECOND));
    assert_eq!((region.get::<u64>("k")?, served(&region)), (Some(1), 1));
    clock.advance(SECOND);
    assert_eq!(region.get::<u64>("k")?, None);
    assert_eq!(region.get_or_create("k", || 2_u64), 2);
    assert_eq!(region.get::<u64>("k")?, Some(2));
    Ok(())
}

#[test]
fn d34_d52_d53_peek_shows_what_is_past_its_ttl_and_says_so() -> Result<(), Error> {
    regions! { static PEEKED = Region::builder("dogpile 34").ttl(TTL); }
    #[cache_on_arguments(region = PEEKED)]
    fn load(id: u64) -> u64 {
        id
    }

    let clock = ManualClock::new();
    PEEKED.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    load(1);
    clock.advance(TTL);
    assert_eq!(load::get(1)?, None);
    let peek = load::entry(1).peek()?.unwrap();
    assert_eq!((*peek.value(), peek.is_stale(), peek.age()), (1, true, TTL));
    PEEKED.invalidate(Invalidation::Soft)?;
    assert!(load::entry(1).peek()?.is_some_and(|peek| peek.is_stale()));
    PEEKED.invalidate(Invalidation::Hard)?;
    assert_eq!(load::entry(1).peek()?, None, "what is gone is gone here too");
    Ok(())
}

#[test]
fn d36_a_ttl_given_for_one_call_stays_with_the_value_that_it_creates() -> Result<(), Error> {
    regions! { static GIVEN = Region::builder("dogpile 36").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = GIVEN)]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let clock = ManualClock::new();
    GIVEN.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    let call = || load::with(|options| options.ttl(SECOND));
    assert_eq!(load(), 0);
    clock.advance(SECOND * 5);
    assert_eq!(call(), 0, "a value that is there keeps its own");
    clock.advance(TTL);
    assert_eq!(call(), 1);
    clock.advance(SECOND);
    assert_eq!(load::get()?, None, "for every caller");
    Ok(())
}

#[test]
fn d37_d40_after_an_invalidation_hard_or_soft_get_gives_nothing() -> Result<(), Error> {
    let region = region(&ManualClock::new());
    for how in [Invalidation::Hard, Invalidation::Soft] {
        region.set("k", &1_u64)?;
        region.invalidate(how)?;
        assert_eq!(region.get::<u64>("k")?, None, "{how:?}");
    }
    Ok(())
}

#[test]
fn d38_after_a_hard_invalidation_a_value_is_created_once_and_so_after_the_next() -> Result<(), Error> {
    let region = region(&ManualClock::new());
    for value in 1..=3 {
        assert_eq!(region.get_or_create("k", || value), value);
        assert_eq!(served(&region), value);
        region.invalidate(Invalidation::Hard)?;
    }
    Ok(())
}

#[test]
fn d41_after_a_soft_invalidation_who_comes_alone_creates_and_the_others_are_served_the_old_value() -> Result<(), Error>
{
    let region = region(&ManualClock::new());
    region.set("k", &1_u64)?;
    region.invalidate(Invalidation::Soft)?;
    assert_eq!(region.get_or_create("k", || 2_u64), 2);
    region.invalidate(Invalidation::Soft)?;
    while_one_creates(&region, 3, || assert_eq!(served(&region), 2));
    Ok(())
}

#[test]
fn d43_d44_a_soft_invalidation_needs_no_ttl() -> Result<(), Error> {
    let region = Region::builder("no ttl").build()?;
    region.invalidate(Invalidation::Soft)?;
    assert_eq!(region.get_or_create("k", || 1_u64), 1, "missing");
    region.invalidate(Invalidation::Soft)?;
    while_one_creates(&region, 2, || assert_eq!(served(&region), 1));
    Ok(())
}

#[test]
fn d47_a_value_that_should_cache_rejects_is_returned_and_leaves_the_old_one_in_place() -> Result<(), Error> {
    regions! { static REJECTED = Region::builder("dogpile 47").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = REJECTED, should_cache = |value: &u64| value % 3 == 1)]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst) + 1
    }

    let clock = ManualClock::new();
    REJECTED.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    assert_eq!((load(), load()), (1, 1));
    clock.advance(TTL);
    assert_eq!((load(), load()), (2, 3));
    assert_eq!(load::entry().peek()?.map(|peek| *peek.value()), Some(1));
    assert_eq!((load(), load()), (4, 4));
    Ok(())
}

#[test]
fn d49_many_are_set_got_and_deleted_at_once_present_or_not() -> Result<(), Error> {
    let region = region(&ManualClock::new());
    region.set_many([("a", &1_u64), ("c", &3)])?;
    assert_eq!(region.get_many::<u64>(["c", "b", "a"])?, [Some(3), None, Some(1)]);
    region.delete_many(["b", "a"])?;
    assert_eq!(region.get_many::<u64>(["a", "b", "c"])?, [None, None, Some(3)]);
    assert_eq!(region.get_many::<u64>(Vec::<String>::new())?, []);
    Ok(())
}

#[test]
fn d50_d51_peek_tells_value_and_age_and_nothing_of_what_is_missing() -> Result<(), Error> {
    regions! { static AGED = Region::builder("dogpile 50").ttl(TTL); }
    #[cache_on_arguments(region = AGED)]
    fn load(id: u64) -> u64 {
        id
    }

    let clock = ManualClock::new();
    AGED.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    assert_eq!(load::entry(1).peek()?, None);
    load(1);
    for age in [Duration::ZERO, SECOND * 5] {
        clock.advance(age);
        let peek = load::entry(1).peek()?.unwrap();
        assert_eq!((*peek.value(), peek.age(), peek.is_fresh()), (1, age, true));
    }
    Ok(())
}

#[test]
fn d55_the_first_call_creates_itself_and_for_a_stale_value_the_runner_is_asked_once() -> Result<(), Error> {
    regions! { static ASKED = Region::builder("dogpile 55"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = ASKED, ttl = "1m", stale_while_revalidate = "1m")]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let (clock, kept) = (ManualClock::new(), Later::default());
    ASKED.configure(|r| r.clock(clock.clone()).runner(kept.clone()))?;
    assert_eq!((load(), load()), (0, 0));
    assert!(kept.jobs().is_empty());
    clock.advance(TTL);
    (0..5).for_each(|_| assert_eq!(load(), 0));
    let renewals = kept.jobs();
    assert_eq!(renewals.len(), 1);
    for renewal in renewals {
        renewal();
    }
    assert_eq!((load(), RUNS.load(Ordering::SeqCst), kept.jobs().len()), (1, 2, 0));
    Ok(())
}

#[test]
fn d56_after_a_soft_invalidation_the_runner_is_asked() -> Result<(), Error> {
    regions! { static SOFT = Region::builder("dogpile 56"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = SOFT, background)]
    fn load(name: &str) -> String {
        format!("{name} {}", RUNS.fetch_add(1, Ordering::SeqCst))
    }

    let kept = Later::default();
    SOFT.configure(|r| r.runner(kept.clone()))?;
    assert_eq!(load("ann"), "ann 0");
    SOFT.invalidate(Invalidation::Soft)?;
    assert_eq!((load("ann"), load("ann")), ("ann 0".to_owned(), "ann 0".to_owned()));
    let renewals = kept.jobs();
    assert_eq!(renewals.len(), 1);
    for renewal in renewals {
        renewal();
    }
    assert_eq!(load("ann"), "ann 1");
    Ok(())
}

#[test]
fn d65_a_missing_value_is_a_miss_and_none_is_a_value() -> Result<(), Error> {
    let region = region(&ManualClock::new());
    assert_eq!(region.get::<Option<u64>>("k")?, None);
    region.set("k", &None::<u64>)?;
    assert_eq!(region.get::<Option<u64>>("k")?, Some(None));
    let stats = region.stats();
    assert_eq!((stats.misses, stats.hits), (1, 1));
    Ok(())
}

#[test]
fn d66_a_value_of_another_version_is_a_miss() -> Result<(), Error> {
    regions! { static VERSIONED = Region::builder("dogpile 66").version(1); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = VERSIONED)]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    assert_eq!((load(), load()), (0, 0));
    VERSIONED.configure(|r| r.version(2))?;
    let misses = VERSIONED.stats().misses;
    assert_eq!((load::get()?, load(), load()), (None, 1, 1));
    assert_eq!(VERSIONED.stats().misses, misses + 2);
    Ok(())
}

#[test]
fn d67_a_value_that_was_invalidated_is_a_miss() -> Result<(), Error> {
    let region = region(&ManualClock::new());
    for how in [Invalidation::Hard, Invalidation::Soft] {
        region.set("k", &1_u64)?;
        region.invalidate(how)?;
        let before = region.stats();
        assert_eq!(region.get::<u64>("k")?, None);
        assert_eq!(region.get_or_create("k", || 2_u64), 2);
        let after = region.stats();
        assert_eq!((after.misses - before.misses, after.hits - before.hits), (2, 0), "{how:?}");
    }
    Ok(())
}

// C: functions.

#[test]
fn d68_each_argument_has_its_value_for_as_long_as_the_region_says() -> Result<(), Error> {
    regions! { static ARGUMENTS = Region::builder("dogpile 68").ttl(TTL); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = ARGUMENTS)]
    fn plain(_id: u64) -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }
    #[cache_on_arguments(region = ARGUMENTS, namespace = "x")]
    fn named(_id: u64) -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    let clock = ManualClock::new();
    ARGUMENTS.configure(|r| r.ttl(TTL).clock(clock.clone()))?;
    for first in [0, 4] {
        for _ in 0..2 {
            assert_eq!([plain(1), plain(2), named(1), named(2)], [first, first + 1, first + 2, first + 3]);
        }
        clock.advance(TTL);
    }
    Ok(())
}

#[test]
fn d69_the_ttl_of_a_function_overrides_that_of_its_region() -> Result<(), Error> {
    regions! { static OVERRIDDEN = Region::builder("dogpile 69").ttl(SECOND); }
    #[cache_on_arguments(region = OVERRIDDEN, ttl = "1m")]
    fn load(id: u64) -> u64 {
        id
    }

    let clock = ManualClock::new();
    OVERRIDDEN.configure(|r| r.ttl(SECOND).clock(clock.clone()))?;
    load(1);
    clock.advance(TTL.saturating_sub(SECOND));
    assert_eq!(load::get(1)?, Some(1), "for `get` too");
    clock.advance(SECOND);
    assert_eq!(load::get(1)?, None);
    Ok(())
}

#[test]
fn d70_a_ttl_that_is_an_expression_is_asked_for_each_value() -> Result<(), Error> {
    regions! { static EXPRESSION = Region::builder("dogpile 70"); }
    static SECONDS: AtomicU64 = AtomicU64::new(5);
    #[cache_on_arguments(region = EXPRESSION, ttl = Duration::from_secs(SECONDS.load(Ordering::SeqCst)))]
    fn load(id: u64) -> u64 {
        id
    }

    load(1);
    SECONDS.store(50, Ordering::SeqCst);
    load(2);
    let left = |id| Ok::<_, Error>(load::entry(id).peek()?.and_then(|peek| peek.ttl_left()).unwrap());
    assert!(left(1)? <= SECOND * 5, "a value keeps the one that it was stored with");
    assert!(left(2)? > SECOND * 5);
    Ok(())
}

#[test]
fn d71_with_a_ttl_of_zero_every_call_creates() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "dogpile", ttl = Duration::ZERO)]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    assert_eq!([load(), load(), load()], [0, 1, 2]);
}

#[test]
fn d72_d90_invalidate_forgets_the_value_of_these_arguments() -> Result<(), Error> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "dogpile")]
    fn load(_id: u64, _name: &str) -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    assert_eq!([load(1, "a"), load(1, "b"), load(1, "a")], [0, 1, 0]);
    load::invalidate(1, "a")?;
    assert_eq!([load(1, "a"), load(1, "b"), load(1, "a")], [2, 1, 2]);
    Ok(())
}

#[test]
fn d73_d74_set_stores_a_value_also_one_of_zero_and_get_reads_it() -> Result<(), Error> {
    #[cache_on_arguments(region = "dogpile")]
    fn load(id: u64) -> u64 {
        id
    }

    assert_eq!(load::get(5)?, None);
    load::set(5, 0)?;
    assert_eq!((load::get(5)?, load(5)), (Some(0), 0));
    load::set(5, 7)?;
    assert_eq!((load::get(5)?, load(5)), (Some(7), 7));
    load::invalidate(5)?;
    assert_eq!((load::get(5)?, load(5)), (None, 5));
    Ok(())
}

#[test]
fn d77_refresh_calls_the_function_whatever_is_stored_and_replaces_it() -> Result<(), Error> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "dogpile")]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    assert_eq!([load(), load::refresh(), load(), load::refresh()], [0, 1, 1, 2]);
    assert_eq!(load::get()?, Some(2));
    Ok(())
}

#[test]
fn d79_a_key_generator_of_a_function_may_leave_arguments_out() -> Result<(), Error> {
    fn first_only(context: &KeyContext<'_>) -> String {
        let first = context.arguments().next().map(|(_, value)| value);
        format!("{}:{}", context.function(), first.unwrap_or_default())
    }
    #[cache_on_arguments(region = "dogpile", key_generator = first_only)]
    fn load(a: u64, b: u64) -> u64 {
        a + b
    }

    assert_eq!((load(1, 2), load(1, 50), load(2, 2)), (3, 3, 4));
    load::set(1, 0, 9)?;
    assert_eq!(load(1, 2), 9);
    load::invalidate(1, 77)?;
    assert_eq!(load(1, 5), 6);
    Ok(())
}

#[test]
fn d85_d87_a_key_is_region_module_function_namespace_and_arguments() {
    #[cache_on_arguments(region = "dogpile")]
    fn one(a: u64, b: Option<&str>) -> usize {
        usize::from(a > 0) + b.map_or(0, str::len)
    }
    #[cache_on_arguments(region = "dogpile", namespace = "mynamespace")]
    fn two(a: u64, b: u64) -> u64 {
        a + b
    }

    let module = module_path!();
    assert_eq!((one(1, None), two(1, 2)), (1, 3));
    assert_eq!(one::key(1, Some("x y")).to_string(), format!(r#"dogpile:{module}::one|1,some("x y")"#));
    assert_eq!(one::key(1, None).to_string(), format!("dogpile:{module}::one|1,none"));
    assert_ne!(one::key(1, Some("none")), one::key(1, None));
    assert_eq!(two::key(1, 2).to_string(), format!("dogpile:{module}::two[mynamespace]|1,2"));
}

#[test]
fn d88_a_key_keeps_what_is_not_ascii() {
    #[cache_on_arguments(region = "dogpile")]
    fn load(name: &str) -> usize {
        name.len()
    }

    assert_eq!(load("méil"), 5);
    assert!(load::key("méil").to_string().ends_with("|\"méil\""));
    assert_eq!(DOGPILE.backend_key("méil"), "dogpile:méil");
}

#[test]
fn d89_sha1_gives_the_same_digits_for_the_same_text() {
    assert_eq!(mangle::sha1("some_key"), "53def077a4264bd3183d4eb21b1f56f883e1b572");
    assert_eq!(mangle::sha1("tests.cache.test_decorator:one|1 2"), "aead490a8ace2d69a00160f1fd8fd8a16552c24f");
}

#[test]
fn d91_original_is_the_function_itself() -> Result<(), Error> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "dogpile")]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    assert_eq!([load(), load::original(), load(), load::original()], [0, 1, 0, 2]);
    assert_eq!(load::get()?, Some(0));
    Ok(())
}

#[test]
fn d92_cached_functions_nest_and_one_that_asks_for_its_own_key_panics_instead_of_waiting_for_itself() {
    #[cache_on_arguments(region = "dogpile")]
    fn outer(id: u64) -> u64 {
        inner(id) + 1
    }
    #[cache_on_arguments(region = "dogpile")]
    fn inner(id: u64) -> u64 {
        id * 10
    }
    #[cache_on_arguments(region = "dogpile")]
    fn own(id: u64) -> u64 {
        own(id)
    }

    assert_eq!((outer(1), inner(1)), (11, 10));
    assert!(thread::spawn(|| own(1)).join().is_err());
}

#[test]
fn d98_the_signature_stays_as_it_was() {
    /// Documented.
    #[cache_on_arguments(region = "dogpile")]
    fn load<'a>(id: u64, names: &'a [&'a str]) -> Option<String> {
        (id > 0).then(|| format!("{id} {}", names.join(" ")))
    }

    #[cache_multi_on_arguments(region = "dogpile")]
    fn load_many(names: &[&str], page: u64) -> BTreeMap<String, u64> {
        names.iter().map(|name| ((*name).to_owned(), page)).collect()
    }

    let signature: for<'a> fn(u64, &'a [&'a str]) -> Option<String> = load;
    assert_eq!(signature(1, &["a", "b"]).as_deref(), Some("1 a b"));
    let signature: fn(&[&str], u64) -> BTreeMap<String, u64> = load_many;
    assert_eq!(signature(&["a"], 1), BTreeMap::from([("a".to_owned(), 1)]));
}
