//! How long a request may take, and how the caller waits.

use std::time::{Duration, Instant};

use cachekit::backend::Context;

use super::fault::Fault;

/// A day is no limit that a caller would notice.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) limit: Duration,
    until: Instant,
    /// The caller is a thread that waits.
    pub(super) may_block: bool,
    /// Other servers are asked by the same thread.
    pub(super) is_shared: bool,
}

impl Patience {
    pub(super) fn of(context: Context, is_shared: bool) -> Self {
        let limit = context.limit().min(LONGEST);
        // Of a task whoever waits for it looks at the time too, and should hear what happened.
        let own = if context.may_block() { limit } else { limit / 8 * 7 };
        Self { limit, until: Instant::now() + own, may_block: context.may_block(), is_shared }
    }

    /// What is left of the time.
    pub(super) fn rest(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    pub(super) fn late(self) -> Fault {
        Fault::late(self.limit)
    }
}
