//! What holds for every scope of a store: the epochs of regions and tags.
//!
//! An entry of any scope carries the epochs that stood when it was computed, so an invalidation from anywhere reaches it.
//! There is room for so many; what was not asked for since longest goes, which makes the entries that carry it missing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cachekit::backend::{Content, Patch};

/// How many epochs there are in a generation, of which there are two.
const GENERATION: usize = 50_000;

/// Contents that all scopes of a store share.
#[derive(Default)]
pub(super) struct Epochs(Mutex<Generations>);

/// Those that were asked for lately, and those that were before.
#[derive(Default)]
struct Generations {
    new: HashMap<String, Vec<u8>>,
    old: HashMap<String, Vec<u8>>,
}

impl Epochs {
    pub(super) fn find(&self, key: &str) -> Option<Content> {
        self.lock().find(key).map(|bytes| Content::Bytes(bytes.clone()))
    }

    /// Keeps the bytes where there are none; those that are there then.
    pub(super) fn add(&self, key: &str, bytes: &[u8]) -> Content {
        let mut generations = self.lock();
        if generations.find(key).is_none() {
            generations.keep(key.to_owned(), bytes.to_vec());
        }
        Content::Bytes(generations.find(key).map_or_else(|| bytes.to_vec(), Clone::clone))
    }

    pub(super) fn remove(&self, key: &str) {
        self.lock().remove(key);
    }

    /// Overwrites some bytes; where that cannot be done, nothing is kept any more.
    pub(super) fn patch(&self, key: &str, patch: Patch) -> bool {
        let mut generations = self.lock();
        let Some(bytes) = generations.remove(key) else { return false };
        let mut content = Content::Bytes(bytes);
        let patched = content.patch(patch);
        if let Content::Bytes(bytes) = content
            && patched
        {
            generations.keep(key.to_owned(), bytes);
        }
        patched
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn find(&mut self, key: &str) -> Option<&Vec<u8>> {
        if let Some((key, bytes)) = self.old.remove_entry(key) {
            self.keep(key, bytes);
        }
        self.new.get(key)
    }

    fn keep(&mut self, key: String, bytes: Vec<u8>) {
        if self.new.len() >= GENERATION {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(key, bytes);
    }

    fn remove(&mut self, key: &str) -> Option<Vec<u8>> {
        self.old.remove(key).or_else(|| self.new.remove(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asks_for_goes_and_what_is_asked_for_stays() {
        let epochs = Epochs::default();
        epochs.add("region", &[1]);
        for number in 0..GENERATION * 3 {
            epochs.add(&number.to_string(), &[2]);
            assert!(epochs.find("region").is_some(), "after {number}");
        }
        let generations = epochs.lock();
        assert!(generations.new.len() + generations.old.len() <= GENERATION * 2);
        drop(generations);
        assert!(epochs.find("0").is_none());
    }
}
