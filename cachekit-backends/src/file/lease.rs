//! A lease as a file: whose it is, and until when.
//!
//! ```text
//! "ckl" 1 | crc32 | token | holder | length | until
//! ```
//!
//! It is read and changed under the lock of its key only, in place. What does not read as a lease is none: a process was
//! killed while it wrote, before it knew that the lease was its own.

use std::time::Duration;

use cachekit::backend::{Lease, Token};
use cachekit::record::UnixMillis;

use super::holder::HolderId;

const MAGIC: [u8; 4] = *b"ckl\x01";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) token: Token,
    pub(super) holder: HolderId,
    /// How long it was lent out for, in milliseconds.
    length: u64,
    until: UnixMillis,
}

impl Held {
    pub(super) fn new(lease: Lease, holder: HolderId, now: UnixMillis) -> Self {
        let length = super::millis(lease.length);
        Self { token: lease.token, holder, length, until: now.saturating_add(length) }
    }

    /// For how long it stands, unless it is renewed or its holder dies; `None` if it has lapsed.
    ///
    /// The time of the day may be set back, by hand or by a suspended machine that wakes: a lease that would stand for more
    /// than twice its length has lapsed. Set forward, it lapses early. Either way its holder stores nothing, and another
    /// computes: what is lost is work.
    pub(super) fn left(&self, now: UnixMillis) -> Option<Duration> {
        let left = self.until.checked_sub(now).filter(|left| *left > 0)?;
        (left / 2 <= self.length).then(|| Duration::from_millis(left.min(self.length)))
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = [MAGIC.as_slice(), &[0; 4], &self.token.0.to_le_bytes(), &self.holder.0.to_le_bytes()].concat();
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.until.to_le_bytes());
        let sum = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        if head[..4] != MAGIC || crc32fast::hash(rest).to_le_bytes() != head[4..] {
            return None;
        }
        let (token, rest) = rest.split_first_chunk()?;
        let (holder, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (until, _) = rest.split_first_chunk()?;
        Some(Self {
            token: Token(u128::from_le_bytes(*token)),
            holder: HolderId(u128::from_le_bytes(*holder)),
            length: u64::from_le_bytes(*length),
            until: u64::from_le_bytes(*until),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Held {
        Held::new(Lease { token: Token(1), length: Duration::from_secs(10) }, HolderId(2), 100_000)
    }

    #[test]
    fn what_is_written_is_read_and_nothing_that_was_changed() {
        let bytes = held().write();
        assert_eq!(Held::read(&bytes), Some(held()));
        for at in 0..bytes.len() {
            assert_eq!(Held::read(&bytes[..at]), None, "cut off at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert_eq!(Held::read(&flipped), None, "flipped at {at}");
        }
    }

    #[test]
    fn it_stands_for_its_length_and_not_for_ever_if_time_is_set_back() {
        let seconds = |now| held().left(now).map(|left| left.as_secs());
        assert_eq!(seconds(100_000), Some(10));
        assert_eq!(seconds(109_999), Some(0));
        assert_eq!((seconds(110_000), seconds(u64::MAX)), (None, None));
        assert_eq!((seconds(95_000), seconds(50_000)), (Some(10), None));
    }
}
