//! The keys under which a backend keeps what is not an entry: epochs of the region and of tags.
//!
//! They begin with prefix and region as every key does. A region's name has `%` only before two hexadecimal digits, so
//! none of them is the key of an entry.

use crate::key::region_text;
use crate::region::builder::{Mangler, Settings};

pub(super) struct Names {
    /// Prefix and region.
    stem: String,
    /// The name of the region's epoch, which every look-up asks for.
    epoch: String,
    mangler: Option<Mangler>,
}

impl Names {
    pub(super) fn new(region: &str, settings: &Settings) -> Self {
        let region = region_text(region);
        let stem = format!("{}{}", settings.key_prefix, region.trim_end_matches(':'));
        let epoch = settings.mangled(format!("{stem}%epoch"));
        Self { stem, epoch, mangler: settings.key_mangler.clone() }
    }

    pub(super) fn region_epoch(&self) -> String {
        self.epoch.clone()
    }

    pub(super) fn tag_epoch(&self, tag: &str) -> String {
        self.mangled(format!("{}%tag:{tag}", self.stem))
    }

    /// Whether this may be the name of an epoch; what a mangler makes of one may be anything.
    pub(super) fn may_be_epoch(&self, name: &str) -> bool {
        self.mangler.is_some() || name.strip_prefix(&*self.stem).is_some_and(|rest| rest.starts_with('%'))
    }

    /// What a probe writes.
    pub(super) fn probe(&self) -> String {
        self.mangled(format!("{}%probe", self.stem))
    }

    fn mangled(&self, text: String) -> String {
        match &self.mangler {
            Some(mangler) => mangler(&text),
            None => text,
        }
    }
}
