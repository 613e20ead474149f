//! What happens in a region, for whoever subscribes: events of `tracing`, with the feature of that name.
//!
//! Fields are of low cardinality, the region and the function; the key is told at the level `TRACE` only.
//! Without the feature the functions here are empty, and nothing is formatted.

#[cfg_attr(feature = "tracing", path = "enabled.rs")]
#[cfg_attr(not(feature = "tracing"), path = "disabled.rs")]
mod implementation;

pub(crate) use self::implementation::{
    backend_failed, backend_left_alone, backend_recovered, coalesced, created, evicted, failed, invalidated, renewing,
    served_stale, unreadable,
};

use crate::info::FnInfo;
use crate::key::Key;

/// Whose event it is.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody reads it without a subscriber"))]
pub(crate) struct Subject<'a> {
    pub(crate) region: &'a str,
    /// `None` for an entry by hand.
    pub(crate) function: Option<&'static FnInfo>,
    /// Asked only if somebody listens at the level `TRACE`.
    pub(crate) key: &'a dyn Fn() -> Key,
}
