//! The leases that this process holds at a server: what its answers were, without which nothing is committed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cachekit::backend::Token;

use super::welcome::Boot;

/// A lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The version of the value; while it is the same nobody has written, nor has anybody else been lent the lease.
    pub(super) value: u64,
    /// The version of the lease.
    pub(super) lease: u64,
    /// There is no value, but what holds its place.
    pub(super) is_vacant: bool,
    /// When it lapses, by the clock of this process.
    pub(super) until: Instant,
    pub(super) boot: Boot,
}

/// Leases by what their values are called, and whose they are.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    leases: HashMap<(Token, String), Held>,
    /// How many there may be before those that have lapsed are looked for.
    enough: usize,
}

/// So few are not looked through.
const FEW: usize = 64;

impl Leases {
    /// A lease that is still this token's own, as far as it is known here.
    pub(super) fn get(&self, name: &str, token: Token, boot: Boot) -> Option<Held> {
        let held = self.lock().leases.get(&(token, name.to_owned())).copied();
        held.filter(|held| held.boot == boot && Instant::now() < held.until)
    }

    pub(super) fn put(&self, name: &str, token: Token, held: Held) {
        let mut book = self.lock();
        if book.leases.len() >= book.enough.max(FEW) {
            let now = Instant::now();
            book.leases.retain(|_, held| now < held.until);
            book.enough = book.leases.len() * 2;
        }
        book.leases.insert((token, name.to_owned()), held);
    }

    pub(super) fn remove(&self, name: &str, token: Token) -> Option<Held> {
        self.lock().leases.remove(&(token, name.to_owned()))
    }

    /// Whether a lease is one of this process that has lapsed, though the server, whose seconds are whole, does not say so
    /// yet.
    pub(super) fn has_lapsed(&self, name: &str, token: Token) -> bool {
        let book = self.lock();
        book.leases.get(&(token, name.to_owned())).is_some_and(|held| held.until <= Instant::now())
    }

    /// A lease that is there lapses later, and is another version.
    pub(super) fn lengthen(&self, name: &str, token: Token, lease: u64, until: Instant) {
        if let Some(held) = self.lock().leases.get_mut(&(token, name.to_owned())) {
            (held.lease, held.until) = (lease, until);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
