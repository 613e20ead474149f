//! What is asked of a server to lend a lease, and to end it.
//!
//! A lease is an item beside the value, which holds the token, and lapses with its time. It says who computes. What keeps
//! an overtaken computation from being stored is the version of the value: it is noted when the lease is lent, and a commit
//! stores over that version only. So every write ends a computation in one step. Whoever is lent a lease that somebody else
//! may have had makes the value another version first.

mod acquire;
mod commit;
mod end;
mod renew;

pub(super) use self::acquire::Acquire;
pub(super) use self::commit::Commit;
pub(super) use self::end::Abandon;
pub(super) use self::renew::Renew;

use std::time::{Duration, Instant};

use cachekit::backend::Token;

use super::protocol::{Response, Status};

/// Whether an item is the lease of a token.
fn is_of(lease: &Response, token: &str) -> bool {
    lease.status == Status::Value && lease.value == token.as_bytes()
}

/// Whose lease an item is.
fn token_of(lease: &Response) -> Option<Token> {
    let text = std::str::from_utf8(&lease.value).ok().filter(|text| text.len() == 32)?;
    u128::from_str_radix(text, 16).ok().map(Token)
}

/// When a lease lapses that begins now.
fn end_of(length: Duration) -> Instant {
    const LONG: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(length.min(LONG)).unwrap_or(now)
}
