//! What the tests share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use cachekit::testing::ManualClock;
use cachekit::{Region, RegionBuilder};
use cachekit_backends::memory::Memory;

/// How long a value is fresh.
pub(crate) const TTL: Duration = Duration::from_secs(100);

/// Several processes over one store, in virtual time.
pub(crate) struct Processes {
    pub(crate) clock: ManualClock,
    pub(crate) store: Memory,
}

impl Processes {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        Self { store: Memory::new().clock(clock.clone()), clock }
    }

    /// The region of one more process.
    pub(crate) fn region(&self) -> Region {
        self.with(|region| region)
    }

    pub(crate) fn with(&self, settings: impl FnOnce(RegionBuilder) -> RegionBuilder) -> Region {
        let region = Region::builder("shared").ttl(TTL).clock(self.clock.clone()).backend(self.store.clone());
        settings(region).build().unwrap()
    }
}

/// A function that counts its runs, and returns their number.
#[derive(Default)]
pub(crate) struct Counted(AtomicU64);

impl Counted {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn run(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn runs(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Holds whoever passes until it is opened.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    pub(crate) const fn new() -> Self {
        Self { state: Mutex::new((0, false)), changed: Condvar::new() }
    }

    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| !state.1).unwrap());
    }

    /// Waits until somebody has come.
    pub(crate) fn wait_for_somebody(&self) {
        drop(self.changed.wait_while(self.state.lock().unwrap(), |state| state.0 == 0).unwrap());
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

/// Returns when `seen` is true; fails when it does not become so within a minute, rather than hanging.
#[track_caller]
pub(crate) fn until(what: &str, seen: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !seen() {
        assert!(Instant::now() < patience, "waited in vain for: {what}");
        std::thread::yield_now();
    }
}
