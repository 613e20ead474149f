//! The epochs that this process has seen last, for a store of several servers of which one is lost.
//!
//! Entries of the other servers count by the epoch of their region, which the lost one may have: whoever cannot ask for it
//! takes what this process saw shortly before, as long as somebody here keeps asking. An epoch that is lost with its server
//! can be invalidated by nobody, so what this misses is an invalidation between the last look and the loss, and what
//! processes do that still reach a server which this one does not.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;

use crate::backend::Content;
use crate::clock::Nanos;

/// How many epochs are known at most: one per region, and those of its tags.
const MOST: usize = 10_000;

#[derive(Default)]
pub(super) struct Known(Mutex<Epochs>);

#[derive(Default)]
struct Epochs {
    by_name: HashMap<String, Epoch, FixedState>,
    /// What was asked for by then is no news: something is another since that nobody had noted.
    since: Option<Nanos>,
}

struct Epoch {
    /// None where it is known to be gone.
    content: Option<Content>,
    /// When this was so: when it was asked for.
    seen: Nanos,
    /// When it was asked for last, be it in vain.
    asked: Nanos,
}

impl Known {
    /// What somebody has found who asked at this time; nothing where it is gone.
    pub(super) fn note(&self, name: &str, found: Option<&Content>, at: Nanos) {
        let mut known = self.lock();
        if known.since.is_some_and(|since| at <= since) {
            return;
        }
        let Some(epoch) = known.by_name.get_mut(name) else {
            if known.by_name.len() >= MOST {
                known.by_name.clear();
                known.since = known.since.max(Some(at.saturating_sub(1)));
            }
            known.by_name.insert(name.to_owned(), Epoch { content: found.cloned(), seen: at, asked: at });
            return;
        };
        // Who has asked before may be told later; and of those who ask at one time, some before it went.
        if epoch.seen > at || epoch.seen == at && epoch.content.is_none() {
            return;
        }
        (epoch.seen, epoch.asked) = (at, epoch.asked.max(at));
        let is_same = epoch.content.as_ref().and_then(Content::as_bytes) == found.and_then(Content::as_bytes);
        if !is_same {
            epoch.content = found.cloned();
        }
    }

    /// These are others by now, or may be.
    pub(super) fn forget(&self, names: &[String], at: Nanos) {
        let mut known = self.lock();
        for name in names {
            match known.by_name.get_mut(name) {
                Some(epoch) if epoch.seen <= at => (epoch.content, epoch.seen) = (None, at),
                Some(_) => {}
                None => known.since = known.since.max(Some(at)),
            }
        }
    }

    /// What stands in for one that cannot be reached, where nobody has stopped asking for so long since it was seen.
    pub(super) fn stands_in(&self, name: &str, at: Nanos, most: Nanos) -> Option<Content> {
        let mut known = self.lock();
        let epoch = known.by_name.get_mut(name)?;
        if at.saturating_sub(epoch.asked) > most {
            epoch.content = None;
        }
        epoch.asked = epoch.asked.max(at);
        epoch.content.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Epochs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        Content::Bytes(text.as_bytes().to_vec())
    }

    fn stands_in(known: &Known, at: Nanos) -> Option<String> {
        let content = known.stands_in("epoch", at, 10)?;
        Some(String::from_utf8(content.as_bytes()?.to_vec()).unwrap())
    }

    #[test]
    fn what_was_seen_stands_in_while_somebody_keeps_asking() {
        let known = Known::default();
        assert_eq!(stands_in(&known, 0), None);
        known.note("epoch", Some(&content("first")), 100);
        for at in [105, 110, 120, 130] {
            assert_eq!(stands_in(&known, at).as_deref(), Some("first"));
        }
        assert_eq!(
            stands_in(&known, 141),
            None,
            "nobody has asked for long: it may have been another, and be lost again"
        );
        assert_eq!(stands_in(&known, 142), None);
        known.note("epoch", Some(&content("second")), 150);
        assert_eq!(stands_in(&known, 155).as_deref(), Some("second"));
    }

    #[test]
    fn what_is_gone_is_not_brought_back_by_who_has_asked_before() {
        let known = Known::default();
        known.note("epoch", Some(&content("first")), 100);
        known.note("epoch", Some(&content("of somebody late")), 99);
        assert_eq!(stands_in(&known, 101).as_deref(), Some("first"));
        known.note("epoch", None, 102);
        known.note("epoch", Some(&content("first")), 101);
        known.note("epoch", Some(&content("first")), 102);
        assert_eq!(stands_in(&known, 103), None);
        known.note("epoch", Some(&content("second")), 104);
        known.forget(&["epoch".to_owned(), "another".to_owned()], 105);
        known.note("epoch", Some(&content("second")), 105);
        assert_eq!(stands_in(&known, 106), None);
    }

    #[test]
    fn when_there_are_too_many_nothing_older_comes_back() {
        let known = Known::default();
        known.note("epoch", None, 50);
        for number in 0..MOST {
            known.note(&format!("another {number}"), Some(&content("one")), 60);
        }
        known.note("epoch", Some(&content("asked for before it went")), 49);
        assert_eq!(stands_in(&known, 61), None);
    }
}
