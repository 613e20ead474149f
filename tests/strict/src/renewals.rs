//! Renewals in the background, limits of waiting, remembered errors, and options of one call.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use cachekit::{CallOptions, RefreshAhead, cache_on_arguments};

/// A connection of which renewals keep a copy.
#[derive(Clone, Debug, Default)]
pub struct Db {
    /// How often it was asked.
    pub asked: u64,
}

const AHEAD: f64 = 0.5;

/// No argument.
#[cache_on_arguments(region = "strict", background)]
#[must_use]
pub fn nothing() -> u64 {
    1
}

/// No argument, no value.
#[cache_on_arguments(region = "strict", background)]
pub async fn neither() {
    ready(()).await;
}

/// Borrowed arguments of every kind that can be copied.
#[cache_on_arguments(region = "strict", stale_while_revalidate = "2m", skip(db, table, convert))]
#[must_use]
pub fn borrowed(
    db: &Db,
    table: &HashMap<u8, Cow<'static, str>, std::hash::RandomState>,
    convert: fn(&str) -> usize,
    name: &str,
    bytes: &[u8],
    label: &'static str,
    number: &u64,
) -> usize {
    let asked = usize::try_from(db.asked + *number).unwrap_or_default();
    convert(name) + asked + table.len() + bytes.len() + label.len()
}

/// Named lifetimes.
#[cache_on_arguments(region = "strict", refresh_ahead = 0.9)]
#[must_use]
pub fn named<'a>(name: &'a str, others: &'a [String]) -> usize {
    others.iter().map(String::as_str).chain([name]).map(str::len).sum()
}

/// Owned values and patterns.
#[cache_on_arguments(region = "strict", background)]
#[must_use]
pub fn patterns(mut name: String, (a, _): (u8, u8), _: Option<Arc<str>>, [b, ..]: &[u8; 4], _page: u32) -> String {
    name.push(char::from(a));
    name.push(char::from(*b));
    name
}

/// Asynchronous, with an error and tags.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict", background, skip(db), tags = ["user:{id}"])]
pub async fn fallible(db: &Db, id: u64, name: &str) -> Result<String, std::fmt::Error> {
    let asked = ready(db.asked + id).await;
    Ok(format!("{name} {asked}"))
}

/// With an error, through a name of this crate's.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict", background, crate = crate::key_parts::renamed)]
pub fn failing(id: u64, name: &str) -> std::io::Result<usize> {
    Ok(name.len() + usize::try_from(id).unwrap_or_default())
}

/// Names that mean something to the macro.
#[cache_on_arguments(region = "strict", background)]
#[must_use]
pub fn generated(options: u64, call_options: &str, key: u64, value: u64, r#type: &u64) -> u64 {
    options + call_options.len() as u64 + key + value + *r#type
}

/// Without a companion.
#[cache_on_arguments(region = "strict", background, companion = none)]
#[must_use]
pub fn alone(name: &str) -> usize {
    name.len()
}

/// Probabilistic.
#[cache_on_arguments(region = "strict", refresh_ahead = "xfetch")]
#[must_use]
pub fn probabilistic(id: u64) -> u64 {
    id
}

/// A factor of one's own.
#[cache_on_arguments(region = "strict", refresh_ahead = RefreshAhead::XFetch(2.0))]
#[must_use]
pub fn factor(id: u64) -> u64 {
    id
}

/// A constant.
#[cache_on_arguments(region = "strict", refresh_ahead = AHEAD, stale_while_revalidate = Duration::from_secs(60))]
#[must_use]
pub fn constant(id: u64) -> u64 {
    id
}

/// Limits.
#[cache_on_arguments(region = "strict", wait_timeout = "2s", deadline = Duration::from_secs(30))]
#[must_use]
pub fn limited(id: u64) -> u64 {
    id
}

/// An error that is remembered.
///
/// # Errors
///
/// Always.
#[cache_on_arguments(region = "strict", error_ttl = "5s")]
pub fn remembered(id: u64) -> Result<u64, String> {
    Err(id.to_string())
}

/// An error that says how.
///
/// # Errors
///
/// If the file cannot be read.
#[cache_on_arguments(
    region = "strict",
    error_ttl = Duration::from_secs(5),
    share_error = |error| std::io::Error::from(error.kind()),
    background
)]
pub async fn said(path: &str) -> std::io::Result<String> {
    ready(std::fs::read_to_string(path)).await
}

/// Uses the companions.
///
/// # Errors
///
/// Those of the region.
pub async fn companions(db: &Db) -> Result<(), cachekit::Error> {
    let _: u64 = nothing::with(CallOptions::no_store);
    neither::with(|options| options.must_be_fresh().no_store()).await;
    let _: usize = named::with(|options| options.ttl(Duration::from_secs(1)), "name", &[]);
    let _: u64 = generated::with(|options| options.force_refresh().ttl(Duration::ZERO), 1, "2", 3, 4, &5);
    drop::<Result<String, std::fmt::Error>>(fallible::with(CallOptions::no_store, db, 1, "name").await);
    let _: u64 = *nothing::fetch().value();
    fallible::set(1, "name", String::new()).await
}
