//! The settings of a region, and how they are given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Region;
use super::runner::Runner;
#[cfg(doc)]
use super::runner::Threads;
use crate::backend::{IntoBackend, Proxy};
use crate::clock::Clock;
use crate::codec::Codec;
#[cfg(doc)]
use crate::codec::MessagePack;
use crate::error::{Error, Kind};
use crate::key::generator::KeyContext;
use crate::remote::settings::{RemoteSettings, Wrap};
use crate::remote::{Breaker, OnBackendError};
use crate::timing::{RefreshAhead, Timing};

/// Entries that a region holds where nothing else is said.
pub(crate) const DEFAULT_CAPACITY: usize = 10_000;

/// Computations past their deadline that a region puts up with where nothing else is said.
const MAX_DISOWNED: usize = 100;

pub(crate) type Mangler = Arc<dyn Fn(&str) -> String + Send + Sync>;
pub(crate) type Generator = Arc<dyn Fn(&KeyContext<'_>) -> String + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) ttl: Option<Duration>,
    pub(crate) timing: Timing,
    pub(crate) capacity: usize,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) runner: Option<Arc<dyn Runner>>,
    pub(crate) max_disowned: usize,
    pub(crate) version: Option<u64>,
    pub(crate) key_prefix: Box<str>,
    pub(crate) key_mangler: Option<Mangler>,
    pub(crate) key_generator: Option<Generator>,
    pub(crate) remote: RemoteSettings,
}

impl Settings {
    fn new() -> Self {
        Self {
            ttl: None,
            timing: Timing::default(),
            capacity: DEFAULT_CAPACITY,
            clock: None,
            runner: None,
            max_disowned: MAX_DISOWNED,
            version: None,
            key_prefix: "".into(),
            key_mangler: None,
            key_generator: None,
            remote: RemoteSettings::default(),
        }
    }

    /// What a backend is handed for a text: that of the mangler, where there is one.
    pub(crate) fn mangled(&self, text: String) -> String {
        match &self.key_mangler {
            Some(mangler) => mangler(&text),
            None => text,
        }
    }

    /// Whether entries that were stored under `old` mean the same under these settings.
    pub(crate) fn reads(&self, old: &Self) -> bool {
        let same_clock = match (&self.clock, &old.clock) {
            (None, None) => true,
            (Some(new), Some(old)) => Arc::ptr_eq(new, old) || new.id().is_some_and(|id| old.id() == Some(id)),
            _ => false,
        };
        let same_generator = match (&self.key_generator, &old.key_generator) {
            (None, None) => true,
            (Some(new), Some(old)) => Arc::ptr_eq(new, old),
            _ => false,
        };
        let same_backend =
            self.remote.is_that_of(&old.remote) && (self.remote.backend.is_none() || self.key_prefix == old.key_prefix);
        same_clock && same_generator && same_backend && self.version == old.version
    }
}

/// Settings for a [`Region`], from [`Region::builder`].
///
/// ```
/// use std::time::Duration;
/// use cachekit::Region;
///
/// let region = Region::builder("users")
///     .ttl(Duration::from_secs(300))
///     .capacity(50_000)
///     .build()?;
/// assert_eq!(region.name(), "users");
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct RegionBuilder {
    pub(crate) name: Box<str>,
    pub(crate) settings: Settings,
}

impl RegionBuilder {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), settings: Settings::new() }
    }

    /// How long a value is fresh, counted from the end of its computation. Default: for ever.
    ///
    /// Past its ttl a value is kept for as long again, at most 5 minutes: while one caller computes a new one, the
    /// others are served the old one at once.
    /// `Duration::ZERO` stores nothing.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = Some(ttl);
        self
    }

    /// How long past its ttl a value is served while it is renewed. Default: as long as the ttl, at most 5 minutes, and
    /// only to those who meet a caller that computes.
    ///
    /// The value is renewed in the background by functions with `background` in their attribute, and everyone is served
    /// the old one at once. Otherwise one caller renews it and waits for the new value; so too where nobody drives the
    /// renewals of an `async fn`, see [`runner`](Self::runner).
    pub fn stale_while_revalidate(mut self, span: Duration) -> Self {
        self.settings.timing.stale_while_revalidate = Some(span);
        self
    }

    /// How long past its ttl a value is served where the function returns an `Err`. Default: not at all.
    ///
    /// A panic reaches the caller; one of a renewal in the background is covered as an `Err` is.
    /// After such a failure nobody tries again for a while, see [`retry_after`](Self::retry_after).
    ///
    /// ```
    /// use std::time::Duration;
    /// use cachekit::Region;
    /// use cachekit::testing::ManualClock;
    ///
    /// let clock = ManualClock::new();
    /// let region = Region::builder("forecasts")
    ///     .ttl(Duration::from_secs(60))
    ///     .stale_if_error(Duration::from_secs(3_600))
    ///     .clock(clock.clone())
    ///     .build()?;
    /// region.set("today", &"sunny".to_owned())?;
    /// clock.advance(Duration::from_secs(1_800));
    /// let forecast = region.try_get_or_create("today", || Err::<String, _>("the service is down"));
    /// assert_eq!(forecast.as_deref(), Ok("sunny"));
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    pub fn stale_if_error(mut self, span: Duration) -> Self {
        self.settings.timing.stale_if_error = Some(span);
        self
    }

    /// The pause after a failure that an old value covered, and the longest pause that further failures double it to.
    /// Default: 5 s and 60 s. It is a setting of the region alone.
    ///
    /// Whoever asks for a new value, by `refresh` or by [`must_be_fresh`](crate::CallOptions::must_be_fresh), tries during a
    /// pause too, and does not lengthen it. A success, `set`, and each invalidation end it.
    pub fn retry_after(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.timing.retry_after = Some((first, longest));
        self
    }

    /// When one of the callers that are served a fresh value renews it, before it is past its ttl: after a fraction of the
    /// ttl, such as `0.9`, or at random, [`RefreshAhead::XFetch`]. Default: never.
    pub fn refresh_ahead(mut self, when: impl Into<RefreshAhead>) -> Self {
        self.settings.timing.refresh_ahead = Some(when.into());
        self
    }

    /// Lengthens each ttl by a random fraction up to this, so that what was stored together does not expire together.
    /// Default: 0.
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.settings.timing.jitter = Some(fraction);
        self
    }

    /// How long a caller waits for another's computation; then it takes the value past its ttl if there is one, and else
    /// computes for itself. Default: as long as it takes.
    ///
    /// Where there is no old value, everyone who has waited so long computes: for keys that may be cold choose it longer
    /// than a computation usually takes, or have the waiting ended by [`deadline`](Self::deadline), where one computes for
    /// all.
    ///
    /// It also ends a circle: two functions that call each other, of which two callers each compute what the other waits
    /// for.
    pub fn wait_timeout(mut self, span: Duration) -> Self {
        self.settings.timing.wait_timeout = Some(span);
        self
    }

    /// How long a computation holds the others up. Default: 60 s; `Duration::MAX` is no limit.
    ///
    /// Then it is disowned: the next caller starts its own. What the disowned one still returns reaches its own caller,
    /// and is stored unless something newer was, or an invalidation came between.
    pub fn deadline(mut self, span: Duration) -> Self {
        self.settings.timing.deadline = Some(span);
        self
    }

    /// How many computations may be past their [`deadline`](Self::deadline) at once. Default: 100.
    ///
    /// While there are so many, no others are begun in their place: callers wait on, as far as `wait_timeout` lets them,
    /// rather than adding to the load of what hangs. With 0 a deadline never begins another one.
    pub fn max_disowned(mut self, computations: usize) -> Self {
        self.settings.max_disowned = computations;
        self
    }

    /// Where values are renewed in the background. Default: [`Threads`], two of them for functions, and the current tokio
    /// runtime for an `async fn`: with the feature `tokio`, and within a runtime. Elsewhere one caller renews an `async fn`
    /// and waits; [`check`](crate::check) says so where the feature is missing.
    pub fn runner(mut self, runner: impl Runner) -> Self {
        self.settings.runner = Some(Arc::new(runner));
        self
    }

    /// The most entries that the region holds in this process, all its functions together. Default: 10,000.
    ///
    /// Beyond that the entries that were not used again go first (S3-FIFO).
    /// `usize::MAX` is no limit.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.settings.capacity = entries;
        self
    }

    /// Where the region reads the time. Default: the coarse monotonic clock of the system, see [`Clock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = Some(Arc::new(clock));
        self
    }

    /// Part of the key of every function of the region that has no `version` of its own. Default: none.
    ///
    /// A new version is a new key: bump it when the meaning of the values changes.
    pub fn version(mut self, version: u64) -> Self {
        self.settings.version = Some(version);
        self
    }

    /// Stands before each key in a backend, to tell apart programs that share one. Default: nothing.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.key_prefix = prefix.into().into();
        self
    }

    /// Turns the text of a key, prefix included, into the one that a backend is handed. Default: none.
    ///
    /// ```
    /// use cachekit::{Region, mangle};
    ///
    /// let region = Region::builder("pages").key_mangler(mangle::length_conditional(250, mangle::sha1)).build()?;
    /// assert_eq!(region.backend_key("k"), "pages:k");
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    pub fn key_mangler(mut self, mangler: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.settings.key_mangler = Some(Arc::new(mangler));
        self
    }

    /// Makes the keys of the region's functions that have no `key_generator` of their own. Default: the canonical form,
    /// see [`Key`](crate::Key).
    ///
    /// [`generate`](crate::generate) has some. What one returns is a key set by hand: functions whose generators return one
    /// text share one entry, which then should hold one type. Values are kept as those set by hand, and a hit costs a few
    /// more nanoseconds.
    pub fn key_generator(mut self, generator: impl Fn(&KeyContext<'_>) -> String + Send + Sync + 'static) -> Self {
        self.settings.key_generator = Some(Arc::new(generator));
        self
    }

    /// Where values are kept beside this process. Default: nowhere.
    ///
    /// Calls then read the backend each time, unless [`near`](Self::near) keeps values in this process too; those of one
    /// process that ask for a key at once share one read. It replaces the backend that was set before, not its proxies.
    pub fn backend(mut self, backend: impl IntoBackend) -> Self {
        self.settings.remote.backend = Some(backend.into_backend());
        self
    }

    /// Puts a proxy before the backend; the last is outermost.
    ///
    /// It stays where another backend is set, here or by a configuration: a region may be declared with its proxies and be
    /// given its backend when that is known.
    pub fn wrap(mut self, proxy: impl Proxy) -> Self {
        self.settings.remote.proxies.push(Wrap::new(proxy));
        self
    }

    /// How values become bytes. Default: [`MessagePack`].
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.settings.remote.codec = Arc::new(codec);
        self
    }

    /// How long at most a value of the backend is also kept in this process. Default: not at all.
    ///
    /// What this process invalidates is gone here at once, what others invalidate within this time.
    pub fn near(mut self, span: Duration) -> Self {
        self.settings.remote.near = Some(span);
        self
    }

    /// Whether one caller among all processes computes a key, where the backend has leases. Default: true.
    ///
    /// With `false` every process computes for itself, and stores whatever other processes invalidate meanwhile.
    pub fn lock(mut self, lock: bool) -> Self {
        self.settings.remote.lock = lock;
        self
    }

    /// After how long another process may compute a key whose process has died. Default: 10 s.
    ///
    /// While a computation runs its lease is renewed, up to its [`deadline`](Self::deadline).
    pub fn lease(mut self, length: Duration) -> Self {
        self.settings.remote.lease = length;
        self
    }

    /// What becomes of an error of the backend while a value is looked up. Default: [`OnBackendError::Degrade`].
    ///
    /// `set`, `invalidate` and the like report such errors in any case.
    pub fn on_backend_error(mut self, policy: OnBackendError) -> Self {
        self.settings.remote.on_error = policy;
        self
    }

    /// How long a read of the backend may take. Default: 100 ms.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.settings.remote.read_timeout = limit;
        self
    }

    /// How long any other operation of the backend may take. Default: 250 ms.
    pub fn write_timeout(mut self, limit: Duration) -> Self {
        self.settings.remote.write_timeout = limit;
        self
    }

    /// When the region stops to ask a backend that fails. Default: [`Breaker::new`].
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.settings.remote.breaker = breaker;
        self
    }

    /// Makes a region that is not in the registry; [`regions!`](crate::regions!) makes those that are.
    ///
    /// # Errors
    ///
    /// If the name is empty, the capacity, the deadline, the lease or a time limit is zero, `refresh_ahead` is not between 0
    /// and 1 or `jitter` not from 0 to 1, or the pauses of `retry_after` begin with zero or are out of order.
    pub fn build(self) -> Result<Region, Error> {
        self.check()?;
        Ok(Region::new(self))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let fault = if self.name.is_empty() {
            "the name of a region is empty: write `Region::builder(\"a name\")`".to_owned()
        } else {
            let faults = self.faults();
            if faults.is_empty() {
                return Ok(());
            }
            format!("in region `{}` {}", self.name, faults.join("; "))
        };
        Err(Error::new(Kind::Settings, fault))
    }

    /// The settings that make no sense, with what to write.
    pub(crate) fn faults(&self) -> Vec<String> {
        let remote = &self.settings.remote;
        let of_backend = [
            (remote.lease, "`lease` is zero: write how long another process waits for a dead one"),
            (remote.read_timeout, "`read_timeout` is zero: no backend answers in no time"),
            (remote.write_timeout, "`write_timeout` is zero: no backend answers in no time"),
        ];
        let mut faults: Vec<String> =
            of_backend.iter().filter(|(span, _)| span.is_zero()).map(|(_, fault)| (*fault).to_owned()).collect();
        if self.settings.capacity == 0 {
            faults.push("the capacity is 0: write `.capacity(1)` or more".to_owned());
        }
        faults.extend(self.settings.timing.faults());
        faults
    }
}

impl fmt::Debug for RegionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionBuilder")
            .field("name", &self.name)
            .field("ttl", &self.settings.ttl)
            .field("timing", &self.settings.timing)
            .field("capacity", &self.settings.capacity)
            .field("clock", &self.settings.clock)
            .field("runner", &self.settings.runner)
            .field("max_disowned", &self.settings.max_disowned)
            .field("version", &self.settings.version)
            .field("key_prefix", &self.settings.key_prefix)
            .field("key_mangler", &self.settings.key_mangler.is_some())
            .field("key_generator", &self.settings.key_generator.is_some())
            .field("remote", &self.settings.remote)
            .finish()
    }
}
