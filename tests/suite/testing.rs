use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cachekit::testing::{ManualClock, SwitchedOff, clear, switch_off, waiting};
use cachekit::{CallOptions, Clock, Error, Region, cache_on_arguments, regions};

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

#[test]
fn a_region_that_is_switched_off_in_the_middle_of_a_call_stores_nothing() -> Result<(), Error> {
    static ARMED: AtomicBool = AtomicBool::new(false);
    static OFF: Mutex<Option<SwitchedOff>> = Mutex::new(None);
    regions! { static MIDWAY = Region::builder("midway").clock(SwitchesOff); }
    #[derive(Debug)]
    struct SwitchesOff;
    impl Clock for SwitchesOff {
        fn now(&self) -> Duration {
            if ARMED.swap(false, Ordering::SeqCst) {
                *OFF.lock().unwrap() = Some(switch_off(&MIDWAY));
            }
            Duration::ZERO
        }
    }
    #[cache_on_arguments(region = MIDWAY)]
    fn load(id: u64) -> u64 {
        id
    }

    let calls: [fn() -> u64; 3] = [|| load(1), || load::refresh(1), || load::with(CallOptions::force_refresh, 1)];
    for call in calls {
        ARMED.store(true, Ordering::SeqCst);
        assert_eq!(call(), 1);
        assert_eq!((load::get(1)?, MIDWAY.stats().entries, MIDWAY.stats().invalidations), (None, 0, 0));
        drop(OFF.lock().unwrap().take());
        assert_eq!(load::get(1)?, None, "nothing comes back with the region");
    }
    Ok(())
}
