//! What is stored under which name: a value and its lease, both in the same slot of a cluster.
//!
//! A cluster places a name by its hash tag, what stands between the first `{` and the next `}` if that is anything, else by
//! all of it. A key without braces names its value as it is, so that others find it, and is the tag of its lease:
//!
//! | key | value | lease |
//! |---|---|---|
//! | no braces | `key` | `key:lease{key}` |
//! | with a tag of its own | `key:value{}` | `key:lease{}` |
//! | braces without a tag, and the empty one | `{hash}key:value{hash}` | `{hash}key:lease{hash}` |
//!
//! No two of these are ever equal. Only values of the first kind have no braces; its leases begin with none and end with a
//! tag, those of the second kind end with `{}`, and those of the third begin with a tag and end with the same.

use std::borrow::Cow;

/// The name of the value of a key.
pub(super) fn value(key: &str) -> Cow<'_, str> {
    match Kind::of(key) {
        Kind::Plain => Cow::Borrowed(key),
        Kind::Tagged => Cow::Owned(format!("{key}:value{{}}")),
        Kind::Other => Cow::Owned(hashed(key, "value")),
    }
}

/// The name of the lease of a key.
pub(super) fn lease(key: &str) -> String {
    match Kind::of(key) {
        Kind::Plain => format!("{key}:lease{{{key}}}"),
        Kind::Tagged => format!("{key}:lease{{}}"),
        Kind::Other => hashed(key, "lease"),
    }
}

/// How many slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;

/// The slot that a cluster keeps a name in, as its specification has it: CRC16 (XMODEM) of the tag.
pub(super) fn slot(name: &str) -> u16 {
    let tag = tag(name).unwrap_or(name);
    let crc = tag.bytes().fold(0_u16, |crc, byte| (crc << 8) ^ CRC16[usize::from(crc.to_be_bytes()[0] ^ byte)]);
    crc % SLOTS
}

/// What a byte adds to the checksum.
const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte: u16 = 0;
    while byte < 256 {
        let mut crc = byte << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ ((crc >> 15) * 0x1021);
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
};

enum Kind {
    Plain,
    Tagged,
    Other,
}

impl Kind {
    fn of(key: &str) -> Self {
        if !key.is_empty() && !key.contains(['{', '}']) {
            return Self::Plain;
        }
        if tag(key).is_some() { Self::Tagged } else { Self::Other }
    }
}

/// What a cluster places a name by, if that is not all of it.
fn tag(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

fn hashed(key: &str, what: &str) -> String {
    let hash = hash(key);
    format!("{{{hash:016x}}}{key}:{what}{{{hash:016x}}}")
}

/// FNV-1a: names are the same in every process, for ever.
fn hash(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Texts that are likely to be in each other's way.
    fn key() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("{".to_owned()),
            Just("}".to_owned()),
            Just("{}".to_owned()),
            Just(":value".to_owned()),
            Just(":lease".to_owned()),
            Just(format!("{:016x}", hash(""))),
            Just(format!("{:016x}", hash("{}"))),
            "[a-b]",
            "\\PC",
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn value_and_lease_share_a_slot(key in key()) {
            prop_assert_eq!(slot(&value(&key)), slot(&lease(&key)));
        }

        #[test]
        fn no_two_names_are_equal(keys in proptest::collection::hash_set(key(), 1..40)) {
            let mut names = HashMap::new();
            for key in &keys {
                // Keys that are made of names, too.
                for key in [key.clone(), value(key).into_owned(), lease(key)] {
                    for (name, is_value) in [(value(&key).into_owned(), true), (lease(&key), false)] {
                        let known = names.entry(name).or_insert_with(|| (key.clone(), is_value)).clone();
                        prop_assert_eq!(known, (key.clone(), is_value));
                    }
                }
            }
        }
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!((slot("123456789"), slot("foo{bar}{zap}"), slot("{}bar")), (12739, slot("bar"), slot("{}bar")));
    }

    #[test]
    fn a_key_without_braces_is_the_name_of_its_value() {
        assert_eq!((value("user:5").as_ref(), lease("user:5").as_str()), ("user:5", "user:5:lease{user:5}"));
    }

    #[test]
    fn a_key_that_looks_like_a_name_is_none() {
        let empty = value("").into_owned();
        let prefix = empty.strip_suffix(&format!(":value{{{:016x}}}", hash(""))).unwrap();
        assert_ne!(value(prefix), empty);
    }
}
