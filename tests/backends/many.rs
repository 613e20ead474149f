//! Functions of many keys in a region with a backend, beside another process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use cachekit::backend::{Answer, Backend, Content, Context, Lease};
use cachekit::testing::{Chaos, ManualClock, waiting};
use cachekit::{
    Clock, Error, Job, OnBackendError, Proxy, Region, Runner, StaticRegion, Task, cache_multi_on_arguments,
    cache_on_arguments, regions,
};
use cachekit_backends::memory::Memory;

use crate::support::{Gate, Processes, TTL, until};
use crate::trips::Trips;

/// The longest pause of those who wait for another process.
const POLL: Duration = Duration::from_millis(200);

regions! {
    static NESTED = Region::builder("many nested");
    static HELD = Region::builder("many held");
    static BUSY = Region::builder("many busy");
    static AGED = Region::builder("many aged");
    static OLD = Region::builder("many old");
    static SET_UP = Region::builder("many set up");
    static CHAOTIC = Region::builder("many chaotic");
    static BROKEN = Region::builder("many broken");
    static RENEWED = Region::builder("many renewed");
    static LONG = Region::builder("many long");
    static TOLD = Region::builder("many told");
}

/// A process beside the one whose region this is.
fn beside(processes: &Processes, region: &'static StaticRegion, name: &str, trips: &Trips) -> Region {
    let (clock, store) = (processes.clock.clone(), processes.store.clone());
    region.configure(|own| own.ttl(TTL).clock(clock).backend(store).wrap(trips.clone())).unwrap();
    let other = Region::builder(name).ttl(TTL).clock(processes.clock.clone());
    other.backend(processes.store.clone()).build().unwrap()
}

/// Moves the time for a while, or until this is seen.
fn pass_until(processes: &Processes, what: &str, seen: impl Fn() -> bool) {
    for _ in 0..100 {
        if seen() {
            return;
        }
        processes.clock.advance(POLL);
        thread::park_timeout(Duration::from_millis(2));
    }
    panic!("waited in vain for: {what}");
}

#[test]
fn a_function_may_ask_for_a_key_of_its_call_that_another_process_computes() {
    static TRIPS: LazyLock<Trips> = LazyLock::new(Trips::default);
    static BEGUN: OnceLock<u64> = OnceLock::new();

    #[cache_on_arguments(region = NESTED)]
    fn one(id: u64) -> u64 {
        id
    }

    #[cache_multi_on_arguments(region = NESTED, entries_of = one)]
    fn sums(ids: &[u64]) -> HashMap<u64, u64> {
        BEGUN.get_or_init(|| TRIPS.count());
        ids.iter().map(|id| (*id, id + one(1))).collect()
    }

    let processes = Processes::new();
    let other = beside(&processes, &NESTED, "many nested", &TRIPS);
    let mut call = None;
    other.get_or_create(one::key(1), || {
        call = Some(thread::spawn(|| sums(&[1, 2])));
        let asks = || waiting(&NESTED, one::key(1)) > 0 || BEGUN.get().is_some_and(|begun| TRIPS.count() >= begun + 2);
        until("the function asks for the key", asks);
        10_u64
    });
    let call = call.unwrap();
    pass_until(&processes, "the call ends", || call.is_finished());
    assert_eq!(call.join().unwrap(), HashMap::from([(1, 10), (2, 12)]));
}

#[test]
fn who_waits_for_a_key_of_another_process_is_not_held_up_by_a_function_that_computes_others() {
    static GATE: Gate = Gate::new();

    #[cache_on_arguments(region = HELD)]
    fn one(id: u64) -> u64 {
        id
    }

    #[cache_multi_on_arguments(region = HELD, entries_of = one)]
    fn many(ids: &[u64]) -> HashMap<u64, u64> {
        GATE.pass();
        ids.iter().map(|id| (*id, *id)).collect()
    }

    let processes = Processes::new();
    let trips = Trips::default();
    let other = beside(&processes, &HELD, "many held", &trips);
    let (mut call, mut single) = (None, None);
    other.get_or_create(one::key(1), || {
        call = Some(thread::spawn(|| many(&[1, 2])));
        GATE.wait_for_somebody();
        let begun = trips.count();
        single = Some(thread::spawn(|| one(1)));
        until("it has looked", || waiting(&HELD, one::key(1)) > 0 || trips.count() >= begun + 2);
        10_u64
    });
    let single = single.unwrap();
    pass_until(&processes, "somebody has the value", || single.is_finished());
    assert_eq!(single.join().unwrap(), 10);
    GATE.open();
    let call = call.unwrap();
    pass_until(&processes, "the call ends", || call.is_finished());
    assert_eq!(call.join().unwrap(), HashMap::from([(1, 10), (2, 2)]));
}

#[test]
fn the_leases_of_many_keys_are_asked_for_together_again_and_again() {
    #[cache_on_arguments(region = BUSY)]
    fn one(id: u64) -> u64 {
        id
    }

    #[cache_multi_on_arguments(region = BUSY, entries_of = one)]
    fn many(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }

    fn hold(other: &Region, ids: &[u64], then: &mut dyn FnMut()) {
        match ids {
            [] => then(),
            [first, rest @ ..] => {
                other.get_or_create(one::key(*first), || {
                    hold(other, rest, then);
                    first + 100
                });
            }
        }
    }

    let (processes, trips) = (Processes::new(), Trips::default());
    let other = beside(&processes, &BUSY, "many busy", &trips);
    let ids: Vec<u64> = (0..30).collect();
    let mut call = None;
    hold(&other, &ids, &mut || {
        let asked = ids.clone();
        call = Some(thread::spawn(move || many(&asked)));
        for _ in 0..100 {
            processes.clock.advance(Duration::from_millis(10));
            thread::park_timeout(Duration::from_millis(5));
        }
    });
    let call = call.unwrap();
    pass_until(&processes, "the call ends", || call.is_finished());
    assert_eq!(call.join().unwrap(), ids.iter().map(|id| id + 100).collect::<Vec<_>>());
    assert_eq!(one(7), 107);
    assert!(trips.count() < 20, "{}", trips.count());
}

/// Gives the region a backend when somebody asks it for the time.
#[derive(Debug, Default)]
struct Meddling(ManualClock);

impl Clock for Meddling {
    fn now(&self) -> Duration {
        if MEDDLES.swap(false, Ordering::SeqCst) {
            SET_UP.reconfigure(|region| region.backend(Memory::new())).unwrap();
        }
        self.0.now()
    }
}

static MEDDLES: AtomicBool = AtomicBool::new(false);

#[test]
fn a_region_may_be_given_a_backend_while_many_keys_are_asked_for() {
    #[cache_multi_on_arguments(region = SET_UP)]
    fn many(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }

    SET_UP.configure(|region| region.clock(Meddling::default())).unwrap();
    many(&[1]);
    MEDDLES.store(true, Ordering::SeqCst);
    assert_eq!(many(&[3, 4, 5]), [3, 4, 5]);
    assert!(!MEDDLES.load(Ordering::SeqCst));
    assert_eq!(many(&[3, 4, 5]), [3, 4, 5]);
}

#[test]
fn chaos_loses_no_value_and_nobody_hangs() {
    #[cache_on_arguments(region = CHAOTIC)]
    fn one(id: u64) -> u64 {
        id
    }

    #[cache_multi_on_arguments(region = CHAOTIC, entries_of = one)]
    fn many(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }

    #[cache_multi_on_arguments(region = CHAOTIC)]
    async fn later(ids: &[u64]) -> Vec<u64> {
        tokio::task::yield_now().await;
        ids.to_vec()
    }

    let chaos = Chaos::new(5).errors(0.1).lost_answers(0.1).hangs(0.02).delays(0.2, Duration::from_millis(5));
    let millis = Duration::from_millis;
    CHAOTIC
        .configure(|region| {
            region
                .backend(Memory::new())
                .wrap(chaos)
                .read_timeout(millis(20))
                .write_timeout(millis(20))
                .lease(millis(100))
        })
        .unwrap();
    thread::scope(|scope| {
        for seed in 0..6 {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for _ in 0..60 {
                    let mut ids: Vec<u64> = (0..30).collect();
                    random.shuffle(&mut ids);
                    ids.truncate(random.usize(1..20));
                    match random.u8(0..6) {
                        0 => assert_eq!(runtime.block_on(later(&ids)), ids),
                        1 => assert_eq!(one(ids[0]), ids[0]),
                        2 => drop(many::invalidate(&ids)),
                        3 => assert_eq!(many::refresh(&ids), ids),
                        _ => assert_eq!(many(&ids), ids),
                    }
                }
            });
        }
    });
}

#[test]
fn a_request_for_a_hundred_keys_that_fails_counts_once() {
    #[cache_multi_on_arguments(region = BROKEN)]
    fn many(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }

    let (chaos, clock) = (Chaos::new(5).errors(1.0), ManualClock::new());
    BROKEN.configure(|region| region.clock(clock).backend(Memory::new()).wrap(chaos)).unwrap();
    let ids: Vec<u64> = (0..100).collect();
    assert_eq!(many(&ids), ids);
    let errors = BROKEN.stats().backend_errors;
    assert!(errors == 1 || errors == 2, "the call's, and that of a first probe: {errors}");
}

#[test]
fn an_old_value_of_a_key_that_another_process_computes_is_served_beside_new_ones_of_others() {
    #[cache_on_arguments(region = OLD)]
    fn one(id: u64) -> u64 {
        id
    }

    #[cache_multi_on_arguments(region = OLD, entries_of = one)]
    fn many(ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, id + 100)).collect()
    }

    let processes = Processes::new();
    let other = beside(&processes, &OLD, "many old", &Trips::default());
    assert_eq!((one(1), one(2)), (1, 2));
    processes.clock.advance(TTL);
    other.get_or_create(one::key(1), || {
        let call = thread::spawn(|| many(&[1, 2, 3]));
        assert_eq!(call.join().unwrap(), HashMap::from([(1, 1), (2, 102), (3, 103)]));
        10_u64
    });
    assert_eq!(many(&[1, 2, 3]), HashMap::from([(1, 10), (2, 102), (3, 103)]));
}

/// Keeps renewals until the test runs them.
#[derive(Debug)]
struct Later;

static JOBS: Mutex<Vec<Job>> = Mutex::new(Vec::new());

impl Runner for Later {
    fn run(&self, job: Job) -> bool {
        JOBS.lock().unwrap().push(job);
        true
    }

    fn spawn(&self, _: Task) -> bool {
        false
    }
}

#[test]
fn keys_that_are_due_are_renewed_in_one_call_as_far_as_no_other_process_renews_them() {
    static ASKED: Mutex<Vec<Vec<u64>>> = Mutex::new(Vec::new());

    #[cache_on_arguments(region = AGED, stale_while_revalidate = "1h", tags = ["{id}"])]
    fn one(id: u64) -> u64 {
        id
    }

    #[cache_multi_on_arguments(entries_of = one, background)]
    fn many(ids: &[u64]) -> HashMap<u64, u64> {
        ASKED.lock().unwrap().push(ids.to_vec());
        ids.iter().filter(|id| **id != 5).map(|id| (*id, id + 100)).collect()
    }

    fn run_all() -> usize {
        let jobs = std::mem::take(&mut *JOBS.lock().unwrap());
        jobs.into_iter().map(|job| job()).count()
    }

    let (processes, trips) = (Processes::new(), Trips::default());
    let (clock, store) = (processes.clock.clone(), processes.store.clone());
    AGED.configure(|own| own.ttl(TTL).clock(clock).backend(store).wrap(trips.clone()).runner(Later)).unwrap();
    let other = Region::builder("many aged").ttl(TTL).clock(processes.clock.clone());
    let other = other.backend(processes.store.clone()).build().unwrap();
    many::set((1..=5).map(|id| (id, id))).unwrap();
    processes.clock.advance(TTL);
    let old: HashMap<u64, u64> = (1..=5).map(|id| (id, id)).collect();
    assert_eq!(trips.of(|| assert_eq!(many(&[1, 2, 3, 4, 5]), old)), 1, "one look");
    other.invalidate_tag("3").unwrap();
    other.get_or_create(one::key(2), || {
        let trips = trips.of(|| assert_eq!(run_all(), 1));
        assert_eq!(trips, 4, "leases, values, a lease given back, and an entry that is gone");
        20_u64
    });
    assert_eq!(*ASKED.lock().unwrap(), [[1, 3, 4, 5]]);
    let now = HashMap::from([(1, 101), (2, 20), (4, 104)]);
    assert_eq!(many::get(&[1, 2, 3, 4, 5]).unwrap(), now, "3 was invalidated, and 5 is gone");
    assert_eq!((one(1), one(2)), (101, 20));
}

#[test]
fn who_wants_to_know_is_told_that_the_backend_fails_and_nothing_is_computed() {
    #[derive(Clone, Debug)]
    enum Failed {
        Store,
    }

    impl From<Error> for Failed {
        fn from(_: Error) -> Self {
            Self::Store
        }
    }

    #[cache_multi_on_arguments(region = TOLD)]
    fn many(_ids: &[u64]) -> Result<Vec<u64>, Failed> {
        panic!("it is called")
    }

    let chaos = Chaos::new(5).errors(1.0);
    TOLD.configure(|region| region.backend(Memory::new()).wrap(chaos).on_backend_error(OnBackendError::Propagate))
        .unwrap();
    assert!(matches!(many(&[1, 2, 3]), Err(Failed::Store)));
}

/// How many leases are renewed at once at most, and how many were.
#[derive(Debug, Default)]
struct Renewals {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Proxy for &'static Renewals {
    fn renew<'a>(&'a self, next: &'a dyn Backend, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::park_timeout(Duration::from_millis(1));
        self.now.fetch_sub(1, Ordering::SeqCst);
        self.all.fetch_add(1, Ordering::SeqCst);
        next.renew(key, lease, context)
    }
}

#[test]
fn the_leases_of_many_keys_are_renewed_by_few_threads() {
    static RENEWALS: LazyLock<Renewals> = LazyLock::new(Renewals::default);
    static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    const LEASE: Duration = Duration::from_secs(9);

    #[cache_multi_on_arguments(region = RENEWED)]
    fn many(ids: &[u64]) -> Vec<u64> {
        CLOCK.advance(LEASE / 3);
        until("all are renewed", || RENEWALS.all.load(Ordering::SeqCst) == ids.len());
        ids.to_vec()
    }

    let store = Memory::new().clock(CLOCK.clone());
    RENEWED.configure(|own| own.clock(CLOCK.clone()).backend(store).wrap(&*RENEWALS).lease(LEASE)).unwrap();
    let ids: Vec<u64> = (0..300).collect();
    assert_eq!(many(&ids), ids);
    assert_eq!(many::get(&ids).unwrap().len(), 300, "they are stored, as their leases stand");
    let most = RENEWALS.most.load(Ordering::SeqCst);
    assert!(most <= 16, "{most}");
}

/// The limits of requests that read many keys.
#[derive(Debug, Default)]
struct Limits(Mutex<Vec<(usize, Duration)>>);

impl Proxy for &'static Limits {
    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        self.0.lock().unwrap().push((keys.len(), context.limit()));
        next.get_many(keys, context)
    }
}

#[test]
fn a_request_for_thousands_of_keys_has_more_time() {
    static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);
    const SECOND: Duration = Duration::from_secs(1);

    #[cache_multi_on_arguments(region = LONG)]
    fn many(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }

    LONG.configure(|own| own.backend(Memory::new()).wrap(&*LIMITS).read_timeout(SECOND)).unwrap();
    for count in [1_u64, 100, 999, 2_500] {
        many(&(0..count).collect::<Vec<_>>());
    }
    // One more is the epoch of the region.
    assert_eq!(*LIMITS.0.lock().unwrap(), [(2, SECOND), (101, SECOND), (1_000, SECOND), (2_501, 3 * SECOND)]);
}
