//! Who may compute what: at most one token per key.
//!
//! Lapsed leases are as good as none, and are dropped when there are twice as many as were left the last time.

use std::collections::HashMap;
use std::time::Duration;

use cachekit::backend::{Lease, Token};

use super::until;

/// Below this many leases none are looked for that have lapsed.
const FEW: usize = 64;

#[derive(Default)]
pub(super) struct Leases {
    held: HashMap<String, Held>,
    /// How many there are when lapsed ones are looked for next.
    sweep_at: usize,
}

struct Held {
    token: Token,
    until: Option<Duration>,
}

impl Held {
    fn new(lease: Lease, now: Duration) -> Self {
        Self { token: lease.token, until: until(now, Some(lease.length)) }
    }

    fn stands(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Leases {
    /// Lends out the lease of a key, unless it is lent out to another token: then, for how long that may go on.
    pub(super) fn acquire(&mut self, key: &str, lease: Lease, always: bool, now: Duration) -> Option<Duration> {
        if let Some(held) = self.held.get_mut(key) {
            if !always && held.token != lease.token && held.stands(now) {
                return Some(held.until.map_or(Duration::MAX, |until| until.saturating_sub(now)));
            }
            *held = Held::new(lease, now);
            return None;
        }
        if self.held.len() >= self.sweep_at.max(FEW) {
            self.held.retain(|_, held| held.stands(now));
            self.sweep_at = self.held.len() * 2;
        }
        self.held.insert(key.to_owned(), Held::new(lease, now));
        None
    }

    pub(super) fn renew(&mut self, key: &str, lease: Lease, now: Duration) -> bool {
        let own = self.held.get_mut(key).filter(|held| held.token == lease.token && held.stands(now));
        own.map(|held| *held = Held::new(lease, now)).is_some()
    }

    /// Ends the lease of a key, whose ever it is.
    pub(super) fn end(&mut self, key: &str) {
        self.held.remove(key);
    }

    /// Ends the lease of a key if it is the token's; whether it still stood.
    pub(super) fn end_own(&mut self, key: &str, token: Token, now: Duration) -> bool {
        let own = self.held.get(key).filter(|held| held.token == token).map(|held| held.stands(now));
        if own.is_some() {
            self.end(key);
        }
        own.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn lapsed_leases_do_not_pile_up() {
        let mut leases = Leases::default();
        for number in 0..10_000_u32 {
            let lease = Lease { token: Token(u128::from(number)), length: SECOND };
            assert_eq!(leases.acquire(&number.to_string(), lease, false, SECOND * number), None);
            assert!(leases.held.len() <= FEW, "{}", leases.held.len());
        }
    }
}
