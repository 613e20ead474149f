//! Records are read from stores that anybody may write to: whatever the bytes, there is no panic, and what reads as a record
//! is one.
//!
//! Bytes are tried as they are, and behind a head whose checksum is right, since no mutation finds one by chance.

#![no_main]

use cachekit::Record;
use cachekit::record::{EXPIRED_AT, HEAD};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read(bytes.to_vec());
    let mut with_head = b"ck\x01\x00".to_vec();
    let (mark_and_length, body) = bytes.split_at(bytes.len().min(HEAD - with_head.len()));
    with_head.extend(mark_and_length);
    with_head.extend(crc32fast::hash(bytes).to_le_bytes());
    with_head.extend(body);
    read(with_head);
});

fn read(bytes: Vec<u8>) {
    let Ok(record) = Record::read(bytes.clone()) else { return };
    assert_eq!(record.as_bytes(), bytes, "a record is all of its bytes");
    assert!(bytes.len() >= HEAD && bytes[EXPIRED_AT] <= 1);
    assert!(bytes.ends_with(record.value()));
    let again = record.clone().map(|value| Ok::<_, ()>(value.to_vec()));
    assert_eq!(again.as_ref(), Ok(&record), "there is one way to write a record");
}
