//! A bounded table of contents: what is in it, in which order it was used, and when it ends.
//!
//! It reads no clock and takes no lock. Its orders are trees, so each step costs the logarithm of what there is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use cachekit::backend::{Content, Patch};

/// How many expired contents one step drops at most; it adds at most one.
const AT_ONCE: usize = 16;

/// What a content is to the region that has stored it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value, which can be computed anew.
    Value,
    /// An epoch, whose loss makes every value that carries it missing.
    Added,
}

#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

pub(super) struct Shelf {
    limits: Limits,
    items: HashMap<Arc<str>, Item>,
    values: Order,
    added: Order,
    /// Which content ends when.
    ends: BTreeSet<(Duration, Arc<str>)>,
    uses: u64,
}

struct Item {
    bytes: Arc<Vec<u8>>,
    until: Option<Duration>,
    kind: Kind,
    used: u64,
}

impl Item {
    fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Contents of one kind by their last use.
#[derive(Default)]
struct Order {
    by_use: BTreeMap<u64, Arc<str>>,
    bytes: usize,
}

impl Shelf {
    pub(super) fn new(entries: usize) -> Self {
        Self {
            limits: Limits { entries, bytes: usize::MAX },
            items: HashMap::new(),
            values: Order::default(),
            added: Order::default(),
            ends: BTreeSet::new(),
            uses: 0,
        }
    }

    pub(super) fn limit(&mut self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.limits);
        self.make_room();
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Drops some of what has expired.
    pub(super) fn drop_expired(&mut self, now: Duration) {
        for _ in 0..AT_ONCE {
            match self.ends.first() {
                Some((until, key)) if *until <= now => {
                    let key = Arc::clone(key);
                    self.remove(&key);
                }
                _ => return,
            }
        }
    }

    /// What is stored under a key, which is thereby used.
    pub(super) fn get(&mut self, key: &str, now: Duration) -> Option<Arc<Vec<u8>>> {
        let item = self.items.get_mut(key).filter(|item| !item.is_over(now))?;
        let order = if item.kind == Kind::Value { &mut self.values } else { &mut self.added };
        if let Some(key) = order.by_use.remove(&item.used) {
            self.uses += 1;
            item.used = self.uses;
            order.by_use.insert(item.used, key);
        }
        Some(Arc::clone(&item.bytes))
    }

    pub(super) fn put(&mut self, key: &str, bytes: Arc<Vec<u8>>, until: Option<Duration>, kind: Kind) {
        self.remove(key);
        let size = key.len() + bytes.len();
        // It would only drive out the others, and then itself.
        if size > self.limits.bytes {
            return;
        }
        let key: Arc<str> = key.into();
        self.uses += 1;
        let used = self.uses;
        let order = self.order(kind);
        order.by_use.insert(used, Arc::clone(&key));
        order.bytes += size;
        if let Some(until) = until {
            self.ends.insert((until, Arc::clone(&key)));
        }
        self.items.insert(key, Item { bytes, until, kind, used });
        self.make_room();
    }

    pub(super) fn remove(&mut self, key: &str) {
        let Some((key, item)) = self.items.remove_entry(key) else { return };
        let order = self.order(item.kind);
        order.by_use.remove(&item.used);
        order.bytes -= key.len() + item.bytes.len();
        if let Some(until) = item.until {
            self.ends.remove(&(until, key));
        }
    }

    /// Overwrites some bytes; where that cannot be done, nothing is stored any more.
    pub(super) fn patch(&mut self, key: &str, patch: Patch, now: Duration) -> bool {
        let item = self.items.get_mut(key).filter(|item| !item.is_over(now));
        let patched = item.is_some_and(|item| {
            // Readers that are still copying the old bytes keep them.
            let mut content = Content::Bytes(std::mem::take(Arc::make_mut(&mut item.bytes)));
            let patched = content.patch(patch);
            if let Content::Bytes(bytes) = content {
                item.bytes = Arc::new(bytes);
            }
            patched
        });
        if !patched {
            self.remove(key);
        }
        patched
    }

    /// Has a content end later, if it would end before.
    pub(super) fn keep_at_least(&mut self, key: &str, until: Option<Duration>) {
        let Some((key, item)) = self.items.get_key_value(key).map(|(key, item)| (Arc::clone(key), item.until)) else {
            return;
        };
        let Some(end) = item.filter(|end| until.is_none_or(|until| *end < until)) else { return };
        self.ends.remove(&(end, Arc::clone(&key)));
        if let Some(item) = self.items.get_mut(&key) {
            item.until = until;
        }
        if let Some(until) = until {
            self.ends.insert((until, key));
        }
    }

    /// Values go first, unless epochs have more than half of the room.
    fn make_room(&mut self) {
        while self.items.len() > self.limits.entries || self.values.bytes + self.added.bytes > self.limits.bytes {
            let many = self.added.by_use.len() > self.limits.entries / 2 || self.added.bytes > self.limits.bytes / 2;
            let order = if many || self.values.by_use.is_empty() { &self.added } else { &self.values };
            let Some((_, key)) = order.by_use.first_key_value() else { return };
            let key = Arc::clone(key);
            self.remove(&key);
        }
    }

    fn order(&mut self, kind: Kind) -> &mut Order {
        match kind {
            Kind::Value => &mut self.values,
            Kind::Added => &mut self.added,
        }
    }
}
