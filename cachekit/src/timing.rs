//! How stale a value may be and how long callers wait, as regions and functions say it.
//!
//! What is said is merged, the function before its region, and judged here: what makes no sense, and what contradicts
//! something else. What it deliberately does not do: judge entries; `freshness` does.

use std::time::Duration;

use crate::clock::{NEVER, Nanos, nanos};

/// How long a computation may hold the others up where nothing else is said.
const DEADLINE: Duration = Duration::from_secs(60);

/// The pause after the first failure, and the longest, where nothing else is said.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// When a value that is still fresh is renewed by one of the callers it is served to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RefreshAhead {
    /// After this fraction of its ttl, between 0 and 1.
    Fraction(f64),
    /// At random, the more likely the nearer its ttl and the longer the computation took, times this factor, usually 1:
    /// optimal probabilistic early expiration (Vattani, Chierichetti, Lowenstein, “Optimal Probabilistic Cache Stampede
    /// Prevention”, VLDB 2015).
    XFetch(f64),
}

impl From<f64> for RefreshAhead {
    fn from(fraction: f64) -> Self {
        Self::Fraction(fraction)
    }
}

/// How stale a value may be, and how long callers wait, as far as a region or a function says so.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Timing {
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) refresh_ahead: Option<RefreshAhead>,
    pub(crate) jitter: Option<f64>,
    /// The pause after a first failure, and the longest.
    pub(crate) retry_after: Option<(Duration, Duration)>,
    /// How long a caller waits for another's computation.
    pub(crate) wait_timeout: Option<Duration>,
    /// How long a computation may hold the others up.
    pub(crate) deadline: Option<Duration>,
}

impl Timing {
    /// What a function says, and where it says nothing, what its region says.
    pub(crate) fn or(self, region: Self) -> Self {
        Self {
            stale_while_revalidate: self.stale_while_revalidate.or(region.stale_while_revalidate),
            stale_if_error: self.stale_if_error.or(region.stale_if_error),
            refresh_ahead: self.refresh_ahead.or(region.refresh_ahead),
            jitter: self.jitter.or(region.jitter),
            retry_after: self.retry_after.or(region.retry_after),
            wait_timeout: self.wait_timeout.or(region.wait_timeout),
            deadline: self.deadline.or(region.deadline),
        }
    }

    /// The same, with values of use where the function fails for at least as long.
    pub(crate) fn or_longer(mut self, span: Duration) -> Self {
        if !span.is_zero() {
            self.stale_if_error = self.stale_if_error.max(Some(span));
        }
        self
    }

    /// The pause after a failure that an old value covers, and the longest.
    pub(crate) fn retry_after(&self) -> (Duration, Duration) {
        self.retry_after.unwrap_or(RETRY_AFTER)
    }

    pub(crate) fn deadline(&self) -> Nanos {
        nanos(self.deadline.unwrap_or(DEADLINE))
    }

    /// Whether a renewal depends on a random number.
    pub(crate) fn is_random(&self) -> bool {
        matches!(self.refresh_ahead, Some(RefreshAhead::XFetch(_)))
    }

    /// The ttl lengthened by the fraction `random` of the jitter.
    pub(crate) fn jittered(&self, ttl: Nanos, random: impl FnOnce() -> f64) -> Nanos {
        match self.jitter {
            Some(jitter) if ttl != NEVER => ttl.saturating_add(part(ttl, jitter * random())),
            _ => ttl,
        }
    }

    /// What is said that makes no sense, with what to write.
    pub(crate) fn faults(&self) -> Vec<String> {
        let fraction = |name: &str, value: f64, from: &str| format!("`{name}` is {value}: write a number {from}");
        let refresh_ahead = match self.refresh_ahead {
            Some(RefreshAhead::Fraction(of)) if !(of > 0.0 && of < 1.0) => {
                Some(fraction("refresh_ahead", of, "between 0 and 1"))
            }
            Some(RefreshAhead::XFetch(beta)) if !(beta > 0.0 && beta.is_finite()) => {
                Some(format!("the factor of `RefreshAhead::XFetch` is {beta}: write a positive number, usually 1"))
            }
            _ => None,
        };
        let jitter = self.jitter.filter(|jitter| !(0.0..=1.0).contains(jitter));
        let retry_after = self.retry_after.and_then(|(first, longest)| {
            if first.is_zero() {
                Some("`retry_after` begins with 0, so that everyone would try: write for example 1 s".to_owned())
            } else {
                (first > longest).then(|| {
                    format!("`retry_after` begins with {first:?}, which is longer than its longest pause, {longest:?}")
                })
            }
        });
        let deadline = (self.deadline == Some(Duration::ZERO)).then(|| {
            "`deadline` is 0, so that nobody would ever wait: write a longer one, or `wait_timeout`".to_owned()
        });
        let jitter = jitter.map(|jitter| fraction("jitter", jitter, "from 0 to 1"));
        [refresh_ahead, jitter, retry_after, deadline].into_iter().flatten().collect()
    }

    /// What is said that contradicts something else, or has no effect, with what to write; it works as the text says.
    ///
    /// `ttl` is the time to live that values have, as far as one is known for all of them.
    pub(crate) fn misfits(&self, ttl: Ttl) -> Vec<String> {
        let mut misfits = Vec::new();
        let of_the_ttl = [
            ("stale_while_revalidate", self.stale_while_revalidate.is_some()),
            ("refresh_ahead", self.refresh_ahead.is_some()),
            ("jitter", self.jitter.is_some_and(|jitter| jitter > 0.0)),
        ];
        for (name, _) in of_the_ttl.iter().filter(|(_, is_set)| *is_set) {
            match ttl {
                Ttl::None => misfits.push(format!(
                    "`{name}` has no effect without a `ttl`, as values never expire: write a `ttl`, or remove it"
                )),
                Ttl::All(ttl) if ttl.is_zero() => misfits.push(format!(
                    "`{name}` has no effect with a `ttl` of 0, as nothing is stored: write a longer `ttl`, or remove it"
                )),
                Ttl::All(_) | Ttl::Some => {}
            }
        }
        if let (Some(always), Some(on_error)) = (self.stale_while_revalidate, self.stale_if_error)
            && on_error < always
        {
            misfits.push(format!(
                "`stale_if_error` ({on_error:?}) is shorter than `stale_while_revalidate` ({always:?}), during which the \
                 old value is served anyway, and counts as long: write it longer, or remove it"
            ));
        }
        let deadline = self.deadline.unwrap_or(DEADLINE);
        if let Some(timeout) = self.wait_timeout
            && timeout >= deadline
        {
            misfits.push(format!(
                "`wait_timeout` ({timeout:?}) is no shorter than `deadline` ({deadline:?}), which ends each wait before: \
                 write it shorter, or remove it"
            ));
        }
        let renews = self.refresh_ahead.is_some() || self.stale_while_revalidate.is_some();
        if self.retry_after.is_some() && self.stale_if_error.is_none() && !renews {
            misfits.push(
                "`retry_after` has no effect where no old value covers a failure: write `stale_if_error`, or remove it"
                    .to_owned(),
            );
        }
        misfits
    }
}

/// Which time to live the values of a function or of a region have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ttl {
    None,
    /// Some values have one.
    Some,
    All(Duration),
}

/// A fraction of a span.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
pub(crate) fn part(span: Nanos, fraction: f64) -> Nanos {
    // A cast from a float saturates; what it loses is far below the resolution of any clock.
    (span as f64 * fraction) as Nanos
}
