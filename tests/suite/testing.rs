use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit::testing::{ManualClock, clear, switch_off, waiting};
use cachekit::{Clock, Error, Region, cache_on_arguments, regions};

regions! {
    static SWITCHED = Region::builder("switched");
}

#[test]
fn a_region_that_is_switched_off_calls_the_function_and_stores_nothing() -> Result<(), Error> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "switched")]
    fn load(id: u64) -> u64 {
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }

    assert_eq!((load(0), load(0)), (0, 0));
    {
        let _off = switch_off(&SWITCHED);
        let nested = switch_off(&SWITCHED);
        assert_eq!((load(0), load(0)), (1, 2));
        assert_eq!(load::refresh(10), 13);
        assert_eq!(load::get(0)?, None);
        drop(nested);
        assert_eq!(load(0), 4);
    }
    assert_eq!(load(0), 0, "what was stored before is there again");
    clear(&SWITCHED);
    assert_eq!(SWITCHED.stats().entries, 0);
    assert_eq!(load(0), 5);
    Ok(())
}

#[test]
fn a_manual_clock_stands_still_until_it_is_moved() {
    let clock = ManualClock::new();
    let other = clock.clone();
    assert_eq!(clock.now(), Duration::ZERO);
    other.advance(Duration::from_millis(5));
    assert_eq!(clock.now(), Duration::from_millis(5));
}

#[test]
fn nobody_waits_for_a_key_that_nobody_computes() {
    assert_eq!(waiting(&SWITCHED, "k"), 0);
}
