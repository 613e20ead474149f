//! `async fn` in every combination.

use std::future::ready;

use cachekit::cache_on_arguments;

use crate::arguments::Db;

/// A plain value.
#[cache_on_arguments(region = "strict")]
pub async fn plain(id: u64) -> u64 {
    ready(id).await
}

/// No argument, no value.
#[cache_on_arguments(region = "strict")]
pub async fn nothing() {
    ready(()).await;
}

/// Borrowed arguments and an error that can be shared.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict", skip(db))]
pub async fn fallible(db: &Db, name: &str, page: u32) -> Result<String, std::fmt::Error> {
    let asked = ready(db.asked + u64::from(page)).await;
    Ok(format!("{name} {asked}"))
}

/// Named lifetimes, of which the key needs one.
#[cache_on_arguments(region = "strict", skip(db, _other))]
pub async fn named<'a, 'd>(db: &'d mut Db, name: &'a [&'a str], _other: &'d Db) -> Option<String> {
    db.asked += ready(1).await;
    Some(name.concat())
}

/// An error that borrows.
///
/// # Errors
///
/// Always.
#[cache_on_arguments(region = "strict")]
pub async fn borrowed_error(name: &str) -> Result<u8, &str> {
    ready(Err(name)).await
}

/// Patterns.
#[cache_on_arguments(region = "strict")]
pub async fn patterns(mut x: u64, (a, _): (u64, u64), _: bool) -> u64 {
    x += ready(a).await;
    x
}

/// Uses every companion.
///
/// # Errors
///
/// Those of the region.
pub async fn companions(db: &mut Db, other: &Db) -> Result<(), cachekit::Error> {
    let _: Option<u64> = plain::get(1).await?;
    plain::set(1, 2).await?;
    plain::invalidate(1).await?;
    plain::expire(1).await?;
    let _: u64 = plain::refresh(1).await;
    let _: u64 = plain::original(1).await;
    drop::<cachekit::AsyncEntry<u64>>(plain::entry(1));
    drop::<cachekit::Key>(named::key(&["name"]));
    drop::<Option<String>>(named::refresh(db, &["name"], other).await);
    drop::<Result<String, std::fmt::Error>>(fallible::refresh(db, "name", 1).await);
    fallible::set("name", 1, String::new()).await?;
    nothing::set(()).await?;
    Ok(())
}
