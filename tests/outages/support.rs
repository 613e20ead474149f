//! What the tests share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit::{Breaker, Error, Invalidation, Key, Region, RegionBuilder};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::poll_until;
use tokio::runtime::Runtime;

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// Far more than a time limit of the default settings, and far less than anybody would wait for.
pub(crate) const SLACK: Duration = Duration::from_secs(2);

/// What works gets all the time that it needs, on the busiest machine.
pub(crate) fn patient(region: RegionBuilder) -> RegionBuilder {
    region.read_timeout(Duration::from_secs(10)).write_timeout(Duration::from_secs(10))
}

/// A process whose store is behind a port; it looks often whether a failed one is back, and of what it keeps meanwhile
/// nothing goes by itself.
pub(crate) fn process(port: u16) -> RegionBuilder {
    Region::builder("shared").ttl(LONG).backend(redis(port)).breaker(breaker())
}

pub(crate) fn redis(port: u16) -> Redis {
    Redis::connect(&format!("redis://127.0.0.1:{port}")).unwrap()
}

pub(crate) fn breaker() -> Breaker {
    Breaker::new().pause(Duration::from_millis(50)).near(LONG)
}

/// The name of an entry's lease in Redis.
pub(crate) fn lease(region: &Region, key: &str) -> String {
    let key = region.backend_key(key);
    format!("{key}:lease{{{key}}}")
}

/// Asks until what one process stores is what another reads: neither makes do without the store any more.
pub(crate) fn until_shared(callers: &Callers, one: &Region, other: &Region) {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    poll_until("the store is used again", || {
        let number = ASKED.fetch_add(1, Ordering::SeqCst);
        let key = format!("shared {number}");
        assert_eq!(callers.get_or_create(one, &key, || number), number);
        callers.get(other, &key).ok()?.map(|found| assert_eq!(found, number))
    });
}

/// How those who call wait.
pub(crate) enum Callers {
    Threads,
    Tasks(Runtime),
}

impl Callers {
    pub(crate) fn both() -> [Self; 2] {
        [Self::Threads, Self::Tasks(Runtime::new().unwrap())]
    }

    pub(crate) fn get_or_create(&self, region: &Region, key: impl Into<Key>, make: impl FnOnce() -> u64) -> u64 {
        match self {
            Self::Threads => region.get_or_create(key, make),
            Self::Tasks(runtime) => runtime.block_on(region.get_or_create_async(key, || async { make() })),
        }
    }

    pub(crate) fn get(&self, region: &Region, key: &str) -> Result<Option<u64>, Error> {
        match self {
            Self::Threads => region.get(key),
            Self::Tasks(runtime) => runtime.block_on(region.get_async(key)),
        }
    }

    pub(crate) fn get_many(&self, region: &Region, keys: &[String]) -> Result<Vec<Option<u64>>, Error> {
        match self {
            Self::Threads => region.get_many(keys),
            Self::Tasks(runtime) => runtime.block_on(region.get_many_async(keys)),
        }
    }

    pub(crate) fn set(&self, region: &Region, key: &str, value: u64) -> Result<(), Error> {
        match self {
            Self::Threads => region.set(key, &value),
            Self::Tasks(runtime) => runtime.block_on(region.set_async(key, &value)),
        }
    }

    pub(crate) fn delete(&self, region: &Region, key: &str) -> Result<(), Error> {
        match self {
            Self::Threads => region.delete(key),
            Self::Tasks(runtime) => runtime.block_on(region.delete_async(key)),
        }
    }

    pub(crate) fn invalidate(&self, region: &Region, how: Invalidation) -> Result<(), Error> {
        match self {
            Self::Threads => region.invalidate(how),
            Self::Tasks(runtime) => runtime.block_on(region.invalidate_async(how)),
        }
    }

    pub(crate) fn invalidate_tag(&self, region: &Region, tag: &str) -> Result<(), Error> {
        match self {
            Self::Threads => region.invalidate_tag(tag),
            Self::Tasks(runtime) => runtime.block_on(region.invalidate_tag_async(tag)),
        }
    }
}

/// A function that counts its runs, and returns their number.
#[derive(Default)]
pub(crate) struct Counted(AtomicU64);

impl Counted {
    pub(crate) fn run(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn runs(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
