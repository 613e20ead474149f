//! `tags`.

use cachekit::cache_on_arguments;

use crate::arguments::Db;
use crate::keys::Org;

/// One named after an argument, one after none.
#[cache_on_arguments(region = "strict", tags = ["user:{id}", "all-users"])]
#[must_use]
pub fn user(id: u64, name: &str) -> usize {
    name.len() + usize::try_from(id).unwrap_or_default()
}

/// No argument.
#[cache_on_arguments(region = "strict", tags = ["{{all}}",])]
#[must_use]
pub fn nothing() -> u64 {
    1
}

/// Formats, and widths that are arguments.
#[cache_on_arguments(region = "strict", tags = ["{id:>5}", "{name:?}", "{id:0>width$.width$}"])]
#[must_use]
pub fn formats(id: f64, name: Option<&str>, width: usize) -> Option<usize> {
    name.map(str::len).filter(|_| id > 0.0 && width > 0)
}

/// Patterns.
#[cache_on_arguments(region = "strict", tags = ["{a}:{_page}"])]
#[must_use]
pub fn patterns((mut a, b): (u64, u64), _: bool, _page: u32, mut x: u64) -> u64 {
    a += x;
    x += a + b;
    x
}

/// Names that mean something to the macro, and raw ones.
#[cache_on_arguments(region = "strict", tags = ["{names} {type} {tags}"])]
#[must_use]
pub fn generated(names: u64, r#type: u64, tags: u64, options: u64) -> u64 {
    names + r#type + tags + options
}

/// Skipped arguments.
#[cache_on_arguments(region = "strict", skip(db), tags = ["user:{id}"])]
pub async fn skipped(db: &mut Db, id: u64) -> u64 {
    db.asked += std::future::ready(id).await;
    id
}

/// What the key's expressions mention.
///
/// # Errors
///
/// Never.
#[cache_on_arguments(region = "strict", key(org.id, page), tags = ["{page}"])]
pub fn mentioned(db: &Db, org: &Org, page: u32) -> Result<u64, String> {
    Ok(db.asked + org.id + u64::from(page))
}

/// Tags that nobody but the function itself names.
#[cache_on_arguments(region = "strict", companion = none, tags = ["{id}"])]
#[must_use]
pub fn alone(id: u64) -> u64 {
    id
}

macro_rules! tagged {
    ($(#[$attr:meta])* $name:ident($arg:ident: $ty:ty), $tag:literal) => {
        $(#[$attr])*
        #[cache_on_arguments(region = "strict", tags = [$tag, "{arg}", "{page}"])]
        #[must_use]
        pub fn $name($arg: $ty, page: u32) -> u64 {
            u64::from($arg) + u64::from(page)
        }
    };
}

tagged! {
    /// Written by a macro.
    by_macro(arg: u32), "a:{arg}"
}

/// Uses the companions.
///
/// # Errors
///
/// Those of the region.
pub async fn companions(db: &mut Db) -> Result<(), cachekit::Error> {
    user::set(1, "name", 2)?;
    nothing::set(1)?;
    drop::<cachekit::Key>(patterns::key((1, 2), true, 3, 4));
    drop::<cachekit::Entry<u64>>(generated::entry(1, 2, 3, 4));
    skipped::set(1, 2).await?;
    let _: u64 = skipped::refresh(db, 1).await;
    Ok(())
}
