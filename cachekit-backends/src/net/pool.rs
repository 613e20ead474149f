//! The connections of threads that nobody uses just now.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many connections are kept that nobody uses.
const CAP: usize = 64;
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// Whoever has less time than this for a connection says nothing of the server to others when it has passed.
pub(crate) const ENOUGH: Duration = Duration::from_millis(40);

/// Connections; the one that was used last is taken first.
pub(crate) struct Pool<S>(Mutex<VecDeque<Idle<S>>>);

struct Idle<S> {
    socket: S,
    since: Instant,
}

impl<S> Default for Pool<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S> Pool<S> {
    /// One that is good still; others are left.
    pub(crate) fn take(&self, is_good: impl Fn(&S) -> bool) -> Option<S> {
        // Closed when the lock is free again.
        let mut left = Vec::new();
        let mut idle = self.lock();
        leave_old(&mut idle);
        while let Some(Idle { socket, .. }) = idle.pop_back() {
            if is_good(&socket) {
                return Some(socket);
            }
            left.push(socket);
        }
        None
    }

    pub(crate) fn put(&self, socket: S) {
        let mut idle = self.lock();
        leave_old(&mut idle);
        if idle.len() < CAP {
            idle.push_back(Idle { socket, since: Instant::now() });
        }
    }

    pub(crate) fn clear(&self) {
        let left = std::mem::take(&mut *self.lock());
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leave_old<S>(idle: &mut VecDeque<Idle<S>>) {
    let now = Instant::now();
    while idle.front().is_some_and(|idle| now.saturating_duration_since(idle.since) > IDLE) {
        idle.pop_front();
    }
}
