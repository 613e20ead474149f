//! Events of `tracing`, with the target `cachekit`.

use std::time::Duration;

use tracing::{Level, debug, enabled, info, trace, warn};

use super::Subject;
use crate::error::Error;
use crate::fetched::Source;

impl Subject<'_> {
    fn function(&self) -> &'static str {
        self.function.map_or("", |function| function.name())
    }

    fn trace_key(&self, what: &'static str) {
        if enabled!(target: "cachekit", Level::TRACE) {
            let key = (self.key)();
            trace!(target: "cachekit", region = self.region, function = self.function(), %key, "{what}");
        }
    }
}

/// A computation gave a value.
pub(crate) fn created(subject: Subject<'_>, took: Duration) {
    debug!(target: "cachekit", region = subject.region, function = subject.function(), ?took, "created");
    subject.trace_key("created");
}

/// A computation gave an error or panicked; the old value may have covered that.
pub(crate) fn failed(subject: Subject<'_>, took: Duration, covered: bool) {
    warn!(target: "cachekit", region = subject.region, function = subject.function(), ?took, covered, "creation failed");
    subject.trace_key("creation failed");
}

/// A caller waits for another's computation.
pub(crate) fn coalesced(subject: Subject<'_>) {
    debug!(target: "cachekit", region = subject.region, function = subject.function(), "coalesced");
    subject.trace_key("coalesced");
}

/// A renewal was handed to the background, which may have had no room for it.
pub(crate) fn renewing(subject: Subject<'_>, started: bool) {
    debug!(target: "cachekit", region = subject.region, function = subject.function(), started, "renewal in the background");
    subject.trace_key("renewal in the background");
}

/// A caller was served a value past its ttl.
pub(crate) fn served_stale(subject: Subject<'_>, source: Source) {
    let why = if source == Source::StaleOnError { "the last renewal failed" } else { "somebody renews it" };
    debug!(target: "cachekit", region = subject.region, function = subject.function(), why, "served stale");
    subject.trace_key("served stale");
}

/// Somebody invalidated an entry, or all of the region.
pub(crate) fn invalidated(region: &str, how: &'static str) {
    debug!(target: "cachekit", region, how, "invalidated");
}

/// An entry went because the region was full.
pub(crate) fn evicted(region: &str) {
    trace!(target: "cachekit", region, "evicted");
}

/// The backend failed, or did not answer in time.
pub(crate) fn backend_failed(region: &str, error: &Error) {
    warn!(target: "cachekit", region, %error, "backend failed");
}

/// The backend has failed so often in a row that nobody asks it any more, but for a probe now and then.
pub(crate) fn backend_left_alone(region: &str, failures: u32) {
    warn!(target: "cachekit", region, failures, "backend left alone");
}

/// The backend works again.
pub(crate) fn backend_recovered(region: &str) {
    info!(target: "cachekit", region, "backend works again");
}

/// What the backend holds is no record that this region can read.
pub(crate) fn unreadable(subject: Subject<'_>, why: &dyn std::fmt::Display) {
    warn!(target: "cachekit", region = subject.region, function = subject.function(), %why, "unreadable record");
    subject.trace_key("unreadable record");
}
