//! Holding a computation until a test has seen what it wants to see.

use std::fmt;
use std::mem::take;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use cachekit::{Job, Runner, Task};

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

/// Opens its gate when a test ends in the middle too, so that nobody waits at it for ever.
pub(crate) struct AtLast<'g>(pub(crate) &'g Gate);

impl Drop for AtLast<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Keeps renewals until the test runs them.
#[derive(Clone, Default)]
pub(crate) struct Later(Arc<Mutex<(Vec<Job>, Vec<Task>)>>);

impl Later {
    pub(crate) fn jobs(&self) -> Vec<Job> {
        take(&mut self.0.lock().unwrap().0)
    }

    pub(crate) fn tasks(&self) -> Vec<Task> {
        take(&mut self.0.lock().unwrap().1)
    }

    pub(crate) fn len(&self) -> usize {
        let kept = self.0.lock().unwrap();
        kept.0.len() + kept.1.len()
    }

    /// Runs what was kept, and says how much that was.
    pub(crate) fn run_all(&self) -> usize {
        let (jobs, tasks) = (self.jobs(), self.tasks());
        let count = jobs.len() + tasks.len();
        for job in jobs {
            job();
        }
        for task in tasks {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task);
        }
        count
    }
}

impl Runner for Later {
    fn run(&self, job: Job) -> bool {
        self.0.lock().unwrap().0.push(job);
        true
    }

    fn spawn(&self, task: Task) -> bool {
        self.0.lock().unwrap().1.push(task);
        true
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}
