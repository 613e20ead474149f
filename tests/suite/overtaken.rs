use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use cachekit::testing::waiting;
use cachekit::{Error, Invalidation, Region, cache_on_arguments, regions};

use crate::support::{AtLast, Gate, until};

regions! {
    static OVERTAKEN = Region::builder("overtaken");
    static OVERTAKEN_HARD = Region::builder("overtaken hard");
    static OVERTAKEN_SOFT = Region::builder("overtaken soft");
}

/// How often the functions below ran, which is also what they return.
#[derive(Default)]
struct Runs {
    count: AtomicU64,
    gate: Gate,
}

impl Runs {
    /// The first run is held at the gate.
    fn run(&self) -> u64 {
        let run = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if run == 1 {
            self.gate.wait();
        }
        run
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}

/// Starts a leader and a follower, lets `overtake` happen while they wait, then `after`, and then lets the leader go:
/// both callers from before get the first run's value.
fn overtaken(
    region: &Region,
    key: &cachekit::Key,
    runs: &Runs,
    call: impl Fn() -> u64 + Sync,
    overtake: impl FnOnce(),
    after: impl FnOnce(),
) {
    thread::scope(|scope| {
        let leader = scope.spawn(&call);
        until("the leader computes", || runs.count() == 1);
        let follower = scope.spawn(&call);
        until("the follower waits", || waiting(region, key) == 1);
        overtake();
        after();
        runs.gate.open();
        assert_eq!(leader.join().unwrap(), 1, "the leader from before gets its value");
        assert_eq!(follower.join().unwrap(), 1, "a follower from before gets the leader's value");
    });
}

#[test]
fn what_an_invalidation_overtakes_is_not_stored() -> Result<(), Error> {
    #[cache_on_arguments(region = "overtaken", skip(runs))]
    fn load(id: u64, runs: &Runs) -> u64 {
        assert_eq!(id, 1);
        runs.run()
    }

    let runs = Runs::default();
    overtaken(
        &OVERTAKEN,
        &load::key(1),
        &runs,
        || load(1, &runs),
        || load::invalidate(1).unwrap(),
        || assert_eq!(load(1, &runs), 2, "a caller from after computes anew, at once"),
    );
    assert_eq!(load::get(1)?, Some(2), "the newer value stays");
    assert_eq!(load(1, &runs), 2);
    Ok(())
}

#[test]
fn without_a_caller_afterwards_nothing_is_stored_at_all() -> Result<(), Error> {
    #[cache_on_arguments(region = "overtaken", skip(runs))]
    fn load(id: u64, runs: &Runs) -> u64 {
        assert_eq!(id, 1);
        runs.run()
    }

    let runs = Runs::default();
    let invalidate = || load::invalidate(1).unwrap();
    overtaken(&OVERTAKEN, &load::key(1), &runs, || load(1, &runs), invalidate, || {});
    assert_eq!(load::get(1)?, None);
    Ok(())
}

#[test]
fn a_set_value_stays() -> Result<(), Error> {
    #[cache_on_arguments(region = "overtaken", skip(runs))]
    fn load(id: u64, runs: &Runs) -> u64 {
        assert_eq!(id, 1);
        runs.run()
    }

    let runs = Runs::default();
    let after = || assert_eq!(load(1, &runs), 100, "callers from after get the set value");
    overtaken(&OVERTAKEN, &load::key(1), &runs, || load(1, &runs), || load::set(1, 100).unwrap(), after);
    assert_eq!(load::get(1)?, Some(100));
    assert_eq!(runs.count(), 1);
    Ok(())
}

#[test]
fn a_refreshed_value_stays() -> Result<(), Error> {
    #[cache_on_arguments(region = "overtaken", skip(runs))]
    fn load(id: u64, runs: &Runs) -> u64 {
        assert_eq!(id, 1);
        runs.run()
    }

    let runs = Runs::default();
    let refresh = || assert_eq!(load::refresh(1, &runs), 2);
    overtaken(&OVERTAKEN, &load::key(1), &runs, || load(1, &runs), refresh, || assert_eq!(load(1, &runs), 2));
    assert_eq!(load::get(1)?, Some(2));
    Ok(())
}

#[test]
fn what_expire_overtakes_is_not_stored() -> Result<(), Error> {
    #[cache_on_arguments(region = "overtaken", skip(runs))]
    fn load(id: u64, runs: &Runs) -> u64 {
        assert_eq!(id, 1);
        runs.run()
    }

    let runs = Runs::default();
    let expire = || load::expire(1).unwrap();
    overtaken(&OVERTAKEN, &load::key(1), &runs, || load(1, &runs), expire, || assert_eq!(load(1, &runs), 2));
    assert_eq!(load::get(1)?, Some(2));
    Ok(())
}

#[test]
fn what_a_hard_invalidation_of_the_region_overtakes_is_not_stored() -> Result<(), Error> {
    #[cache_on_arguments(region = "overtaken hard", skip(runs))]
    fn load(id: u64, runs: &Runs) -> u64 {
        assert_eq!(id, 1);
        runs.run()
    }

    let runs = Runs::default();
    let invalidate = || OVERTAKEN_HARD.invalidate(Invalidation::Hard).unwrap();
    overtaken(&OVERTAKEN_HARD, &load::key(1), &runs, || load(1, &runs), invalidate, || assert_eq!(load(1, &runs), 2));
    assert_eq!(load::get(1)?, Some(2));
    Ok(())
}

#[test]
fn what_a_soft_invalidation_of_the_region_overtakes_is_not_stored() -> Result<(), Error> {
    #[cache_on_arguments(region = "overtaken soft", skip(runs))]
    fn load(id: u64, runs: &Runs) -> u64 {
        assert_eq!(id, 1);
        runs.run()
    }

    let runs = Runs::default();
    let invalidate = || OVERTAKEN_SOFT.invalidate(Invalidation::Soft).unwrap();
    overtaken(&OVERTAKEN_SOFT, &load::key(1), &runs, || load(1, &runs), invalidate, || assert_eq!(load(1, &runs), 2));
    assert_eq!(load::get(1)?, Some(2));
    Ok(())
}

#[test]
fn a_region_invalidation_without_a_caller_afterwards_stores_nothing() -> Result<(), Error> {
    let region = Region::builder("overtaken, made by hand").build()?;
    for how in [Invalidation::Hard, Invalidation::Soft] {
        let runs = Runs::default();
        let call = || region.get_or_create("k", || runs.run());
        overtaken(&region, &"k".into(), &runs, call, || region.invalidate(how).unwrap(), || {});
        assert_eq!(region.get::<u64>("k")?, None, "{how:?}");
        assert_eq!(region.stats().entries, 0, "{how:?}");
    }
    Ok(())
}

thread_local! {
    /// Whether a clone of a [`Slow`] value in this thread waits.
    static SLOW: Cell<bool> = const { Cell::new(false) };
}

static CLONING: LazyLock<[Gate; 2]> = LazyLock::new(Default::default);

#[derive(Debug, PartialEq)]
struct Slow(u64);

impl Clone for Slow {
    fn clone(&self) -> Self {
        if SLOW.get() {
            CLONING[0].open();
            CLONING[1].wait();
        }
        Self(self.0)
    }
}

#[test]
fn a_caller_who_looked_before_an_invalidation_does_not_undo_a_computation_from_after() -> Result<(), Error> {
    regions! { static LOOKED = Region::builder("looked before"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "looked before", in_memory, skip(gate))]
    fn load(_id: u64, gate: &Gate) -> Slow {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        if run == 1 {
            gate.wait();
        }
        Slow(run)
    }

    let gate = Gate::new();
    load(1, &gate);
    load::expire(1)?;
    thread::scope(|scope| {
        let early = scope.spawn(|| {
            SLOW.set(true);
            let value = load(1, &gate);
            SLOW.set(false);
            value
        });
        CLONING[0].wait();
        LOOKED.invalidate(Invalidation::Soft).unwrap();
        let later = scope.spawn(|| load(1, &gate));
        until("the later caller computes", || RUNS.load(Ordering::SeqCst) == 2);
        CLONING[1].open();
        assert_eq!(early.join().unwrap(), Slow(0), "served the old value while another renews");
        gate.open();
        assert_eq!(later.join().unwrap(), Slow(1));
    });
    assert_eq!(load::get(1)?, Some(Slow(1)));
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    Ok(())
}

thread_local! {
    /// Whether the first [`Parking`] value that this thread drops waits.
    static PARKS: Cell<bool> = const { Cell::new(false) };
}

static PARKED: AtomicBool = AtomicBool::new(false);
static PARKING: LazyLock<Gate> = LazyLock::new(Gate::new);

#[derive(Clone)]
struct Parking;

impl Drop for Parking {
    fn drop(&mut self) {
        if PARKS.replace(false) {
            PARKED.store(true, Ordering::SeqCst);
            PARKING.wait();
        }
    }
}

#[test]
fn what_is_stored_after_an_invalidation_is_not_dropped_by_an_older_one() -> Result<(), Error> {
    regions! { static TWICE = Region::builder("invalidated twice"); }
    #[cache_on_arguments(region = TWICE, in_memory)]
    fn dropped_first(id: u64) -> Parking {
        let _ = id;
        Parking
    }
    #[cache_on_arguments(region = TWICE)]
    fn kept(id: u64) -> u64 {
        id
    }

    // Enough for the table to drop some of them before the next table's turn.
    (0..1_000).for_each(|id| drop(dropped_first(id)));
    kept(0);
    thread::scope(|scope| {
        let _at_last = AtLast(&PARKING);
        let older = scope.spawn(|| {
            PARKS.set(true);
            TWICE.invalidate(Invalidation::Hard).unwrap();
        });
        until("the older one drops values", || PARKED.load(Ordering::SeqCst));
        TWICE.invalidate(Invalidation::Hard).unwrap();
        kept(1);
        PARKING.open();
        older.join().unwrap();
    });
    assert_eq!(kept::get(1)?, Some(1));
    Ok(())
}

#[test]
fn an_entry_deleted_by_its_key_or_its_text_is_invalidated() -> Result<(), Error> {
    #[cache_on_arguments(region = "overtaken", skip(runs))]
    fn named_once(id: u64, runs: &Runs) -> u64 {
        assert_eq!(id, 1);
        runs.run()
    }

    let runs = Runs::default();
    let delete = || OVERTAKEN.delete(named_once::key(1)).unwrap();
    overtaken(
        &OVERTAKEN,
        &named_once::key(1),
        &runs,
        || named_once(1, &runs),
        delete,
        || assert_eq!(named_once(1, &runs), 2),
    );
    OVERTAKEN.delete(named_once::key(1).to_string())?;
    assert_eq!(named_once::get(1)?, None);
    Ok(())
}
