//! What a configuration says of a store that has no settings.

use cachekit::Error;
use cachekit::config::Settings;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// An error if there are any.
pub(crate) fn none(settings: Settings) -> Result<(), Error> {
    settings.read().map(|Nothing {}| ())
}
