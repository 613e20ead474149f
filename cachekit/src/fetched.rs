//! A value with where it came from.

use std::time::Duration;

use crate::clock::{NEVER, Nanos};
use crate::companion::Value;
use crate::freshness::Stamp;
use crate::values::{Shared, owned};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// From this process, within its ttl.
    Fresh,
    /// Past its ttl, expired or softly invalidated: while somebody else renews it, or for want of room where it would be
    /// renewed in the background, or after `wait_timeout`.
    Stale,
    /// Past its ttl, expired or softly invalidated, and the function has failed, now or a short while ago.
    StaleOnError,
    /// This caller computed it.
    Computed,
    /// Another caller computed it while this one waited.
    Coalesced,
    /// From the region's backend.
    Backend,
}

/// A value with where it came from, from the companion `fetch`.
///
/// ```
/// use cachekit::{Region, Source, cache_on_arguments, regions};
///
/// regions! { static TRIPLES = Region::builder("triples").ttl(std::time::Duration::from_secs(60)); }
///
/// #[cache_on_arguments(region = TRIPLES)]
/// fn triple(n: u64) -> u64 { 3 * n }
///
/// assert_eq!(triple::fetch(2).source(), Source::Computed);
/// let again = triple::fetch(2);
/// assert_eq!((again.source(), *again.value()), (Source::Fresh, 6));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched<V> {
    value: V,
    source: Source,
    age: Duration,
    ttl_left: Option<Duration>,
}

impl<V> Fetched<V> {
    pub(crate) fn new(served: Served<V>, now: Nanos) -> Self {
        let span = |from: Nanos, to: Nanos| Duration::from_nanos(to.saturating_sub(from));
        let aging = served.stamp.filter(|stamp| stamp.ttl != NEVER);
        Self {
            value: served.value,
            source: served.source,
            age: match (served.source, served.stamp) {
                (Source::Computed, _) | (_, None) => Duration::ZERO,
                (_, Some(stamp)) => span(stamp.created, now),
            },
            ttl_left: if matches!(served.source, Source::Stale | Source::StaleOnError) {
                Some(Duration::ZERO)
            } else {
                aging.map(|stamp| span(now, stamp.fresh_until()))
            },
        }
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.value
    }

    /// The value, without the rest.
    pub fn into_value(self) -> V {
        self.value
    }

    /// Where the value came from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// The time since the end of the computation; zero for a value that was just computed.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// The time until the value is no longer fresh, zero past it; `None` where it has no ttl, or is not stored.
    ///
    /// In a region with a backend that also keeps values in this process (`near`), at most the time until the backend is
    /// asked again.
    pub fn ttl_left(&self) -> Option<Duration> {
        self.ttl_left
    }
}

/// A value on its way to a caller.
pub(crate) struct Served<V = Shared> {
    pub(crate) value: V,
    pub(crate) source: Source,
    /// What its entry remembers, where it has one.
    pub(crate) stamp: Option<Stamp>,
}

impl Served {
    /// A value that was computed and is in no table.
    pub(crate) fn computed(value: Shared) -> Self {
        Self { value, source: Source::Computed, stamp: None }
    }

    /// As the caller has it.
    pub(crate) fn typed<V: Value>(self) -> Served<V> {
        Served { value: owned(self.value), source: self.source, stamp: self.stamp }
    }
}
