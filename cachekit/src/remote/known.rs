//! The epochs that this process has seen last, for a store of several servers of which one is lost.
//!
//! Entries of the other servers count by the epoch of their region, which the lost one may have: whoever cannot ask for it
//! takes what this process saw shortly before the loss, for as long as that lasts. An epoch that is lost with its server
//! cannot be invalidated either, so all that this can miss is an invalidation between the last look and the loss, and what
//! processes do that still reach the server.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::backend::Content;
use crate::clock::Nanos;

/// How many epochs are known at most: one per region, and those of its tags.
const MOST: usize = 10_000;

#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<String, Epoch>>);

struct Epoch {
    /// None where it is known to be gone.
    content: Option<Content>,
    /// When this was so: when it was asked for.
    seen: Nanos,
    /// When it was asked for first since then, and could not be reached.
    lost: Option<Nanos>,
}

impl Known {
    /// What somebody has found who asked at this time; nothing where it is gone.
    pub(super) fn note(&self, name: &str, found: Option<&Content>, at: Nanos) {
        let mut known = self.lock();
        let Some(epoch) = known.get_mut(name) else {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(name.to_owned(), Epoch { content: found.cloned(), seen: at, lost: None });
            return;
        };
        // Who has asked before may be told later.
        if epoch.seen > at {
            return;
        }
        (epoch.seen, epoch.lost) = (at, None);
        let is_same = epoch.content.as_ref().and_then(Content::as_bytes) == found.and_then(Content::as_bytes);
        if !is_same {
            epoch.content = found.cloned();
        }
    }

    /// What stands in for one that cannot be reached: the one that was seen at most so long before that began.
    pub(super) fn stands_in(&self, name: &str, at: Nanos, most: Nanos) -> Option<Content> {
        let mut known = self.lock();
        let epoch = known.get_mut(name)?;
        let lost = *epoch.lost.get_or_insert(at);
        epoch.content.clone().filter(|_| lost.saturating_sub(epoch.seen) <= most)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Epoch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        Content::Bytes(text.as_bytes().to_vec())
    }

    fn stands_in(known: &Known, at: Nanos) -> Option<Vec<u8>> {
        Some(known.stands_in("epoch", at, 10)?.as_bytes()?.to_vec())
    }

    #[test]
    fn what_was_seen_shortly_before_the_loss_stands_in_for_as_long_as_it_lasts() {
        let known = Known::default();
        assert_eq!(stands_in(&known, 0), None);
        known.note("epoch", Some(&content("first")), 100);
        known.note("epoch", Some(&content("of somebody late")), 99);
        assert_eq!(stands_in(&known, 110), Some(b"first".to_vec()));
        assert_eq!(stands_in(&known, 10_000), Some(b"first".to_vec()));
        known.note("epoch", Some(&content("second")), 20_000);
        assert_eq!(stands_in(&known, 20_011), None, "it may have been another for long");
        assert_eq!(stands_in(&known, 20_012), None);
        known.note("epoch", Some(&content("third")), 20_020);
        known.note("epoch", None, 20_021);
        known.note("epoch", Some(&content("asked for before it went")), 20_020);
        assert_eq!(stands_in(&known, 20_021), None);
    }
}
