//! A stored value as a backend keeps it: an envelope that is readable without the value, and the value's bytes.
//!
//! ```text
//! "ck" 1 | expired | mark | length of the envelope | crc32 | created ttl kept cost | hard soft | codec | tags | value
//! ```
//!
//! Numbers are little endian, strings and lists begin with their length; times are milliseconds since the beginning of
//! 1970. The byte `expired` is the only one that a backend may change ([`EXPIRED_AT`]); the checksum covers everything
//! else behind it. The mark is the checksum of the first value: with it the first bytes tell one record from another, also
//! where a proxy has put another value in its place.
//! What does not read as a record, is torn, or is of a newer version, is no record: a miss, and nothing worse.
//! What it deliberately does not do: judge. Whether a value is fresh depends on what its reader knows beside it.

use std::fmt;

use crc32fast::Hasher;

/// Where the byte is that says whether somebody expired the entry: 1 if so, else 0.
pub const EXPIRED_AT: usize = 3;

const MAGIC: [u8; 2] = *b"ck";
const VERSION: u8 = 1;
/// How many bytes tell one record from another under the same key: magic, version, expired, mark, length of the envelope.
///
/// They stay as they are where a proxy [alters](Record::map) the value.
pub const HEAD: usize = 4 + 4 + 4;

/// Where the mark begins, the length of the envelope, and what is behind the checksum.
const MARK_AT: usize = EXPIRED_AT + 1;
const LENGTH_AT: usize = MARK_AT + 4;
const BODY_AT: usize = HEAD + 4;

/// A point in time in milliseconds since the beginning of 1970; [`NEVER`] is later than all others.
pub type UnixMillis = u64;

/// No end.
pub const NEVER: UnixMillis = u64::MAX;

/// What is known of a stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Somebody expired the entry.
    pub expired: bool,
    /// The end of the computation.
    pub created: UnixMillis,
    /// When the value stops to be fresh.
    pub fresh_until: UnixMillis,
    /// When nobody can use it any more; a backend may drop it then, or earlier.
    pub keep_until: UnixMillis,
    /// How long the computation took, in microseconds.
    pub cost: u64,
    /// The epochs of the region before the computation: that of hard and that of soft invalidations.
    pub region: [u64; 2],
    /// Which codec wrote the value.
    pub codec: u8,
    /// The tags of the value, with their epochs before the computation.
    pub tags: Vec<(String, u64)>,
}

/// A value with its envelope, as bytes.
///
/// ```
/// use cachekit::Record;
/// use cachekit::record::{Envelope, NEVER};
///
/// let envelope = Envelope {
///     expired: false,
///     created: 1_795_000_000_000,
///     fresh_until: 1_795_000_060_000,
///     keep_until: NEVER,
///     cost: 1_500,
///     region: [1, 1],
///     codec: 1,
///     tags: vec![("user:5".to_owned(), 7)],
/// };
/// let record = Record::new(envelope.clone(), b"the value");
/// let read = Record::read(record.into_bytes()).unwrap();
/// assert_eq!((read.envelope(), read.value()), (&envelope, b"the value".as_slice()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    bytes: Vec<u8>,
    envelope: Envelope,
    value_at: usize,
}

/// Why some bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoRecord {
    /// Something else is stored under the key.
    Foreign,
    /// Bytes are missing or have changed.
    Torn,
    /// A later version of cachekit wrote it.
    Newer,
}

impl fmt::Display for NoRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "something else than a record is stored under the key",
            Self::Torn => "bytes of the record are missing or have changed",
            Self::Newer => "a later version of cachekit wrote the record",
        })
    }
}

impl Record {
    /// The record of a value that a codec has written.
    #[must_use]
    pub fn new(envelope: Envelope, value: &[u8]) -> Self {
        Self::marked(envelope, value, None)
    }

    /// With the mark of another record, or its own.
    fn marked(envelope: Envelope, value: &[u8], mark: Option<[u8; 4]>) -> Self {
        let mut bytes = Vec::with_capacity(BODY_AT + 64 + value.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[VERSION, u8::from(envelope.expired)]);
        bytes.extend_from_slice(&[0; BODY_AT - MARK_AT]);
        for number in [envelope.created, envelope.fresh_until, envelope.keep_until, envelope.cost] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        envelope.region.iter().for_each(|epoch| bytes.extend_from_slice(&epoch.to_le_bytes()));
        bytes.push(envelope.codec);
        bytes.extend_from_slice(&length(envelope.tags.len()).to_le_bytes());
        for (name, epoch) in &envelope.tags {
            bytes.extend_from_slice(&epoch.to_le_bytes());
            bytes.extend_from_slice(&length(name.len()).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        let value_at = bytes.len();
        bytes[LENGTH_AT..HEAD].copy_from_slice(&length(value_at).to_le_bytes());
        bytes.extend_from_slice(value);
        let mut body = Hasher::new();
        body.update(&bytes[BODY_AT..]);
        bytes[MARK_AT..LENGTH_AT].copy_from_slice(&mark.unwrap_or_else(|| body.clone().finalize().to_le_bytes()));
        let mut whole = Hasher::new();
        whole.update(&bytes[MARK_AT..HEAD]);
        whole.combine(&body);
        bytes[HEAD..BODY_AT].copy_from_slice(&whole.finalize().to_le_bytes());
        Self { bytes, envelope, value_at }
    }

    /// Reads a record; the value is not looked at.
    ///
    /// # Errors
    ///
    /// If the bytes are no record.
    pub fn read(bytes: Vec<u8>) -> Result<Self, NoRecord> {
        match bytes.get(..BODY_AT) {
            None if MAGIC.starts_with(&bytes[..bytes.len().min(2)]) => return Err(NoRecord::Torn),
            Some(head) if head[..2] == MAGIC => {}
            _ => return Err(NoRecord::Foreign),
        }
        if bytes[2] != VERSION {
            return Err(if bytes[2] > VERSION { NoRecord::Newer } else { NoRecord::Foreign });
        }
        let mut whole = Hasher::new();
        whole.update(&bytes[MARK_AT..HEAD]);
        whole.update(&bytes[BODY_AT..]);
        if whole.finalize().to_le_bytes() != bytes[HEAD..BODY_AT] || bytes[EXPIRED_AT] > 1 {
            return Err(NoRecord::Torn);
        }
        let mut reader = Reader { bytes: &bytes, at: LENGTH_AT };
        // What the checksum holds for was written by this crate, or on purpose.
        let (envelope, value_at) = reader.envelope(bytes[EXPIRED_AT] == 1).ok_or(NoRecord::Torn)?;
        Ok(Self { bytes, envelope, value_at })
    }

    /// What is known of the value.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The bytes that the codec wrote.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.bytes[self.value_at..]
    }

    /// The record with another value in place of its own, as a proxy that compresses or encrypts makes it.
    ///
    /// It stays the same record to those who ask whether something newer is stored: its first bytes, [`HEAD`] of them, are
    /// those that it had.
    ///
    /// # Errors
    ///
    /// If `change` fails.
    pub fn map<E>(self, change: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let value = change(self.value())?;
        let mut mark = [0; 4];
        mark.copy_from_slice(&self.bytes[MARK_AT..LENGTH_AT]);
        Ok(Self::marked(self.envelope, &value, Some(mark)))
    }

    /// Envelope and value as a backend keeps them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As [`as_bytes`](Self::as_bytes).
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A length as it is written; no value is as long as to need more.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn envelope(&mut self, expired: bool) -> Option<(Envelope, usize)> {
        let (value_at, _checksum) = (self.u32()?, self.u32()?);
        let (created, fresh_until, keep_until, cost) = (self.u64()?, self.u64()?, self.u64()?, self.u64()?);
        let region = [self.u64()?, self.u64()?];
        let codec = self.take(1)?[0];
        let mut tags = Vec::new();
        for _ in 0..self.u32()? {
            let epoch = self.u64()?;
            let length = self.u32()?;
            let name = std::str::from_utf8(self.take(length as usize)?).ok()?;
            tags.push((name.to_owned(), epoch));
        }
        let value_at = (value_at as usize == self.at).then_some(self.at)?;
        Some((Envelope { expired, created, fresh_until, keep_until, cost, region, codec, tags }, value_at))
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }
}

/// Without the value, which is the user's.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("envelope", &self.envelope)
            .field("value", &format_args!("{} bytes", self.value().len()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelope() -> impl Strategy<Value = Envelope> {
        let times = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
        let tags = proptest::collection::vec((".{0,12}", any::<u64>()), 0..4);
        (any::<bool>(), times, any::<[u64; 2]>(), any::<u8>(), tags).prop_map(
            |(expired, times, region, codec, tags)| {
                let (created, fresh_until, keep_until, cost) = times;
                Envelope { expired, created, fresh_until, keep_until, cost, region, codec, tags }
            },
        )
    }

    fn value() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..64)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(envelope in envelope(), value in value()) {
            let written = Record::new(envelope.clone(), &value);
            let read = Record::read(written.as_bytes().to_vec()).unwrap();
            prop_assert_eq!(read.envelope(), &envelope);
            prop_assert_eq!(read.value(), &value[..]);
            prop_assert_eq!(read, written);
        }

        #[test]
        fn a_record_with_another_value_begins_as_it_did(envelope in envelope(), value in value(), other in value()) {
            let record = Record::new(envelope, &value);
            let altered = record.clone().map(|_| Ok::<_, ()>(other.clone())).unwrap();
            let read = Record::read(altered.into_bytes()).unwrap();
            prop_assert_eq!((read.envelope(), read.value()), (record.envelope(), &other[..]));
            prop_assert_eq!(&read.as_bytes()[..HEAD], &record.as_bytes()[..HEAD]);
            prop_assert_eq!(read.map(|_| Ok::<_, ()>(value)).unwrap(), record, "and back");
        }

        #[test]
        fn a_record_that_lost_its_end_or_a_bit_is_none(
            envelope in envelope(), value in value(), at in any::<prop::sample::Index>(), bit in 0..8_u32,
        ) {
            let bytes = Record::new(envelope, &value).into_bytes();
            let at = at.index(bytes.len());
            prop_assert_ne!(Record::read(bytes[..at].to_vec()).err(), None);
            let mut flipped = bytes;
            flipped[at] ^= 1 << bit;
            let is_mark = at == EXPIRED_AT && bit == 0;
            prop_assert_eq!(Record::read(flipped).is_ok(), is_mark, "a backend may only mark it as expired");
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Record::read(bytes.clone());
            let mut with_magic = b"ck\x01\x00".to_vec();
            let (head, body) = bytes.split_at(bytes.len().min(HEAD - MARK_AT));
            with_magic.extend(head);
            with_magic.extend(crc32fast::hash(&bytes).to_le_bytes());
            with_magic.extend(body);
            // The checksum is right, whatever follows.
            let _ = Record::read(with_magic);
        }
    }

    #[test]
    fn what_is_no_record_is_told_apart() {
        let of = |bytes: &[u8]| Record::read(bytes.to_vec()).unwrap_err();
        assert_eq!(of(b"hello, this is somebody else's value"), NoRecord::Foreign);
        assert_eq!((of(b""), of(b"ck")), (NoRecord::Torn, NoRecord::Torn));
        assert_eq!(of(b"ck\x02\x00aaaabbbbcccc, whatever it holds"), NoRecord::Newer);
    }

    /// The format as it is; other bytes are another version.
    #[test]
    fn the_first_version_is_read_for_ever() {
        let envelope = Envelope {
            expired: false,
            created: 1,
            fresh_until: 2,
            keep_until: NEVER,
            cost: 4,
            region: [5, 6],
            codec: 7,
            tags: vec![("user".to_owned(), 8)],
        };
        let record = Record::new(envelope, b"value");
        let hex = record.as_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(
            hex,
            "636b0100cd12c9b855000000642c3edd01000000000000000200000000000000ffffffffffffffff04000000\
             000000000500000000000000060000000000000007010000000800000000000000040000007573657276616c7565"
        );
    }
}
