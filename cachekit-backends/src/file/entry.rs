//! One content as a file.
//!
//! ```text
//! "ckf" 1 | crc32 | added | keep until | length of the key | key | content
//! ```
//!
//! Numbers are little endian, times are milliseconds since the beginning of 1970; the checksum covers everything behind it.
//! The key is there because two keys may have one hash.

use cachekit::record::UnixMillis;

const MAGIC: [u8; 4] = *b"ckf\x01";
const SUM_AT: usize = 4;
const ADDED_AT: usize = 8;
const UNTIL_AT: usize = 9;
const LENGTH_AT: usize = 17;
const KEY_AT: usize = 21;

/// How many bytes a [`Head`] is read from.
pub(super) const HEAD: usize = LENGTH_AT;

/// A content with what the file says of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Somebody has added it: it is an epoch, whose loss makes every value that carries it missing.
    pub(super) added: bool,
    /// When it is of no use to anybody any more.
    pub(super) until: UnixMillis,
    pub(super) content: Vec<u8>,
}

impl Entry {
    pub(super) fn is_over(&self, now: UnixMillis) -> bool {
        self.until <= now
    }
}

/// What the bytes of a file are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Entry(Entry),
    /// The entry of another key with the same hash.
    Other,
    /// Torn, or written by somebody else.
    Unreadable,
}

/// The bytes of a file.
pub(super) fn write(key: &str, content: &[u8], added: bool, until: UnixMillis) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(KEY_AT + key.len() + content.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.push(u8::from(added));
    bytes.extend_from_slice(&until.to_le_bytes());
    // A key that is longer than 4 GiB is cut off here, and its entry is never found.
    bytes.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(content);
    let sum = crc32fast::hash(&bytes[ADDED_AT..]);
    bytes[SUM_AT..ADDED_AT].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// What the bytes of a file are to somebody who looks for this key.
pub(super) fn read(mut bytes: Vec<u8>, key: &str) -> Read {
    let Some(head) = bytes.first_chunk::<KEY_AT>().filter(|head| head[..SUM_AT] == MAGIC) else {
        return Read::Unreadable;
    };
    let sum = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if crc32fast::hash(&bytes[ADDED_AT..]) != sum {
        return Read::Unreadable;
    }
    let Head { added, until } = Head::of(head);
    let length = u32::from_le_bytes([head[17], head[18], head[19], head[20]]) as usize;
    if bytes.get(KEY_AT..).and_then(|rest| rest.get(..length)) != Some(key.as_bytes()) {
        return Read::Other;
    }
    bytes.drain(..KEY_AT + length);
    Read::Entry(Entry { added, until, content: bytes })
}

/// The beginning of a file, for those who look at many; nothing proves that the rest is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) added: bool,
    pub(super) until: UnixMillis,
}

impl Head {
    pub(super) fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        (bytes[..SUM_AT] == MAGIC).then(|| Self::of(bytes))
    }

    fn of(bytes: &[u8]) -> Self {
        let mut until = [0; 8];
        until.copy_from_slice(&bytes[UNTIL_AT..LENGTH_AT]);
        Self { added: bytes[ADDED_AT] != 0, until: UnixMillis::from_le_bytes(until) }
    }
}

#[cfg(test)]
mod tests {
    use cachekit::record::NEVER;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_that_was_changed() {
        let bytes = write("key", b"content", true, 7);
        let entry = Entry { added: true, until: 7, content: b"content".to_vec() };
        assert_eq!(read(bytes.clone(), "key"), Read::Entry(entry));
        for at in 0..bytes.len() {
            assert_eq!(read(bytes[..at].to_vec(), "key"), Read::Unreadable, "cut off at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert_eq!(read(flipped, "key"), Read::Unreadable, "flipped at {at}");
        }
        assert_eq!(read([bytes, b"more".to_vec()].concat(), "key"), Read::Unreadable);
    }

    #[test]
    fn a_key_of_the_same_hash_is_another_one() {
        let bytes = write("key", b"content", false, NEVER);
        for other in ["", "ke", "keyc", "kez"] {
            assert_eq!(read(bytes.clone(), other), Read::Other);
        }
    }

    #[test]
    fn a_head_is_read_from_the_beginning() {
        let bytes = write("", b"", true, 7);
        assert_eq!(Head::read(bytes.first_chunk().unwrap()), Some(Head { added: true, until: 7 }));
        assert_eq!(Head::read(b"somebody else's !"), None);
    }
}
