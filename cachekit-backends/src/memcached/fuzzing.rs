//! What the fuzzing of the protocol calls; nobody else can see it.

use super::protocol::Parser;

/// What answers in these pieces mean, as text; the last is what is wrong with them, if anything is.
#[must_use]
pub fn read(pieces: &[&[u8]]) -> Vec<String> {
    let (mut parser, mut read) = (Parser::default(), Vec::new());
    for piece in pieces {
        parser.feed(piece);
        loop {
            match parser.next() {
                Ok(Some(response)) => read.push(format!("{response:?}")),
                Ok(None) => break,
                Err(malformed) => {
                    read.push(format!("{malformed:?}"));
                    return read;
                }
            }
        }
    }
    read
}
