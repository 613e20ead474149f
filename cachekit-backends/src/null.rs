//! A store that keeps nothing.
//!
//! For a region that has to have a backend and is to go without: in a test, or where a setting says so. What the region
//! itself keeps in this process it still does; to switch caching off altogether is not what this is for.
//! In a configuration: `backend = "null"`, without settings.

use cachekit::backend::{Answer, Backend, Content, Context, Put};

/// Stores nothing, and finds nothing.
///
/// ```
/// use std::time::Duration;
/// use cachekit::backend::{Backend, Content, Context, Put};
/// use cachekit_backends::null::Null;
///
/// # pollster::block_on(async {
/// let context = Context::task(Duration::from_secs(1));
/// let content = Content::from(b"value".to_vec());
/// Null.set(Put { key: "k", content: &content, keep: None }, context).await?;
/// assert!(Null.get("k", context).await?.is_none());
/// # Ok::<(), cachekit::Error>(())
/// # })?;
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

cachekit::backend_factory! { "null" => |settings| crate::config::none(settings).map(|()| Null) }

impl Backend for Null {
    fn get<'a>(&'a self, _: &'a str, _: Context) -> Answer<'a, Option<Content>> {
        Ok(None).into()
    }

    fn set<'a>(&'a self, _: Put<'a>, _: Context) -> Answer<'a, ()> {
        Ok(()).into()
    }

    fn delete<'a>(&'a self, _: &'a str, _: Context) -> Answer<'a, ()> {
        Ok(()).into()
    }
}
