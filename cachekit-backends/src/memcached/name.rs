//! What is stored under which name: a value and its lease.
//!
//! A name has at most 250 bytes, none of them a blank or a control character. A key that is one, and is not too long, names
//! its value as it is, so that others find it; any other key goes by its hash, with its end to be read by people. A lease
//! goes by the name of its value:
//!
//! | key | value | lease |
//! |---|---|---|
//! | ASCII without blanks, 1 to 240 bytes, not beginning with `ck%` | `key` | `ck%l:key` |
//! | any other | `ck%v:sha1:end` | `ck%l:ck%v:sha1:end` |
//!
//! So no two of these are ever equal, but of two keys with one SHA-1 hash and one length.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha1::{Digest, Sha1};

/// What no key names as it is.
const MARK: &str = "ck%";
const LONGEST: usize = 240;
/// How much of a key is there to be read in the name that it has in its stead.
const SHOWN: usize = 60;

/// The name of the value of a key.
pub(super) fn value(key: &str) -> Cow<'_, str> {
    if is_name(key) { Cow::Borrowed(key) } else { Cow::Owned(hashed(key)) }
}

/// The name of the lease of a value.
pub(super) fn lease(value: &str) -> String {
    format!("{MARK}l:{value}")
}

fn is_name(key: &str) -> bool {
    (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) && !key.starts_with(MARK)
}

fn hashed(key: &str) -> String {
    let mut name = format!("{MARK}v:");
    for byte in Sha1::digest(key) {
        // Nothing fails that is written into memory.
        let _ = write!(name, "{byte:02x}");
    }
    let _ = write!(name, ":{}:", key.len());
    let end = &key.as_bytes()[key.len().saturating_sub(SHOWN)..];
    name.extend(end.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { '_' }));
    name
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Texts that are likely to be in each other's way.
    fn key() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just(MARK.to_owned()),
            Just("l:".to_owned()),
            Just("v:".to_owned()),
            Just(hashed("")),
            Just(hashed("a")),
            Just("l".repeat(LONGEST - 1)),
            Just("l".repeat(LONGEST)),
            "[a-b]",
            "\\PC",
            "[\\x00-\\x20]",
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn names_are_names(key in key()) {
            let value = value(&key);
            for name in [lease(&value), value.into_owned()] {
                prop_assert!((1..=250).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }

        #[test]
        fn no_two_names_are_equal(keys in proptest::collection::hash_set(key(), 1..40)) {
            let mut names = HashMap::new();
            for key in &keys {
                // Keys that are made of names, too.
                for key in [key.clone(), value(key).into_owned(), lease(&value(key)), lease(key)] {
                    let value = value(&key).into_owned();
                    for (name, is_value) in [(lease(&value), false), (value, true)] {
                        let known = names.entry(name).or_insert_with(|| (key.clone(), is_value)).clone();
                        prop_assert_eq!(known, (key.clone(), is_value));
                    }
                }
            }
        }
    }

    #[test]
    fn names_stay_as_they_are() {
        assert_eq!((value("user:5").as_ref(), lease("user:5").as_str()), ("user:5", "ck%l:user:5"));
        assert_eq!(value("a b"), "ck%v:7dbde93504122a707f849f2c12bdd9de71b41929:3:a_b");
        assert_eq!(value(""), "ck%v:da39a3ee5e6b4b0d3255bfef95601890afd80709:0:");
        assert_eq!(value("ck%l:user:5").len(), "ck%v:".len() + 40 + ":11:".len() + 11);
    }
}
