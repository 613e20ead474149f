//! The scenario: three nodes, their users and one database, in virtual time.
//!
//! Everything runs on one thread and nothing sleeps: the clock is moved when all that can happen at its time has
//! happened, so the figures are the same in every run.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Clock, Job, Runner, Task};
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use serde::{Deserialize, Serialize};

pub(crate) const NODES: u8 = 3;
pub(crate) const PRODUCTS: u32 = 1_000;

/// Requests for one product that reach one node at the same time, once per slot.
const CONCURRENT: u32 = 100;
const SLOT: Duration = Duration::from_secs(10);
const SLOTS: u32 = 60;

/// The minutes in which the database is slow, the first one being 0.
const SLOW: Range<u64> = 3..5;
/// The minutes in which it is down: the last three, as bentocache has it. Where nothing is renewed ahead the values have
/// just expired when it goes down; no other three minutes cost more calls.
const DOWN: Range<u64> = 7..10;

/// How long the database takes for an answer: less than the `wait_timeout` of the last step, after which those who find
/// no old value would query it too.
const USUALLY: Duration = Duration::from_millis(50);
const WHEN_SLOW: Duration = Duration::from_secs(2);
/// How long it takes until it is clear that there is none.
const WHEN_DOWN: Duration = Duration::from_secs(1);

/// The clock's step; every span here is a multiple of it, so nothing is noticed late.
const TICK: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    id: u32,
}

/// What the database says when it is down; whoever waited for the answer gets it.
#[derive(Clone, Debug)]
pub(crate) struct Down;

/// The database of all nodes. Its clones are one database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Database {
    clock: ManualClock,
    calls: Arc<AtomicU64>,
}

impl Database {
    pub(crate) fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    /// How many queries have reached it, in vain or not.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) async fn query(&self, id: u32) -> Result<Product, Down> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let minute = self.clock.now().as_secs() / 60;
        if DOWN.contains(&minute) {
            self.sleep(WHEN_DOWN).await;
            return Err(Down);
        }
        self.sleep(if SLOW.contains(&minute) { WHEN_SLOW } else { USUALLY }).await;
        Ok(Product { id })
    }

    async fn sleep(&self, span: Duration) {
        let until = self.clock.now() + span;
        let mut _alarm = None;
        poll_fn(|context| {
            if self.clock.now() >= until {
                return Poll::Ready(());
            }
            _alarm = Some(self.clock.wake_at(until, context.waker()));
            Poll::Pending
        })
        .await;
    }
}

/// Where a region's renewals go: the world runs them beside the requests. Its clones are one.
#[derive(Clone, Default)]
pub(crate) struct Background(Arc<Mutex<Vec<Task>>>);

impl Background {
    fn take(&self) -> Vec<Task> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Runner for Background {
    fn run(&self, _: Job) -> bool {
        // Only an `async fn` is renewed here.
        false
    }

    fn spawn(&self, task: Task) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        true
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Background")
    }
}

/// What the users of all nodes have seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// Requests that were not answered at once.
    pub(crate) waits: u64,
    pub(crate) longest_wait: Duration,
}

impl Seen {
    fn add(&mut self, wait: Duration, is_error: bool) {
        self.requests += 1;
        self.errors += u64::from(is_error);
        self.waits += u64::from(!wait.is_zero());
        self.longest_wait = self.longest_wait.max(wait);
    }
}

/// Plays the ten minutes; `request` asks a node for a product.
pub(crate) fn play<F>(
    clock: &ManualClock,
    background: &Background,
    products: u32,
    request: impl Fn(u8, u32) -> F,
) -> Result<Seen, Box<dyn std::error::Error>>
where
    F: Future<Output = Result<Product, Down>> + 'static,
{
    let mut pool = LocalPool::new();
    let seen = Rc::new(RefCell::new(Seen::default()));
    for _ in 0..SLOTS {
        for (node, id) in (0..NODES).flat_map(|node| (0..products).map(move |id| (node, id))) {
            for _ in 0..CONCURRENT {
                let (request, clock, seen) = (request(node, id), clock.clone(), Rc::clone(&seen));
                pool.spawner().spawn_local(async move {
                    let begun = clock.now();
                    let answer = request.await;
                    seen.borrow_mut().add(clock.now().saturating_sub(begun), answer.is_err());
                })?;
            }
            // All 100 arrive, then all of the next product, and no time passes: who finds a value is gone, the others
            // wait side by side for what the database will say.
            settle(&mut pool, background)?;
        }
        let mut passed = Duration::ZERO;
        while passed < SLOT {
            clock.advance(TICK);
            passed += TICK;
            settle(&mut pool, background)?;
        }
    }
    let seen = *seen.borrow();
    Ok(seen)
}

/// Runs everything that can go on without time passing.
fn settle(pool: &mut LocalPool, background: &Background) -> Result<(), futures::task::SpawnError> {
    loop {
        pool.run_until_stalled();
        let renewals = background.take();
        if renewals.is_empty() {
            return Ok(());
        }
        for renewal in renewals {
            pool.spawner().spawn_local(renewal)?;
        }
    }
}
