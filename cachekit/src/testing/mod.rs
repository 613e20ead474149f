//! For tests of code that is cached: a clock moved by hand, and switches for regions; and for authors of backends, the suite
//! that every backend passes, and a backend that misbehaves.
//!
//! Behind the feature `testing`: `cachekit = { version = "…", features = ["testing"] }` in `[dev-dependencies]`.
//! A region is the whole process's, and tests run side by side: those that change its clock, switch it off or clear it
//! take turns, or use a region each.
//!
//! ```
//! use std::time::Duration;
//! use cachekit::testing::{self, ManualClock};
//! use cachekit::{Region, cache_on_arguments, regions};
//!
//! regions! { static RATES = Region::builder("rates").ttl(Duration::from_secs(60)); }
//!
//! #[cache_on_arguments(region = RATES)]
//! fn rate(currency: &str) -> u64 { currency.len() as u64 }
//!
//! let clock = ManualClock::new();
//! RATES.reconfigure(|r| r.clock(clock.clone()))?;
//! rate("EUR");
//! clock.advance(Duration::from_secs(61));
//! assert_eq!(rate::get("EUR")?, None, "past its ttl");
//!
//! testing::clear(&RATES);
//! let _off = testing::switch_off(&RATES);
//! rate("EUR");
//! assert_eq!(RATES.stats().entries, 0);
//! # Ok::<(), cachekit::Error>(())
//! ```

mod chaos;
mod clock;
mod cluster;
mod conformance;

pub use self::chaos::{Chaos, Havoc};
pub use self::clock::ManualClock;
pub use self::cluster::Cluster;
pub use self::conformance::{Conformance, conformance};

use crate::key::Key;
use crate::region::Region;

/// Drops every entry of the region, and what it remembers of failures; computations that are running are not stored.
///
/// Counters go on; a test takes their difference.
pub fn clear(region: &Region) {
    let core = region.core();
    core.move_epoch(crate::freshness::Epoch::HARD);
    core.purge(None);
    drop(core.failures.clear());
}

/// Sends every call of the region's functions to the function itself until the guard is dropped; meanwhile nothing is
/// stored and nothing found, by hand either.
///
/// Switches nest: the region is on again when the last guard is dropped.
#[must_use = "the region is on again when the guard is dropped"]
pub fn switch_off(region: &Region) -> SwitchedOff {
    region.core().switch_off();
    SwitchedOff(region.clone())
}

/// Keeps a region switched off; see [`switch_off`].
#[derive(Debug)]
pub struct SwitchedOff(Region);

impl Drop for SwitchedOff {
    fn drop(&mut self) {
        self.0.core().switch_on();
    }
}

/// How many callers wait in this process for somebody else's computation of the key.
///
/// A test of a stampede holds its leader until this is what it expects.
#[must_use]
pub fn waiting(region: &Region, key: impl Into<Key>) -> usize {
    region.waiting(&key.into())
}
