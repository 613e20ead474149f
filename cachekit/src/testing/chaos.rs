//! A backend that misbehaves, at random and yet the same each time.

use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Proxy, Put, Token};
use crate::clock::{Clock, System, sleep_until};
use crate::error::Error;

/// A [`Proxy`] before which no error, delay or silence of a backend is too rare for a test.
///
/// Each operation is drawn one fate, by the seed and the number of the operation: the same calls in the same order meet the
/// same. Delays and silences hold up whoever waits for the answer, and block no thread. Clones are one chaos, so a test keeps
/// one to calm it, and to see what it has done.
///
/// ```
/// use cachekit::{Backend, Region};
/// use cachekit::testing::Chaos;
///
/// # fn test(backend: std::sync::Arc<dyn Backend>) -> Result<(), cachekit::Error> {
/// let chaos = Chaos::new(7).errors(0.2).lost_answers(0.1);
/// let region = Region::builder("disturbed").backend(backend).wrap(chaos.clone()).build()?;
/// for id in 0..100_u64 {
///     assert_eq!(region.get_or_create(id.to_string(), || id), id, "nobody loses a value");
/// }
/// assert!(chaos.havoc().errors > 0);
/// chaos.calm();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Chaos {
    seed: u64,
    errors: f64,
    delays: f64,
    longest: Duration,
    hangs: f64,
    lost_answers: f64,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
}

/// What all clones have in common.
struct Shared {
    rages: AtomicBool,
    operations: AtomicU64,
    done: Mutex<Havoc>,
}

/// What a [`Chaos`] has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Havoc {
    /// Operations while it raged, those that were spared among them.
    pub operations: u64,
    /// Operations that failed and were not carried out.
    pub errors: u64,
    /// Operations that were carried out later.
    pub delays: u64,
    /// Operations that were not carried out, and whose answer never comes.
    pub hangs: u64,
    /// Operations that were to be carried out, and then to fail.
    pub lost_answers: u64,
}

/// What becomes of an operation.
enum Fate {
    Spared,
    Fails(u64),
    Waits(Duration),
    Hangs,
    LosesItsAnswer(u64),
}

impl Chaos {
    /// A chaos that does nothing yet; the seed decides whom it hits.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            errors: 0.0,
            delays: 0.0,
            longest: Duration::ZERO,
            hangs: 0.0,
            lost_answers: 0.0,
            clock: Arc::new(System),
            shared: Arc::new(Shared {
                rages: AtomicBool::new(true),
                operations: AtomicU64::new(0),
                done: Mutex::default(),
            }),
        }
    }

    /// The part of the operations that fail and are not carried out. Default: 0.
    ///
    /// # Panics
    ///
    /// If it is no part, from 0 to 1, or all parts together are more than the whole; as the others do.
    #[must_use]
    pub fn errors(self, part: f64) -> Self {
        Self { errors: part, ..self }.checked()
    }

    /// The part of the operations that are carried out later, and by how much at the longest. Default: 0.
    #[must_use]
    pub fn delays(self, part: f64, longest: Duration) -> Self {
        Self { delays: part, longest, ..self }.checked()
    }

    /// The part of the operations that are not carried out, and whose answer never comes. Default: 0.
    ///
    /// Nothing but the caller's time limit ends them.
    #[must_use]
    pub fn hangs(self, part: f64) -> Self {
        Self { hangs: part, ..self }.checked()
    }

    /// The part of the operations that are carried out, and fail all the same: the answer is lost on its way. Default: 0.
    #[must_use]
    pub fn lost_answers(self, part: f64) -> Self {
        Self { lost_answers: part, ..self }.checked()
    }

    /// The clock by which delays pass. Default: the system's time.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Spares every operation from now on; those that hang go on to.
    pub fn calm(&self) {
        self.shared.rages.store(false, Ordering::SeqCst);
    }

    /// Goes on where it was calmed, as it does from the beginning.
    pub fn rage(&self) {
        self.shared.rages.store(true, Ordering::SeqCst);
    }

    /// What it has done so far.
    #[must_use]
    pub fn havoc(&self) -> Havoc {
        *self.shared.done()
    }

    fn parts(&self) -> [f64; 4] {
        [self.errors, self.hangs, self.lost_answers, self.delays]
    }

    fn checked(self) -> Self {
        let parts = self.parts();
        // Sums of parts are not exact.
        let is_whole = parts.iter().sum::<f64>() <= 1.0 + 1e-9;
        assert!(is_whole && parts.iter().all(|part| (0.0..=1.0).contains(part)), "no parts of a whole: {parts:?}");
        self
    }

    /// Draws the fate of the next operation.
    fn draw(&self) -> Fate {
        if !self.shared.rages.load(Ordering::SeqCst) {
            return Fate::Spared;
        }
        let number = self.shared.operations.fetch_add(1, Ordering::SeqCst) + 1;
        // Each operation has a generator of its own, so that no other's drawings matter.
        let mut random = fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut drawn, span) = (random.f64(), random.f64());
        let hit = self.parts().iter().position(|part| {
            let is_hit = drawn < *part;
            drawn -= part;
            is_hit
        });
        let mut done = self.shared.done();
        done.operations += 1;
        let (count, fate) = match hit {
            Some(0) => (&mut done.errors, Fate::Fails(number)),
            Some(1) => (&mut done.hangs, Fate::Hangs),
            Some(2) => (&mut done.lost_answers, Fate::LosesItsAnswer(number)),
            Some(_) => (&mut done.delays, Fate::Waits(self.longest.mul_f64(span))),
            None => return Fate::Spared,
        };
        *count += 1;
        fate
    }

    /// Asks the backend as fate will have it.
    fn disturb<'a, T: Send + 'a>(
        &'a self,
        operation: &'static str,
        ask: impl FnOnce() -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        match self.draw() {
            Fate::Spared => ask(),
            Fate::Fails(number) => {
                Err(Error::backend(format_args!("chaos, at operation {number}, `{operation}`"))).into()
            }
            Fate::Hangs => Answer::later(pending()),
            Fate::Waits(span) => {
                let until = self.clock.now().saturating_add(span);
                Answer::later(async move {
                    sleep_until(&*self.clock, until).await;
                    ask().await
                })
            }
            Fate::LosesItsAnswer(number) => Answer::later(async move {
                ask().await?;
                Err(Error::timeout(format_args!("chaos has lost the answer of operation {number}, `{operation}`")))
            }),
        }
    }
}

impl Shared {
    fn done(&self) -> MutexGuard<'_, Havoc> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy for Chaos {
    fn get<'a>(&'a self, next: &'a dyn Backend, key: &'a str, context: Context) -> Answer<'a, Option<Content>> {
        self.disturb("get", move || next.get(key, context))
    }

    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.disturb("set", move || next.set(put, context))
    }

    fn delete<'a>(&'a self, next: &'a dyn Backend, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.disturb("delete", move || next.delete(key, context))
    }

    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        self.disturb("get_many", move || next.get_many(keys, context))
    }

    fn set_many<'a>(&'a self, next: &'a dyn Backend, puts: &'a [Put<'a>], context: Context) -> Answer<'a, ()> {
        self.disturb("set_many", move || next.set_many(puts, context))
    }

    fn delete_many<'a>(&'a self, next: &'a dyn Backend, keys: &'a [&'a str], context: Context) -> Answer<'a, ()> {
        self.disturb("delete_many", move || next.delete_many(keys, context))
    }

    fn add<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        self.disturb("add", move || next.add(put, context))
    }

    fn patch<'a>(&'a self, next: &'a dyn Backend, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        self.disturb("patch", move || next.patch(key, patch, context))
    }

    fn acquire<'a>(
        &'a self,
        next: &'a dyn Backend,
        key: &'a str,
        lease: Lease,
        claim: Claim<'a>,
        context: Context,
    ) -> Answer<'a, Acquired> {
        self.disturb("acquire", move || next.acquire(key, lease, claim, context))
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.disturb("commit", move || next.commit(put, token, context))
    }

    fn renew<'a>(&'a self, next: &'a dyn Backend, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        self.disturb("renew", move || next.renew(key, lease, context))
    }

    fn abandon<'a>(&'a self, next: &'a dyn Backend, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        self.disturb("abandon", move || next.abandon(key, token, context))
    }

    fn add_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        puts: &'a [Put<'a>],
        context: Context,
    ) -> Answer<'a, Vec<Content>> {
        self.disturb("add_many", move || next.add_many(puts, context))
    }

    fn acquire_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        leases: &'a [(&'a str, Lease, Claim<'a>)],
        context: Context,
    ) -> Answer<'a, Vec<Acquired>> {
        self.disturb("acquire_many", move || next.acquire_many(leases, context))
    }

    fn commit_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        puts: &'a [(Put<'a>, Token)],
        context: Context,
    ) -> Answer<'a, Vec<bool>> {
        self.disturb("commit_many", move || next.commit_many(puts, context))
    }

    fn abandon_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        leases: &'a [(&'a str, Token)],
        context: Context,
    ) -> Answer<'a, ()> {
        self.disturb("abandon_many", move || next.abandon_many(leases, context))
    }

    fn ping<'a>(&'a self, next: &'a dyn Backend, context: Context) -> Answer<'a, ()> {
        self.disturb("ping", move || next.ping(context))
    }
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("seed", &self.seed).field("havoc", &self.havoc()).finish_non_exhaustive()
    }
}
