//! Tags: names that group entries, whose invalidation is one step for any number of entries.
//!
//! A tag is a number that an invalidation changes. An entry remembers the numbers that its tags had before its
//! computation began, and counts only while all of them still stand. No entry is looked for, and no clock is involved.
//! A tag lives as long as something remembers it: an entry, a running computation, a remembered error.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use smallvec::SmallVec;

/// The names of an entry's tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagNames(SmallVec<[Box<str>; 2]>);

impl TagNames {
    /// Adds a name, as `format_args!` makes it.
    pub fn add(&mut self, name: fmt::Arguments<'_>) {
        self.0.push(fmt::format(name).into());
    }

    pub(crate) fn and(&self, mut others: Self) -> Self {
        let mut names = self.clone();
        names.0.append(&mut others.0);
        names
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn to_strings(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.iter().map(|name| String::from(&**name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl<T: AsRef<str>> Extend<T> for TagNames {
    fn extend<I: IntoIterator<Item = T>>(&mut self, names: I) {
        self.0.extend(names.into_iter().map(|name| name.as_ref().into()));
    }
}

/// The number of a tag.
type Cell = AtomicU64;

/// The tags of a region that something remembers.
#[derive(Default)]
pub(crate) struct Tags(Mutex<Cells>);

#[derive(Default)]
struct Cells {
    by_name: HashMap<Box<str>, Weak<Cell>, foldhash::fast::RandomState>,
    /// Names that were added since those went that nothing remembers any more.
    added: usize,
    /// Names that were left then.
    left: usize,
}

/// The fewest new names that are worth a clean-up.
const CROWDED: usize = 64;

impl Tags {
    /// The numbers of these tags now.
    pub(crate) fn read(&self, names: &TagNames) -> Tagged {
        if names.is_empty() {
            return Tagged::none();
        }
        // No code of a user's runs under this lock.
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = names.0.iter().map(|name| {
            let cell = cells.cell(name);
            let number = cell.load(Ordering::Acquire);
            Mark { cell, number }
        });
        Tagged(Some(Arc::new(marks.collect())))
    }

    /// Invalidates what has the tag.
    pub(crate) fn invalidate(&self, name: &str) {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.by_name.get(name).and_then(Weak::upgrade) {
            cell.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Cells {
    fn cell(&mut self, name: &str) -> Arc<Cell> {
        if let Some(cell) = self.by_name.get(name).and_then(Weak::upgrade) {
            return cell;
        }
        self.added += 1;
        if self.added > self.left.max(CROWDED) {
            self.by_name.retain(|_, cell| cell.strong_count() > 0);
            (self.added, self.left) = (0, self.by_name.len());
        }
        let cell = Arc::new(Cell::new(0));
        self.by_name.insert(name.into(), Arc::downgrade(&cell));
        cell
    }
}

/// A tag as it was before a computation began.
struct Mark {
    cell: Arc<Cell>,
    number: u64,
}

/// The tags of an entry, as they were before its computation began.
#[derive(Clone)]
pub(crate) struct Tagged(Option<Arc<SmallVec<[Mark; 2]>>>);

impl Tagged {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Whether there is one.
    pub(crate) fn any(&self) -> bool {
        self.0.is_some()
    }

    /// Whether none of the tags was invalidated since.
    #[inline]
    pub(crate) fn stand(&self) -> bool {
        match &self.0 {
            None => true,
            Some(marks) => marks.iter().all(|mark| mark.cell.load(Ordering::Acquire) == mark.number),
        }
    }
}

impl fmt::Debug for Tagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tagged").field(&self.0.as_ref().map_or(0, |marks| marks.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> TagNames {
        let mut tags = TagNames::default();
        tags.extend(names);
        tags
    }

    #[test]
    fn an_entry_stands_until_one_of_its_tags_is_invalidated() {
        let tags = Tags::default();
        let (both, one) = (tags.read(&names(&["a", "b"])), tags.read(&names(&["a"])));
        tags.invalidate("b");
        tags.invalidate("unknown");
        assert_eq!((both.stand(), one.stand(), tags.read(&names(&["b"])).stand()), (false, true, true));
    }

    #[test]
    fn names_that_nothing_remembers_are_forgotten() {
        let tags = Tags::default();
        let kept = tags.read(&names(&["kept"]));
        for number in 0..10_000 {
            tags.read(&names(&[&format!("user:{number}")]));
        }
        assert!(tags.0.lock().unwrap().by_name.len() <= 2 * CROWDED);
        tags.invalidate("kept");
        assert!(!kept.stand());
    }
}
