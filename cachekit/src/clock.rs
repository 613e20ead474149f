//! Where time comes from.
//!
//! Nothing in cachekit reads a clock but through this trait, so a test moves time by hand.
//! Times of a clock are durations since an origin of its own: they are compared with one another and never shown, and
//! no invalidation depends on them.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_timer::Delay;

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

    /// The time since the beginning of 1970, which says in a shared backend how old a value is; provided by the system's.
    fn unix_time(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// What tells the clock from others: of two clocks with equal ids, which show the same time, values that were stored by
    /// the one may be read by the other. `None`, as provided, is no other's.
    fn id(&self) -> Option<usize> {
        None
    }

    /// Wakes once when [`now`](Self::now) has reached `at`, unless the alarm is dropped before.
    ///
    /// It may wake early: who is woken looks at the clock, and asks again. Limits of waiting (`wait_timeout`, `deadline`)
    /// depend on it. As provided it waits by the system's time, which is right for every clock that goes as fast as that.
    fn wake_at(&self, at: Duration, waker: &Waker) -> Alarm {
        Alarm::after(at.saturating_sub(self.now()), waker)
    }
}

/// A call to wake somebody, from [`Clock::wake_at`]; dropped, it is off.
pub struct Alarm(#[expect(dead_code, reason = "it is kept for its drop")] Box<dyn Send + Sync>);

impl Alarm {
    /// An alarm of a clock of one's own; to drop `guard` cancels it.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }

    /// An alarm by the system's time.
    #[must_use]
    pub fn after(span: Duration, waker: &Waker) -> Self {
        // The clock that is asked may tick coarsely: behind its next tick it will have moved.
        let mut delay = Delay::new(span.max(TICK));
        if Future::poll(std::pin::Pin::new(&mut delay), &mut Context::from_waker(waker)).is_ready() {
            waker.wake_by_ref();
        }
        Self::new(delay)
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alarm")
    }
}

/// Waits until the clock shows `at`.
pub(crate) async fn sleep_until(clock: &dyn Clock, at: Duration) {
    let mut _alarm = None;
    poll_fn(|context| {
        if clock.now() >= at {
            return Poll::Ready(());
        }
        // Set anew at each poll, since the waker may be another one.
        _alarm = Some(clock.wake_at(at, context.waker()));
        Poll::Pending
    })
    .await;
}

/// Parks the thread until the future is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // Most are ready at once, and need nobody to wake them.
    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return output;
    }
    let (parker, unparker) = parking::pair();
    let waker = Waker::from(unparker);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => parker.park(),
        }
    }
}

/// The shortest time after which a coarse clock is looked at again.
const TICK: Duration = Duration::from_millis(1);

/// The coarse clock of the system, as a [`Clock`].
#[derive(Debug)]
pub(crate) struct System;

impl Clock for System {
    fn now(&self) -> Duration {
        Duration::from_nanos(coarse())
    }
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
