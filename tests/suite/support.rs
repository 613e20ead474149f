//! Holding a computation until a test has seen what it wants to see.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Closed until opened; threads wait at it, and tasks too.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    open: Mutex<bool>,
    opened: Condvar,
    tasks: tokio::sync::Notify,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        *self.0.open.lock().unwrap() = true;
        self.0.opened.notify_all();
        self.0.tasks.notify_waiters();
    }

    pub(crate) fn wait(&self) {
        let mut open = self.0.open.lock().unwrap();
        while !*open {
            open = self.0.opened.wait(open).unwrap();
        }
    }

    pub(crate) async fn wait_async(&self) {
        loop {
            let notified = self.0.tasks.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if *self.0.open.lock().unwrap() {
                return;
            }
            notified.await;
        }
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

/// As [`until`], for tasks.
pub(crate) async fn until_async(what: &str, seen: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !seen() {
        assert!(Instant::now() < patience, "waited in vain for: {what}");
        tokio::task::yield_now().await;
    }
}
