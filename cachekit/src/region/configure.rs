//! Settings that change while the program runs: of one region, or of several in one step.
//!
//! What can fail comes before the first region changes: the settings make sense, and no region is configured already.

use std::sync::{MutexGuard, PoisonError};

use super::builder::Settings;
use super::{Region, RegionBuilder};
use crate::error::{Error, Kind};

/// New settings for a region.
pub(crate) struct Change<'r> {
    region: &'r Region,
    settings: Settings,
}

impl Region {
    /// The settings that the region was declared with, for those to come to start from.
    pub(crate) fn declared(&self) -> RegionBuilder {
        self.0.declared.clone()
    }

    pub(crate) fn is_configured(&self) -> bool {
        *self.0.configured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The change to settings that came of [`declared`](Self::declared).
    ///
    /// # Errors
    ///
    /// If a setting makes no sense, or the region would be renamed.
    pub(crate) fn change(&self, changed: RegionBuilder) -> Result<Change<'_>, Error> {
        changed.check()?;
        if changed.name != self.0.declared.name {
            return Err(Error::new(
                Kind::Settings,
                format!(
                    "region `{}` cannot be renamed to `{}`: keep the builder that `configure` hands over",
                    self.name(),
                    changed.name
                ),
            ));
        }
        Ok(Change { region: self, settings: changed.settings })
    }
}

/// Changes all regions; or where one of them is configured already, and may not be `again`, none, and gives those.
///
/// No region may be named twice.
pub(crate) fn apply(mut changes: Vec<Change<'_>>, again: bool) -> Result<(), Vec<&Region>> {
    // In one order, so that two who change several regions do not wait for each other.
    changes.sort_by_key(|change| std::ptr::from_ref(&*change.region.0));
    let mut configured: Vec<MutexGuard<'_, bool>> = changes
        .iter()
        .map(|change| change.region.0.configured.lock().unwrap_or_else(PoisonError::into_inner))
        .collect();
    if !again && configured.iter().any(|configured| **configured) {
        let of_those = changes.iter().zip(&configured).filter(|(_, configured)| ***configured);
        return Err(of_those.map(|(change, _)| change.region).collect());
    }
    let mut replaced = Vec::with_capacity(changes.len());
    for (change, configured) in changes.into_iter().zip(&mut configured) {
        let core = change.region.core();
        let (old, purge) = core.set_settings(change.settings);
        replaced.push((core, old, purge));
        **configured = true;
    }
    drop(configured);
    // What is dropped, and so may run code of a user's, is dropped without the locks.
    for (core, old, purge) in replaced {
        if purge {
            core.purge(None);
        }
        drop(old);
    }
    Ok(())
}
