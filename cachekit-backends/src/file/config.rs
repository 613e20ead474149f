//! A folder of files as a configuration names it.

use std::num::NonZeroU64;
use std::path::PathBuf;

use cachekit::Error;
use cachekit::config::Settings;
use serde::Deserialize;

use super::FileStore;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    path: PathBuf,
    limit: Option<NonZeroU64>,
}

/// The store of these settings.
pub(super) fn files(settings: Settings) -> Result<FileStore, Error> {
    let Files { path, limit } = settings.read()?;
    // It would be the folder that the program happens to be started in.
    if path.as_os_str().is_empty() {
        return Err(Error::refused("`path` is empty: name a folder"));
    }
    Ok(limit.into_iter().fold(FileStore::new(path), |files, bytes| files.limit(bytes.get())))
}
