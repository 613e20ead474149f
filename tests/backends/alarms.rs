//! Alarms that ring before whoever has set them goes on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use cachekit::{Alarm, Clock, Region};
use cachekit_backends::memory::Memory;

use crate::failing::Faulty;
use crate::support::until;

/// A clock whose first alarm rings at once, and is handed out when the second one is set.
#[derive(Clone, Debug, Default)]
struct Hasty(Arc<Rung>);

#[derive(Debug, Default)]
struct Rung {
    set: AtomicUsize,
    first_is_out: AtomicBool,
    second: Mutex<Option<Waker>>,
}

/// Whoever drops the second alarm is not woken by it.
struct Second(Hasty);

impl Drop for Second {
    fn drop(&mut self) {
        self.0.0.second.lock().unwrap().take();
    }
}

impl Clock for Hasty {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wake_at(&self, _: Duration, waker: &Waker) -> Alarm {
        match self.0.set.fetch_add(1, Ordering::SeqCst) {
            0 => {
                waker.wake_by_ref();
                until("the next one is set", || self.0.second.lock().unwrap().is_some());
                (0..10_000).for_each(|_| std::thread::yield_now());
                self.0.first_is_out.store(true, Ordering::SeqCst);
                Alarm::new(())
            }
            1 => {
                *self.0.second.lock().unwrap() = Some(waker.clone());
                Alarm::new(Second(self.clone()))
            }
            _ => Alarm::new(()),
        }
    }
}

#[test]
fn a_probe_is_due_though_the_alarm_before_has_rung_before_it_was_kept() {
    let (clock, faulty) = (Hasty::default(), Faulty::default());
    let region = Region::builder("hasty").clock(clock.clone()).lock(false).backend(Memory::new()).wrap(faulty.clone());
    let region = region.build().unwrap();
    Faulty::set(&faulty.0.removals, true);
    assert!(region.delete("k").unwrap_err().is_backend());
    until("both are set", || clock.0.first_is_out.load(Ordering::SeqCst));
    (0..10_000).for_each(|_| std::thread::yield_now());
    assert!(clock.0.second.lock().unwrap().is_some());
}

#[test]
fn a_lease_is_renewed_though_the_alarm_before_has_rung_before_it_was_kept() {
    let clock = Hasty::default();
    let region = Region::builder("renewed").clock(clock.clone()).backend(Memory::new()).build().unwrap();
    region.get_or_create("k", || {
        assert!(clock.0.first_is_out.load(Ordering::SeqCst));
        assert!(clock.0.second.lock().unwrap().is_some());
    });
}
