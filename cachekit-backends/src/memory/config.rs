//! A memory as a configuration names it: one for all regions of the process whose settings of it are equal.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cachekit::config::Settings;
use cachekit::{Clock, Error};
use serde::Deserialize;

use super::{Memory, State};

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    capacity: Option<NonZeroUsize>,
    bytes: Option<NonZeroUsize>,
}

/// A memory that a region has, with the clock by which its contents end.
struct Named {
    limits: Limits,
    state: Weak<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

static NAMED: Mutex<Vec<Named>> = Mutex::new(Vec::new());

/// The memory of these settings.
pub(super) fn memory(settings: Settings) -> Result<Memory, Error> {
    let limits: Limits = settings.read()?;
    let mut all = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|named| named.state.strong_count() > 0);
    let mut known = all.iter().filter(|named| named.limits == limits);
    if let Some((state, clock)) = known.find_map(|named| Some((named.state.upgrade()?, Arc::clone(&named.clock)))) {
        return Ok(Memory { state, clock });
    }
    let memory = limits.apply(Memory::new());
    all.push(Named { limits, state: Arc::downgrade(&memory.state), clock: Arc::clone(&memory.clock) });
    Ok(memory)
}

impl Limits {
    fn apply(self, memory: Memory) -> Memory {
        let memory = self.capacity.into_iter().fold(memory, |memory, entries| memory.capacity(entries.get()));
        self.bytes.into_iter().fold(memory, |memory, limit| memory.bytes(limit.get()))
    }
}
