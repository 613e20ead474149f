//! What a process has one of, however many ask for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What this process is connected to, by what tells it apart, for as long as somebody needs it.
pub(crate) struct Registry<K, T>(Mutex<Option<HashMap<K, Weak<T>>>>);

impl<K: Eq + Hash, T> Registry<K, T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The one of this identity, made where there is none.
    pub(crate) fn shared(&self, identity: K, make: impl FnOnce() -> T) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_default();
        if let Some(shared) = known.get(&identity).and_then(Weak::upgrade) {
            return shared;
        }
        known.retain(|_, shared| shared.strong_count() > 0);
        let new = Arc::new(make());
        known.insert(identity, Arc::downgrade(&new));
        new
    }
}
