//! A region's backend, as the region uses it: with time limits, a breaker, epochs and leases.
//!
//! Every operation is asked for here, once for threads and tasks: it ends within its limit, its failures are counted and
//! open the breaker, and whoever asked decides what a failure means.
//! What it deliberately does not know: types of values, and whether one is fresh.

mod breaker;
mod epochs;
mod gathered;
mod known;
mod lease;
#[cfg(test)]
mod model;
mod names;
mod owed;
mod probe;
pub(crate) mod settings;
mod writing;

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::BoxFuture;

use self::breaker::{Change, State};
use self::epochs::Lengthened;
pub(crate) use self::epochs::Seen;
pub(crate) use self::gathered::Gathered;
use self::known::Known;
pub(crate) use self::lease::{Asking, Hold, Turn};
use self::lease::{Renewals, back_off};
use self::names::Names;
pub(crate) use self::owed::Owed;
use self::probe::Alarms;
use self::settings::RemoteSettings;
pub use self::settings::{Breaker, OnBackendError};
use self::writing::Writing;
pub(crate) use self::writing::{Writers, unless_passed};
use crate::backend::{Acquired, Backend, Claim, Content, Context, Lease, Put};
use crate::clock::{Clock, Nanos, block_on, nanos, sleep_until};
use crate::error::Error;
use crate::events;
use crate::flight::{Lead, reentrance};
use crate::limits::Limits;
use crate::region::builder::Settings;
use crate::region::core::Core;
use crate::region::stats::Event;

/// A region's backend with what belongs to it.
pub(crate) struct Remote {
    core: Weak<Core>,
    backend: Arc<dyn Backend>,
    pub(crate) settings: RemoteSettings,
    pub(crate) clock: Arc<dyn Clock>,
    names: Names,
    reads: State,
    writes: State,
    removals: State,
    /// Whether values were kept in this process because the backend failed.
    has_stood_in: AtomicBool,
    owed: Arc<Owed>,
    writers: Arc<Writers>,
    lengthened: Lengthened,
    known: Known,
    /// When a part of the backend has failed last, by the region's clock; 0 is never.
    partly_failed: AtomicU64,
    renewals: Arc<Renewals>,
    pub(crate) limits: Arc<Limits>,
    alarms: Alarms,
}

/// How many keys of one request have no more time than a single one.
const KEYS_IN_TIME: usize = 1_000;

/// How the caller waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller<'a> {
    Thread,
    Task,
    /// As one of many whose requests are sent together.
    Many(&'a Gathered),
}

impl Caller<'_> {
    /// Waits before a lease is asked for again that somebody else holds: for a while, for `most` at most and not longer than
    /// `until`; false where somebody else has taken the lead meanwhile.
    pub(crate) fn pause<'a>(
        self,
        remote: &'a Remote,
        lead: &'a mut Lead,
        attempt: u32,
        most: Duration,
        (until, deadline): (Nanos, Nanos),
    ) -> BoxFuture<'a, bool>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let now = remote.clock.now();
            let end = |pause: Duration| now.saturating_add(pause.min(most)).min(Duration::from_nanos(until));
            let Self::Many(gathered) = self else {
                sleep_until(&*remote.clock, end(back_off(attempt, fastrand::f64()))).await;
                return true;
            };
            let end = gathered.together(now, end(gathered.back_off(attempt)));
            let mut pause = std::pin::pin!(sleep_until(&*remote.clock, end));
            if !gathered.is_left_during(pause.as_mut()).await {
                return true;
            }
            // Whoever waits here need not wait for the other keys of the call.
            lead.queue();
            pause.await;
            lead.begin(nanos(remote.clock.now()), deadline)
        })
    }
}

/// What an operation is to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    /// What a store that is full still does.
    Removal,
}

/// What a backend is asked goes in a box, so that it is compiled in this crate, and not in each that has cached functions.
impl Remote {
    /// The backend that the settings name.
    pub(crate) fn new(
        core: &Weak<Core>,
        region: &str,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        owed: Arc<Owed>,
        writers: Arc<Writers>,
    ) -> Option<Arc<Self>> {
        Some(Arc::new(Self {
            core: Weak::clone(core),
            backend: settings.remote.wrapped()?,
            settings: settings.remote.clone(),
            limits: Limits::new(Arc::clone(&clock)),
            clock,
            names: Names::new(region, settings),
            reads: State::default(),
            writes: State::default(),
            removals: State::default(),
            has_stood_in: AtomicBool::new(false),
            owed,
            writers,
            lengthened: Lengthened::default(),
            known: Known::default(),
            partly_failed: AtomicU64::new(0),
            renewals: Arc::default(),
            alarms: Alarms::default(),
        }))
    }

    /// Whether the backend keeps values as they are.
    pub(crate) fn keeps_live(&self) -> bool {
        self.backend.keeps_live()
    }

    /// Which session the caller is in; 0 where there are none.
    pub(crate) fn session(&self) -> u64 {
        self.backend.session().unwrap_or(0)
    }

    /// Whether values may be kept in this process: not where the backend is in it too, nor where they are a session's.
    fn has_near(&self) -> bool {
        !self.keeps_live() && self.backend.session().is_none()
    }

    /// How long values are kept in this process beside the backend.
    pub(crate) fn near(&self) -> Option<Duration> {
        self.settings.near.filter(|span| !span.is_zero() && self.has_near())
    }

    /// How long values are kept in this process while the backend fails.
    pub(crate) fn near_in_need(&self) -> Duration {
        if self.has_near() { self.settings.breaker.near } else { Duration::ZERO }
    }

    /// Whether one caller among all processes computes a key.
    pub(crate) fn has_leases(&self) -> bool {
        self.settings.lock && self.backend.has_leases()
    }

    /// Whether reading is worth a try.
    pub(crate) fn is_readable(&self) -> bool {
        !self.reads.is_open(self.settings.breaker.failures)
    }

    /// Whether removing is worth a try.
    pub(crate) fn is_removable(&self) -> bool {
        !self.removals.is_open(self.settings.breaker.failures)
    }

    /// Keeps a value in this process for now, by `store`; it goes when the backend works again.
    pub(crate) fn stand_in(&self, store: impl FnOnce() -> bool) -> bool {
        self.has_stood_in.store(true, Ordering::SeqCst);
        let is_stored = store();
        // Recovery may have come just before.
        self.drop_stand_ins();
        is_stored
    }

    fn drop_stand_ins(&self) {
        let Some(core) = self.core.upgrade() else { return };
        // What stands in for a part of it goes by itself: nobody finds out when that works again.
        let works = !self.has_partly_failed()
            && [&self.reads, &self.writes, &self.removals].into_iter().all(|state| !state.is_failing());
        // Nobody finds out any more when a backend works again that has been replaced.
        let is_replaced = || core.remote().is_none_or(|remote| !std::ptr::eq(Arc::as_ptr(&remote), self));
        if (works || is_replaced()) && self.takes_stand_ins() {
            core.drop_backed();
        }
    }

    /// Whether values were kept in this process for want of the backend, which are the caller's to drop then.
    pub(crate) fn takes_stand_ins(&self) -> bool {
        self.has_stood_in.swap(false, Ordering::SeqCst)
    }

    /// Waits until nobody else of this process writes these keys, where no lease fences that off.
    ///
    /// Whoever has its turn does nothing but that one operation.
    pub(crate) fn writing(&self, keys: &[String]) -> BoxFuture<'_, Vec<Writing<'_>>> {
        if self.has_leases() {
            return Box::pin(ready(Vec::new()));
        }
        let keys = keys.to_vec();
        Box::pin(async move {
            self.writers.take_all(&keys, &self.limits, self.settings.write_timeout.saturating_mul(2)).await
        })
    }

    /// Finds out whether the backend can be used at all.
    pub(crate) async fn ping(self: &Arc<Self>, caller: Caller<'_>) -> Result<(), Error> {
        let limit = self.settings.write_timeout;
        self.limited(limit, caller, |backend, context| async move { backend.ping(context).await }).await
    }

    pub(crate) fn set<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        key: String,
        content: Content,
        keep: Option<Duration>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.ask(Kind::Write, caller, |backend, context| async move {
                backend.set(Put { key: &key, content: &content, keep }, context).await
            })
            .await
        })
    }

    pub(crate) fn set_many<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        puts: Vec<(String, Content, Option<Duration>)>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.ask(Kind::Write, caller, |backend, context| async move {
                let puts: Vec<_> = puts.iter().map(|(key, content, keep)| Put { key, content, keep: *keep }).collect();
                backend.set_many(&puts, context).await
            })
            .await
        })
    }

    pub(crate) fn acquire<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        hold: &'a Hold,
        seen: Option<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Acquired, Error>> {
        Box::pin(async move {
            let (key, lease) = (hold.key().to_owned(), hold.lease());
            self.ask(Kind::Write, caller, move |backend, context| async move {
                let claim = seen.as_deref().map_or(Claim::Always, Claim::Unseen);
                backend.acquire(&key, lease, claim, context).await
            })
            .await
        })
    }

    pub(crate) fn commit<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        hold: &'a Hold,
        content: Content,
        keep: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let (key, token) = (hold.key().to_owned(), hold.lease().token);
            self.ask(Kind::Write, caller, move |backend, context| async move {
                backend.commit(Put { key: &key, content: &content, keep }, token, context).await
            })
            .await
        })
    }

    /// Gives the lease back; it lapses where that fails.
    pub(crate) fn abandon<'a>(self: &'a Arc<Self>, caller: Caller<'a>, hold: &'a Hold) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            hold.end();
            let (key, token) = (hold.key().to_owned(), hold.lease().token);
            let abandoned = self.ask(Kind::Removal, caller, move |backend, context| async move {
                backend.abandon(&key, token, context).await
            });
            drop(abandoned.await);
        })
    }

    /// Whether the lease still stands, and so nothing has invalidated its key.
    pub(crate) fn renew<'a>(
        self: &'a Arc<Self>,
        caller: Caller<'a>,
        key: &'a str,
        lease: Lease,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let key = key.to_owned();
            self.ask(
                Kind::Write,
                caller,
                move |backend, context| async move { backend.renew(&key, lease, context).await },
            )
            .await
        })
    }

    /// Asks the backend, unless that is left alone.
    async fn ask<T, F>(
        self: &Arc<Self>,
        kind: Kind,
        caller: Caller<'_>,
        operation: impl FnOnce(Arc<dyn Backend>, Context) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.ask_for(1, kind, caller, operation).await
    }

    /// As [`ask`](Self::ask), for so many keys, which may take longer where they are thousands.
    async fn ask_for<T, F>(
        self: &Arc<Self>,
        keys: usize,
        kind: Kind,
        caller: Caller<'_>,
        operation: impl FnOnce(Arc<dyn Backend>, Context) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let times = u32::try_from(keys.div_ceil(KEYS_IN_TIME)).unwrap_or(u32::MAX).max(1);
        let (state, limit) = (self.state(kind), self.limit(kind).saturating_mul(times));
        if let Caller::Many(gathered) = caller
            && let Some(backend) = gathered.backend(self)
        {
            // Limited and counted where it is sent.
            return operation(backend, Context::task(limit)).await;
        }
        if state.is_open(self.settings.breaker.failures) {
            return Err(Error::backend(format_args!(
                "it has failed {} times in a row, and is tried again in the background",
                self.settings.breaker.failures
            )));
        }
        let result = self.limited(limit, caller, operation).await;
        match &result {
            Ok(_) => self.changed(kind, state.succeeded()),
            Err(error) if error.is_partial() => self.partly_failed(error),
            Err(error) => {
                self.tell(error);
                let (change, opens) = state.failed(self.settings.breaker.failures);
                if let Some(core) = self.core.upgrade().filter(|_| opens) {
                    events::backend_left_alone(&core.name, self.settings.breaker.failures);
                }
                self.changed(kind, change);
            }
        }
        result
    }

    fn state(&self, kind: Kind) -> &State {
        match kind {
            Kind::Read => &self.reads,
            Kind::Write => &self.writes,
            Kind::Removal => &self.removals,
        }
    }

    fn limit(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Read => self.settings.read_timeout,
            Kind::Write | Kind::Removal => self.settings.write_timeout,
        }
    }

    /// Asks the backend; an answer that does not come in time is an error.
    async fn limited<T, F>(
        self: &Arc<Self>,
        limit: Duration,
        caller: Caller<'_>,
        operation: impl FnOnce(Arc<dyn Backend>, Context) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let is_blocking = self.backend.is_blocking();
        let context = if matches!(caller, Caller::Thread) || is_blocking { Context::blocking } else { Context::task };
        let answer = operation(Arc::clone(&self.backend), context(limit));
        if is_blocking && !matches!(caller, Caller::Thread) {
            let answer = blocking::unblock(|| block_on(answer));
            self.in_time(limit, std::pin::pin!(answer)).await
        } else {
            self.in_time(limit, std::pin::pin!(answer)).await
        }
    }

    async fn in_time<T>(
        &self,
        limit: Duration,
        mut answer: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Error> {
        let mut waiting = None;
        std::future::poll_fn(|context| {
            // What a backend or a proxy does is no reason for a caller to panic.
            match reentrance::caught(|| answer.as_mut().poll(context)) {
                Ok(Poll::Ready(result)) => return Poll::Ready(result),
                Ok(Poll::Pending) => {}
                Err(payload) => {
                    let message = reentrance::message(&payload);
                    return Poll::Ready(Err(Error::backend(format_args!("it panicked: {message}"))));
                }
            }
            // Most answers of a thread's are there at once, and need no limit.
            if waiting.get_or_insert_with(|| self.limits.wait(limit)).is_over(context.waker()) {
                return Poll::Ready(Err(Error::timeout(format_args!("{limit:?} have passed"))));
            }
            Poll::Pending
        })
        .await
    }

    /// Counts and tells a failure.
    pub(crate) fn tell(&self, error: &Error) {
        if let Some(core) = self.core.upgrade() {
            core.counters.count(Event::BackendError);
            events::backend_failed(&core.name, error);
        }
    }

    /// Tells a failure that says nothing of what else the backend is asked.
    fn partly_failed(&self, error: &Error) {
        self.partly_failed.store(nanos(self.clock.now()).max(1), Ordering::Release);
        self.tell(error);
    }

    /// Whether a part of the backend has failed a short while ago.
    fn has_partly_failed(&self) -> bool {
        let last = self.partly_failed.load(Ordering::Acquire);
        last != 0 && nanos(self.clock.now()).saturating_sub(last) <= nanos(self.settings.breaker.near)
    }

    /// What a change of health means for the region.
    fn changed(self: &Arc<Self>, kind: Kind, change: Change) {
        match change {
            Change::None => {}
            Change::Probe => self.probe(kind),
            Change::Recovered => self.recovered(),
        }
    }

    /// The backend works again: what was kept in this process for want of it goes.
    fn recovered(&self) {
        if let Some(core) = self.core.upgrade() {
            events::backend_recovered(&core.name);
        }
        self.drop_stand_ins();
    }

    /// Has an operation carried out for which nobody waits; what is done at once is done when this returns.
    fn detached<F>(self: &Arc<Self>, limit: Duration, operation: impl FnOnce(Arc<dyn Backend>, Context) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let is_blocking = self.backend.is_blocking();
        let context = if is_blocking { Context::blocking(limit) } else { Context::task(limit) };
        let mut answer = Box::pin(operation(Arc::clone(&self.backend), context));
        let mut first =
            || answer.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready();
        // Here too a backend that panics is none of the caller's, who may be unwinding already.
        let is_done = !is_blocking && reentrance::caught(&mut first).unwrap_or(true);
        if !is_done {
            let remote = Arc::clone(self);
            // One that never comes is not waited for by a thread of the pool either.
            let answer = async move {
                answer.await;
                Ok(())
            };
            blocking::unblock(move || drop(block_on(remote.in_time(limit, std::pin::pin!(answer))))).detach();
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("backend", &self.backend).finish_non_exhaustive()
    }
}
