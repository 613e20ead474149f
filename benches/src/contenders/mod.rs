//! Who takes part: raw papaya as the limit, cachekit, and what a user would pick instead.

pub(crate) mod numbers;
pub(crate) mod tasks;
pub(crate) mod texts;
pub(crate) mod values;

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use crate::measure::{Walk, jump};

/// No entry lives so long that a round ends it.
pub(crate) const TTL: Duration = Duration::from_hours(1);

/// The capacity of a region that says nothing.
pub(crate) const DEFAULT_CAPACITY: u64 = 10_000;

/// The capacity of those that hold more.
pub(crate) const LARGE_CAPACITY: u64 = 20_000_000;

pub(crate) fn size(entries: u64) -> usize {
    usize::try_from(entries).expect("a capacity fits")
}

/// What a contender is to a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What no cache on that table can go below.
    Limit,
    Ours,
    /// Somebody else's, that checks a ttl or does not.
    Peer {
        ttl: bool,
    },
}

/// One way to be given the value of a key.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Keys that it keeps at once.
    pub(crate) room: u64,
    /// Whether each thread has a cache of its own.
    pub(crate) of_the_thread: bool,
    pub(crate) run: Box<dyn Fn(Walk) + Send + Sync>,
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Contender {
    /// The loop is compiled for each, with the call in it, as in a program.
    pub(crate) fn new<R>(name: &'static str, role: Role, call: impl Fn(u64) -> R + Send + Sync + 'static) -> Self {
        let run = move |walk| match walk {
            Walk::Each(keys) => keys.for_each(|key| drop(black_box(call(black_box(key))))),
            Walk::Around { keys, from, calls } => {
                (from..from + calls).for_each(|n| drop(black_box(call(black_box(jump(n, keys))))));
            }
        };
        Self { name, role, room: u64::MAX, of_the_thread: false, run: Box::new(run) }
    }

    pub(crate) fn room(self, room: u64) -> Self {
        Self { room, ..self }
    }

    pub(crate) fn of_the_thread(self) -> Self {
        Self { of_the_thread: true, ..self }
    }
}

pub(crate) fn limit<R>(name: &'static str, call: impl Fn(u64) -> R + Send + Sync + 'static) -> Contender {
    Contender::new(name, Role::Limit, call)
}

pub(crate) fn ours<R>(name: &'static str, call: impl Fn(u64) -> R + Send + Sync + 'static) -> Contender {
    Contender::new(name, Role::Ours, call)
}

pub(crate) fn peer<R>(name: &'static str, ttl: bool, call: impl Fn(u64) -> R + Send + Sync + 'static) -> Contender {
    Contender::new(name, Role::Peer { ttl }, call)
}

/// Reads the coarse clock, as what checks a ttl has to.
#[inline]
pub(crate) fn coarse_clock() -> u64 {
    rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse).tv_nsec.unsigned_abs()
}

/// A table without anything that makes it a cache.
pub(crate) type Raw<V> = papaya::HashMap<u64, V, foldhash::fast::RandomState>;

/// A hit in raw papaya, or what makes the next one.
///
/// By `insert`: a table that `get_or_insert_with` alone has filled probes ten times as far.
#[inline]
pub(crate) fn found_or<V: Clone>(raw: &Raw<V>, n: u64, compute: impl FnOnce(u64) -> V) -> V {
    let raw = raw.pin();
    raw.get(&n).cloned().unwrap_or_else(|| {
        let value = compute(n);
        raw.insert(n, value.clone());
        value
    })
}
