//! What a store of bytes is handed, and hands back.

use cachekit::Error;
use cachekit::backend::Put;

/// The bytes that are to be stored; a live object has none.
pub(crate) fn of<'a>(put: &Put<'a>) -> Result<&'a [u8], Error> {
    put.content.as_bytes().ok_or_else(|| Error::refused(format_args!("`{}` is a live object, not bytes", put.key)))
}
