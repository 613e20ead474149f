//! Where time comes from.
//!
//! Nothing in cachekit reads a clock but through this trait, so a test moves time by hand.
//! Times of a clock are durations since an origin of its own: they are compared with one another and never shown, and
//! no invalidation depends on them.

use std::fmt;
use std::time::Duration;

/// A source of monotonic time.
///
/// A region reads it when a value is stored and at each hit of a value that has a ttl, so it should be fast.
/// The default is the coarse monotonic clock of the operating system, which ticks every few milliseconds (1 to 10 ms on
/// Linux): a ttl is exact to that. [`testing::ManualClock`](crate::testing::ManualClock) moves by hand.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// /// Time to the nanosecond, at the price of a slower hit.
/// #[derive(Debug)]
/// struct Precise(Instant);
///
/// impl cachekit::Clock for Precise {
///     fn now(&self) -> Duration {
///         self.0.elapsed()
///     }
/// }
///
/// let region = cachekit::Region::builder("precise").clock(Precise(Instant::now())).build()?;
/// # Ok::<(), cachekit::Error>(())
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time since a fixed origin; never less than it was.
    fn now(&self) -> Duration;
}

/// A point in time or a span of it, in nanoseconds; [`NEVER`] is later than all others.
pub(crate) type Nanos = u64;

pub(crate) const NEVER: Nanos = u64::MAX;

/// A span as nanoseconds; what is longer than 584 years is no limit.
pub(crate) fn nanos(span: Duration) -> Nanos {
    u64::try_from(span.as_nanos()).unwrap_or(NEVER)
}

/// The coarse monotonic clock: a few nanoseconds a reading, a few milliseconds of resolution.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
pub(crate) fn coarse() -> Nanos {
    use rustix::time::{ClockId, clock_gettime};

    let now = clock_gettime(ClockId::MonotonicCoarse);
    // Monotonic time begins at the start of the machine and is not negative.
    now.tv_sec.unsigned_abs().wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec.unsigned_abs())
}

/// The monotonic clock, where there is no coarse one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn coarse() -> Nanos {
    use std::sync::LazyLock;
    use std::time::Instant;

    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    nanos(ORIGIN.elapsed())
}
