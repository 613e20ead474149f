//! Nobody listens.

use std::time::Duration;

use super::Subject;
use crate::error::Error;
use crate::fetched::Source;

#[inline]
pub(crate) fn created(_: Subject<'_>, _took: Duration) {}

#[inline]
pub(crate) fn failed(_: Subject<'_>, _took: Duration, _covered: bool) {}

#[inline]
pub(crate) fn coalesced(_: Subject<'_>) {}

#[inline]
pub(crate) fn renewing(_: Subject<'_>, _started: bool) {}

#[inline]
pub(crate) fn served_stale(_: Subject<'_>, _source: Source) {}

#[inline]
pub(crate) fn invalidated(_region: &str, _how: &'static str) {}

#[inline]
pub(crate) fn evicted(_region: &str) {}

#[inline]
pub(crate) fn backend_failed(_region: &str, _error: &Error) {}

#[inline]
pub(crate) fn backend_left_alone(_region: &str, _failures: u32) {}

#[inline]
pub(crate) fn backend_recovered(_region: &str) {}

#[inline]
pub(crate) fn unreadable(_: Subject<'_>, _why: &dyn std::fmt::Display) {}
