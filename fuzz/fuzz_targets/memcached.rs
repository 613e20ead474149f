//! What a memcached answers is read from a socket that anybody may be at the other end of: whatever the bytes, and however
//! they are cut, there is no panic, and they mean the same.

#![no_main]

use cachekit_backends::memcached::fuzzing::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (bytes, lengths) = input;
    let mut pieces = Vec::new();
    let mut rest = &bytes[..];
    for length in lengths {
        let (piece, others) = rest.split_at(rest.len().min(length.into()));
        pieces.push(piece);
        rest = others;
    }
    pieces.push(rest);
    assert_eq!(read(&[&bytes]), read(&pieces), "pieces mean what the whole means");
});
