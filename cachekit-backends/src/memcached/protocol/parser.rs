//! Answers from the bytes that come from a server, in pieces of any size.

use std::mem;

use super::response::{Response, Status, number};

/// How long a line may be; that of a value names a key of 250 bytes at most.
const LONGEST_LINE: usize = 8 * 1024;
/// How large a value may be: the largest that a server can be told to take.
const LARGEST_VALUE: usize = 1 << 30;
/// How much room is kept for bytes that are still to come.
const MOST_KEPT: usize = 64 * 1024;
/// How many things `stats` may tell.
const MOST_STATS: usize = 4096;

/// Bytes that are no answer: what they should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::memcached) struct Malformed(pub(in crate::memcached) &'static str);

/// Is fed bytes, and yields answers.
#[derive(Debug, Default)]
pub(in crate::memcached) struct Parser {
    bytes: Vec<u8>,
    /// How many of them are done with.
    done: usize,
    /// An answer whose value, of this length, is still to come.
    begun: Option<(Response, usize)>,
    stats: Vec<(String, String)>,
}

impl Parser {
    pub(in crate::memcached) fn feed(&mut self, bytes: &[u8]) {
        if self.done > self.bytes.len() / 2 {
            self.bytes.drain(..self.done);
            self.done = 0;
            self.bytes.shrink_to(self.bytes.len().max(MOST_KEPT));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether nothing has come that is still to be yielded.
    pub(in crate::memcached) fn is_empty(&self) -> bool {
        self.done == self.bytes.len() && self.begun.is_none() && self.stats.is_empty()
    }

    /// The next answer, if all of it has come.
    pub(in crate::memcached) fn next(&mut self) -> Result<Option<Response>, Malformed> {
        loop {
            if let Some((response, length)) = self.begun.take() {
                return self.value(response, length);
            }
            let Some(line) = self.line()? else { return Ok(None) };
            if let Some(response) = self.read(&line)? {
                return Ok(Some(response));
            }
        }
    }

    /// The next line without its end.
    fn line(&mut self) -> Result<Option<String>, Malformed> {
        let rest = &self.bytes[self.done..];
        let Some(length) = rest.iter().take(LONGEST_LINE).position(|&byte| byte == b'\n') else {
            return if rest.len() < LONGEST_LINE { Ok(None) } else { Err(Malformed("a line")) };
        };
        let line = rest[..length].strip_suffix(b"\r").ok_or(Malformed("a line"))?;
        let line = String::from_utf8_lossy(line).into_owned();
        self.done += length + 1;
        Ok(Some(line))
    }

    /// What a line says, unless more belongs to it.
    fn read(&mut self, line: &str) -> Result<Option<Response>, Malformed> {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let status = match words.next() {
            Some("VA") => {
                let length = number(words.next().unwrap_or_default())?;
                if length > LARGEST_VALUE {
                    return Err(Malformed("a value of a size that a server has"));
                }
                self.begun = Some((Response::of(Status::Value).with(words)?, length));
                return Ok(None);
            }
            Some("STAT") if self.stats.len() < MOST_STATS => {
                let told = line.strip_prefix("STAT ").and_then(|told| told.split_once(' '));
                let (name, value) = told.unwrap_or_default();
                self.stats.push((name.to_owned(), value.to_owned()));
                return Ok(None);
            }
            Some("END") => return Ok(Some(Response::of(Status::Stats(mem::take(&mut self.stats))))),
            Some("ERROR" | "CLIENT_ERROR" | "SERVER_ERROR") => {
                return Ok(Some(Response::of(Status::Error(line.to_owned()))));
            }
            Some("HD") => Status::Done,
            Some("EN") => Status::Missing,
            Some("NS") => Status::NotStored,
            Some("EX") => Status::Exists,
            Some("NF") => Status::NotFound,
            Some("MN") => Status::Noop,
            _ => return Err(Malformed("an answer")),
        };
        Response::of(status).with(words).map(Some)
    }

    /// An answer with its value, if all of that has come.
    fn value(&mut self, mut response: Response, length: usize) -> Result<Option<Response>, Malformed> {
        let rest = &self.bytes[self.done..];
        if rest.len() < length + 2 {
            self.begun = Some((response, length));
            return Ok(None);
        }
        if &rest[length..length + 2] != b"\r\n" {
            return Err(Malformed("the end of a value"));
        }
        response.value = rest[..length].to_vec();
        self.done += length + 2;
        Ok(Some(response))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Result<Vec<Response>, Malformed> {
        let (mut parser, mut all) = (Parser::default(), Vec::new());
        for piece in pieces {
            parser.feed(piece);
            while let Some(response) = parser.next()? {
                all.push(response);
            }
        }
        Ok(all)
    }

    /// Answers as a server writes them, and what they mean.
    fn answers() -> impl Strategy<Value = Vec<(Vec<u8>, Response)>> {
        let line = |text: &str, status| (format!("{text}\r\n").into_bytes(), Response::of(status));
        let plain = prop_oneof![
            Just(line("HD", Status::Done)),
            Just(line("EN", Status::Missing)),
            Just(line("NS", Status::NotStored)),
            Just(line("EX", Status::Exists)),
            Just(line("NF", Status::NotFound)),
            Just(line("MN", Status::Noop)),
            Just(line("ERROR", Status::Error("ERROR".to_owned()))),
            Just(line("STAT a b c\r\nEND", Status::Stats(vec![("a".to_owned(), "b c".to_owned())]))),
        ];
        let value =
            (any::<Vec<u8>>(), any::<u32>(), any::<u64>(), any::<Option<u64>>(), any::<[bool; 2]>(), any::<u32>());
        let value = value.prop_map(|(value, mark, version, left, [won, stale], number)| {
            let shown = left.map_or("-1".to_owned(), |left| left.to_string());
            let marks = format!("{}{}", if won { " W" } else { " Z" }, if stale { " X" } else { "" });
            let head = format!("VA {} f{mark} c{version} t{shown} O{number}{marks}\r\n", value.len());
            let bytes = [head.as_bytes(), &value, b"\r\n"].concat();
            let number = Some(number);
            (bytes, Response { status: Status::Value, value, mark, version, left, won, stale, number })
        });
        proptest::collection::vec(prop_oneof![plain, value], 0..8)
    }

    #[test]
    fn lines_that_say_too_little_are_no_panic() {
        for line in ["STAT", "STAT ", "STAT a", "VA", "VA ", "", " ", "HD ", "ERROR"] {
            let _ = all(&[line.as_bytes(), b"\r\n"]);
        }
    }

    #[test]
    fn what_is_done_with_takes_no_room() {
        let value = vec![b'v'; 20_000];
        let answer = [format!("VA {}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
        let mut parser = Parser::default();
        for piece in answer.repeat(100).chunks(30_000) {
            parser.feed(piece);
            while parser.next().unwrap().is_some() {}
            assert!(parser.bytes.capacity() <= 4 * MOST_KEPT, "{}", parser.bytes.capacity());
        }
        assert!(parser.is_empty());
    }

    proptest! {
        #[test]
        fn answers_come_as_they_were_sent_however_they_are_cut(
            answers in answers(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let (bytes, expected): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
            let bytes = bytes.concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(all(&pieces), Ok(expected));
        }

        #[test]
        fn garbage_is_no_panic(bytes: Vec<u8>, lines in "([A-Z]{2,5}( -?[a-z0-9]{0,20}){0,3}\r?\n){0,5}") {
            let _ = all(&[&bytes]);
            let _ = all(&[lines.as_bytes(), &bytes]);
        }
    }

    #[test]
    fn what_is_longer_than_anything_a_server_says_is_no_answer() {
        assert_eq!(all(&[&[b'a'; LONGEST_LINE]]), Err(Malformed("a line")));
        assert!(all(&[b"VA 99999999999 f0\r\n"]).is_err());
        assert!(all(&[b"VA 99999999999999999999999\r\n"]).is_err());
        assert!(all(&[b"HTTP/1.1 400 Bad Request\r\n"]).is_err());
        assert!(all(&["STAT a b\r\n".repeat(MOST_STATS + 1).as_bytes()]).is_err());
    }
}
