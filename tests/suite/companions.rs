use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{CachedFn, Error, Invalidation, Region, Source, cache_on_arguments, regions};

use crate::support::{AtLast, Gate, Later, until};

regions! {
    static COMPANIONS = Region::builder("companions");
    static TIMED = Region::builder("companions, timed");
}

#[test]
fn get_reads_and_never_computes() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions")]
    fn load(id: u64) -> u64 {
        id * 10
    }

    assert_eq!(load::get(1)?, None);
    load(1);
    assert_eq!(load::get(1)?, Some(10));
    Ok(())
}

#[test]
fn set_stores_without_a_call() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions")]
    fn load(_id: u64) -> u64 {
        unreachable!("the value was set")
    }

    load::set(1, 7)?;
    assert_eq!(load(1), 7);
    Ok(())
}

#[test]
fn set_does_not_ask_should_cache_but_refresh_does() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions", should_cache = |value: &u64| *value < 10)]
    fn load(id: u64) -> u64 {
        id
    }

    load::set(1, 100)?;
    assert_eq!((load::get(1)?, load(1)), (Some(100), 100));
    assert_eq!(load(50), 50, "what is rejected is returned");
    assert_eq!(load::get(50)?, None, "and not stored");
    load::set(50, 5)?;
    assert_eq!(load::refresh(50), 50);
    assert_eq!(load::get(50)?, Some(5), "and leaves the old value");
    Ok(())
}

#[test]
fn refresh_computes_now_and_replaces() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "companions")]
    fn load() -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst)
    }

    assert_eq!((load(), load(), load::refresh(), load()), (0, 0, 1, 1));
}

#[test]
fn a_refresh_that_fails_leaves_the_old_value() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions", skip(works))]
    fn load(id: u64, works: bool) -> Result<u64, &'static str> {
        if works { Ok(id) } else { Err("broken") }
    }

    assert_eq!(load(1, true), Ok(1));
    assert_eq!(load::refresh(1, false), Err("broken"));
    assert_eq!(load::get(1)?, Some(1));
    Ok(())
}

#[test]
fn original_goes_past_the_cache() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions")]
    fn load(id: u64) -> u64 {
        id + 1
    }

    assert_eq!(load::original(1), 2);
    assert_eq!(load::get(1)?, None);
    assert_eq!(load(1), 2);
    Ok(())
}

#[test]
fn invalidate_forgets_one_entry() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions")]
    fn load(id: u64) -> u64 {
        id
    }

    load(1);
    load(2);
    load::invalidate(1)?;
    load::invalidate(1)?;
    assert_eq!((load::get(1)?, load::get(2)?), (None, Some(2)));
    Ok(())
}

#[test]
fn expire_keeps_the_value_for_those_who_meet_the_renewal() -> Result<(), Error> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "companions", skip(gate))]
    fn load(id: u64, gate: &Gate) -> u64 {
        if RUNS.fetch_add(1, Ordering::SeqCst) > 0 {
            gate.wait();
            return id + 1;
        }
        id
    }

    let gate = Gate::new();
    assert_eq!(load(1, &gate), 1);
    load::expire(1)?;
    assert_eq!(load::get(1)?, None);
    let peek = load::entry(1).peek()?.unwrap();
    assert!(peek.is_stale());
    std::thread::scope(|scope| {
        let renewal = scope.spawn(|| load(1, &gate));
        until("somebody renews", || load::entry(1).is_computing());
        assert_eq!(load(1, &gate), 1, "the others are served the old one");
        gate.open();
        assert_eq!(renewal.join().unwrap(), 2);
    });
    assert_eq!(load::get(1)?, Some(2));
    Ok(())
}

#[test]
fn expire_of_nothing_is_fine() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions")]
    fn load(id: u64) -> u64 {
        id
    }

    load::expire(1)?;
    assert_eq!(load(1), 1);
    Ok(())
}

#[test]
fn peek_tells_age_and_time_left_and_counts_nothing() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions, timed", ttl = "1m")]
    fn load(id: u64) -> u64 {
        id
    }

    let clock = ManualClock::new();
    TIMED.reconfigure(|r| r.clock(clock.clone()))?;
    load(1);
    let before = TIMED.stats();
    clock.advance(Duration::from_secs(45));
    let peek = load::entry(1).peek()?.unwrap();
    assert_eq!(
        (*peek.value(), peek.age(), peek.ttl_left()),
        (1, Duration::from_secs(45), Some(Duration::from_secs(15)))
    );
    assert!(peek.is_fresh() && !peek.is_stale());
    clock.advance(Duration::from_secs(45));
    let peek = load::entry(1).peek()?.unwrap();
    assert_eq!((peek.is_stale(), peek.ttl_left()), (true, Some(Duration::ZERO)));
    clock.advance(Duration::from_secs(45));
    assert_eq!(load::entry(1).peek()?, None, "past its physical end");
    assert_eq!(TIMED.stats(), before);
    Ok(())
}

#[test]
fn fetch_tells_where_a_value_came_from() -> Result<(), Error> {
    const TTL: Duration = Duration::from_secs(60);
    regions! { static FETCHED = Region::builder("fetched").ttl(TTL).stale_if_error(TTL * 10); }
    #[cache_on_arguments(region = FETCHED, skip(gate, fails))]
    fn load(id: u64, gate: &Gate, fails: bool) -> Result<u64, &'static str> {
        gate.wait();
        if fails { Err("down") } else { Ok(id) }
    }

    let clock = ManualClock::new();
    FETCHED.configure(|r| r.clock(clock.clone()))?;
    let (open, gate) = (Gate::new(), Gate::new());
    open.open();
    let told = |fetched: Result<cachekit::Fetched<u64>, _>| {
        fetched.map(|fetched| (fetched.source(), fetched.age(), fetched.ttl_left()))
    };
    assert_eq!(load(1, &open, true), Err("down"));
    assert_eq!(told(load::fetch(1, &open, true)), Err("down"));
    assert_eq!(told(load::fetch(1, &open, false)), Ok((Source::Computed, Duration::ZERO, Some(TTL))));
    clock.advance(TTL / 2);
    assert_eq!(told(load::fetch(1, &open, false)), Ok((Source::Fresh, TTL / 2, Some(TTL / 2))));
    clock.advance(TTL);
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| load::fetch(1, &gate, true));
        until("somebody renews", || load::entry(1).is_computing());
        assert_eq!(told(load::fetch(1, &open, false)), Ok((Source::Stale, TTL * 3 / 2, Some(Duration::ZERO))));
        gate.open();
        assert_eq!(told(leader.join().unwrap()), Ok((Source::StaleOnError, TTL * 3 / 2, Some(Duration::ZERO))));
    });
    let gate = Gate::new();
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| load::fetch(2, &gate, false));
        until("the leader computes", || load::entry(2).is_computing());
        let follower = scope.spawn(|| load::fetch(2, &gate, false));
        until("the other waits", || waiting(&FETCHED, load::key(2)) == 1);
        gate.open();
        assert_eq!(told(leader.join().unwrap()), Ok((Source::Computed, Duration::ZERO, Some(TTL))));
        assert_eq!(told(follower.join().unwrap()), Ok((Source::Coalesced, Duration::ZERO, Some(TTL))));
    });
    Ok(())
}

#[tokio::test]
async fn fetch_of_an_async_function_is_async() {
    #[cache_on_arguments(region = "companions")]
    async fn load(id: u64) -> Option<u64> {
        tokio::task::yield_now().await;
        Some(id)
    }

    assert_eq!(load::fetch(1).await.source(), Source::Computed);
    let fetched = load::fetch(1).await;
    assert_eq!((fetched.source(), fetched.ttl_left()), (Source::Fresh, None));
    assert_eq!((fetched.into_value(), load(1).await), (Some(1), Some(1)));
}

#[test]
fn an_entry_is_a_handle_for_one_key() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions")]
    fn load(id: u64, name: &str) -> String {
        format!("{name} {id}")
    }

    let entry = load::entry(1, "ann");
    assert_eq!(entry.key(), load::key(1, "ann"));
    entry.set("set".to_owned())?;
    assert_eq!(load(1, "ann"), "set");
    assert_eq!(entry.get()?.as_deref(), Some("set"));
    entry.expire()?;
    assert_eq!(entry.get()?, None);
    entry.invalidate()?;
    assert_eq!(entry.peek()?, None);
    assert!(!entry.is_computing());
    Ok(())
}

#[test]
fn fetch_says_the_same_of_an_old_value_to_who_has_failed_and_to_who_has_waited() -> Result<(), Error> {
    const TTL: Duration = Duration::from_secs(10);
    regions! { static COVERED = Region::builder("companions, covered").ttl(TTL).stale_if_error(TTL * 100); }
    #[cache_on_arguments(region = COVERED, skip(gate))]
    fn load(gate: &Gate) -> Result<u64, &'static str> {
        gate.wait();
        Err("down")
    }

    let clock = ManualClock::new();
    COVERED.reconfigure(|r| r.clock(clock.clone()))?;
    load::set(1)?;
    clock.advance(TTL * 3);
    let gate = Gate::new();
    std::thread::scope(|scope| {
        let _at_last = AtLast(&gate);
        let callers = [(); 2].map(|()| scope.spawn(|| load::fetch(&gate).unwrap()));
        until("the other waits", || waiting(&COVERED, load::key()) == 1);
        gate.open();
        for fetched in callers.map(|caller| caller.join().unwrap()) {
            assert_eq!((*fetched.value(), fetched.source()), (1, Source::StaleOnError));
            assert_eq!((fetched.age(), fetched.ttl_left()), (TTL * 3, Some(Duration::ZERO)));
        }
    });
    assert_eq!(load(&gate), Ok(1));
    Ok(())
}

#[test]
fn an_expired_value_has_no_time_left() -> Result<(), Error> {
    regions! { static EXPIRED = Region::builder("companions, expired").ttl(Duration::from_secs(60)); }
    #[cache_on_arguments(region = EXPIRED, background)]
    fn load(id: u64) -> u64 {
        id
    }

    EXPIRED.reconfigure(|r| r.clock(ManualClock::new()).runner(Later::default()))?;
    let expire: [fn() -> Result<(), Error>; 2] = [|| load::expire(1), || EXPIRED.invalidate(Invalidation::Soft)];
    for expire in expire {
        load::set(1, 1)?;
        expire()?;
        assert_eq!(load::entry(1).peek()?.map(|peek| peek.ttl_left()), Some(Some(Duration::ZERO)));
        assert_eq!(load(1), 1);
        let fetched = load::fetch(1);
        assert_eq!((fetched.source(), fetched.ttl_left()), (Source::Stale, Some(Duration::ZERO)));
    }
    Ok(())
}

#[tokio::test]
async fn companions_of_an_async_function_are_async() -> Result<(), Error> {
    #[cache_on_arguments(region = "companions")]
    async fn load(id: u64) -> Result<u64, &'static str> {
        tokio::task::yield_now().await;
        if id == 0 { Err("zero") } else { Ok(id * 2) }
    }

    assert_eq!(load::get(1).await?, None);
    assert_eq!(load(1).await, Ok(2));
    assert_eq!(load::get(1).await?, Some(2));
    load::set(1, 9).await?;
    assert_eq!(load(1).await, Ok(9));
    assert_eq!(load::refresh(1).await, Ok(2));
    assert_eq!(load::original(3).await, Ok(6));
    load::expire(1).await?;
    assert_eq!(load::get(1).await?, None);
    load::invalidate(1).await?;
    let entry = load::entry(1);
    assert_eq!(entry.peek().await?, None);
    entry.set(4).await?;
    assert_eq!(entry.get().await?, Some(4));
    assert_eq!(entry.key(), load::key(1));
    assert!(!entry.is_computing());
    assert_eq!(load(0).await, Err("zero"));
    Ok(())
}

#[test]
fn companions_that_need_only_the_key_take_only_its_arguments() -> Result<(), Error> {
    struct Db(u64);
    #[cache_on_arguments(region = "companions", skip(db))]
    fn load(db: &Db, id: u64) -> u64 {
        db.0 + id
    }

    let db = Db(100);
    assert_eq!(load(&db, 1), 101);
    assert_eq!(load::get(1)?, Some(101));
    assert_eq!(load::refresh(&db, 1), 101);
    assert_eq!(load::original(&Db(0), 1), 1);
    load::invalidate(1)?;
    assert_eq!(load::get(1)?, None);
    Ok(())
}

#[test]
fn the_companion_type_describes_the_function() {
    #[cache_on_arguments(region = "companions", namespace = "v1", version = 3)]
    fn load(id: u64) -> u64 {
        id
    }

    fn describe<F: CachedFn>() -> (String, &'static str) {
        (format!("{}::{}", F::info().module(), F::info().name()), F::region().unwrap().name())
    }
    assert_eq!(describe::<load>(), (format!("{}::load", module_path!()), "companions"));
    assert_eq!(load(1), 1);
    assert_eq!(load::key(1).to_string(), format!("companions:{}::load[v1]@3|1", module_path!()));
}

#[test]
fn companions_of_a_function_without_region_say_so() {
    #[cache_on_arguments(region = "never declared")]
    fn load(id: u64) -> u64 {
        id
    }

    assert!(load::get(1).unwrap_err().is_unknown_region());
    assert!(load::invalidate(1).unwrap_err().is_unknown_region());
    let payload = std::panic::catch_unwind(|| load(1)).unwrap_err();
    let message = payload.downcast_ref::<String>().unwrap();
    for part in ["companions::load", "`never declared`", "`companions`", "regions!", "companions.rs:"] {
        assert!(message.contains(part), "{part} is missing in: {message}");
    }
}

#[test]
fn a_value_that_is_not_stored_has_no_time_left() {
    regions! { static UNSTORED = Region::builder("unstored").ttl(Duration::from_secs(60)); }
    #[cache_on_arguments(region = UNSTORED)]
    fn load(id: u64) -> u64 {
        load::invalidate(id).unwrap();
        id
    }

    assert_eq!(load(1), 1);
    let fetched = load::fetch(1);
    assert_eq!((fetched.source(), fetched.ttl_left()), (Source::Computed, None));
}
