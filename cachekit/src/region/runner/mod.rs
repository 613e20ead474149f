//! Where background renewals run.
//!
//! What it deliberately does not do: wait for them. Whoever asks for a renewal has a value to serve.

#[cfg_attr(feature = "tokio", path = "enabled.rs")]
#[cfg_attr(not(feature = "tokio"), path = "disabled.rs")]
mod current;

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub(crate) use self::current::{DRIVES_TASKS, has_current};

/// A renewal of a function's value, which may block.
pub type Job = Box<dyn FnOnce() + Send>;

/// A renewal of an `async fn`'s value.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs the background renewals of a region; see [`RegionBuilder::runner`](crate::RegionBuilder::runner).
///
/// It is asked where the call is made, and given a copy of the arguments with what is to be done; a job may panic where the
/// `Clone` or `Drop` of a value does. A runner that has no room drops what it is given and says so: the renewal is skipped
/// and counted, the value that is there is served for as long as the settings allow, and the next caller asks again.
/// A value that no setting would end is renewed by the caller then. What is dropped later, as when a runtime shuts down,
/// does no harm either; nobody waits for a renewal that has not begun.
///
/// ```
/// use cachekit::{Job, Region, Runner, Task};
///
/// /// Renews in threads and tasks of a runtime that is not the caller's.
/// #[derive(Debug)]
/// struct On(tokio::runtime::Handle);
///
/// impl Runner for On {
///     fn run(&self, job: Job) -> bool {
///         self.0.spawn_blocking(job);
///         true
///     }
///
///     fn spawn(&self, task: Task) -> bool {
///         self.0.spawn(task);
///         true
///     }
/// }
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// let region = Region::builder("renewed elsewhere").runner(On(runtime.handle().clone())).build()?;
/// # Ok::<(), cachekit::Error>(())
/// ```
///
/// A test takes a runner that keeps the jobs until the test runs them, or waits until `is_computing` of the entry is false.
pub trait Runner: fmt::Debug + Send + Sync + 'static {
    /// Runs a job that may block, in another thread; false where there is no room.
    fn run(&self, job: Job) -> bool;

    /// Runs a task; false where there is no room, or nobody to drive it.
    fn spawn(&self, task: Task) -> bool;
}

/// Threads of a region's own, and the current tokio runtime for tasks (feature `tokio`): the default [`Runner`].
///
/// A job runs within the tokio runtime of whoever asked for it, if there is one, as the call itself would have.
/// The threads start with the first renewal and end with the region; a program that ends does not wait for them.
///
/// ```
/// use cachekit::{Region, Threads};
///
/// let region = Region::builder("reports").runner(Threads::new(4).queue(100)).build()?;
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Debug)]
pub struct Threads {
    count: usize,
    queue: usize,
    jobs: OnceLock<SyncSender<Job>>,
}

impl Threads {
    /// So many threads, at least one, and a queue of 1,000 renewals.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { count: threads.max(1), queue: 1_000, jobs: OnceLock::new() }
    }

    /// How many renewals may wait for a thread; beyond that, renewals are skipped and counted.
    #[must_use]
    pub fn queue(mut self, renewals: usize) -> Self {
        self.queue = renewals;
        self
    }

    fn start(&self) -> SyncSender<Job> {
        let (sender, receiver) = sync_channel(self.queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..self.count {
            let receiver = Arc::clone(&receiver);
            // Where the system has no thread to give, jobs are refused as by a full queue.
            let _ = std::thread::Builder::new().name("cachekit".to_owned()).spawn(move || work(&receiver));
        }
        sender
    }
}

/// The default: two threads.
impl Default for Threads {
    fn default() -> Self {
        Self::new(2)
    }
}

impl Runner for Threads {
    fn run(&self, job: Job) -> bool {
        match self.jobs.get_or_init(|| self.start()).try_send(current::kept(job)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    fn spawn(&self, task: Task) -> bool {
        current::spawn(task)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => survive(job),
            // The region is gone.
            Err(_) => return,
        }
    }
}

/// Runs a job whatever it does: a panic of a value's `Clone` or `Drop` costs this renewal, and not the thread.
fn survive(job: Job) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
        // What a panic carries may panic as well when it goes.
        survive(Box::new(|| drop(payload)));
    }
}
