//! What one call asks for beside the value.

use std::time::Duration;

/// What one call asks for beside the value, for the companion `with`.
///
/// Options go together as they read. They concern this call alone: a renewal in the background that it starts stores as
/// usual. Callers who wait for this one get its value as they would any other's.
///
/// ```
/// use std::time::Duration;
/// use cachekit::{Region, cache_on_arguments, regions};
///
/// regions! { static QUOTES = Region::builder("quotes").ttl(Duration::from_secs(60)); }
///
/// #[cache_on_arguments(region = QUOTES)]
/// fn quote(symbol: &str) -> usize { symbol.len() }
///
/// quote::with(|o| o.ttl(Duration::from_secs(5)), "ABC");
/// let left = quote::entry("ABC").peek()?.and_then(|peek| peek.ttl_left());
/// assert!(left <= Some(Duration::from_secs(5)));
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "options do nothing until they are given back"]
pub struct CallOptions {
    pub(crate) reads: bool,
    pub(crate) stores: bool,
    pub(crate) takes_stale: bool,
    pub(crate) ttl: Option<Duration>,
}

impl CallOptions {
    /// Computes whatever the cache holds, a remembered error too, and replaces it, as the companion `refresh` does.
    pub fn force_refresh(mut self) -> Self {
        self.reads = false;
        self
    }

    /// Stores neither value nor error if this call computes; what is stored already stays. With
    /// [`force_refresh`](Self::force_refresh) the function is called past the cache.
    pub fn no_store(mut self) -> Self {
        self.stores = false;
        self
    }

    /// Takes no value past its ttl, whatever the settings allow: waits for one that is being computed, tries during the
    /// pause after a failure too, and has the error of a function that fails, also one that is remembered (`error_ttl`).
    pub fn must_be_fresh(mut self) -> Self {
        self.takes_stale = false;
        self
    }

    /// The time to live of the value if this call computes it, before all that the function and the region say.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

/// A call as it is without options.
impl Default for CallOptions {
    fn default() -> Self {
        Self { reads: true, stores: true, takes_stale: true, ttl: None }
    }
}
