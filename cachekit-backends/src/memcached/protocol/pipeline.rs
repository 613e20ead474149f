//! Commands as bytes, to be sent together.

use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU32, Ordering};

/// How many bytes of commands are sent before their answers are read, by whoever cannot read while writing.
const PIECE: usize = 32 * 1024;

/// Where the numbers of commands go on, so that an answer to another command is found out.
static NUMBERS: AtomicU32 = AtomicU32::new(0);

/// Commands that are sent together, each of which is answered.
#[derive(Debug)]
pub(in crate::memcached) struct Pipeline {
    bytes: Vec<u8>,
    /// Where each command ends.
    ends: Vec<usize>,
    numbers: Vec<u32>,
}

/// A command that is being written.
#[must_use = "a command is there when it is ended"]
pub(in crate::memcached) struct Command<'a> {
    pipeline: &'a mut Pipeline,
    content: Option<&'a [u8]>,
}

impl Pipeline {
    pub(in crate::memcached) fn new() -> Self {
        Self { bytes: Vec::with_capacity(256), ends: Vec::new(), numbers: Vec::new() }
    }

    /// What a connection begins with.
    pub(in crate::memcached) fn greeting() -> Self {
        let mut greeting = Self::new();
        for command in ["stats\r\n", "stats settings\r\n"] {
            greeting.bytes.extend_from_slice(command.as_bytes());
            greeting.ends.push(greeting.bytes.len());
        }
        greeting
    }

    /// `mg`: asks for an item.
    pub(in crate::memcached) fn get(&mut self, name: &str) -> Command<'_> {
        self.begin(format_args!("mg {name}"), None)
    }

    /// `ms`: stores an item.
    pub(in crate::memcached) fn set<'a>(&'a mut self, name: &str, content: &'a [u8]) -> Command<'a> {
        self.begin(format_args!("ms {name} {}", content.len()), Some(content))
    }

    /// `md`: deletes an item, or makes it another version.
    pub(in crate::memcached) fn delete(&mut self, name: &str) -> Command<'_> {
        self.begin(format_args!("md {name}"), None)
    }

    /// `mn`: asks for nothing.
    pub(in crate::memcached) fn noop(&mut self) {
        self.bytes.extend_from_slice(b"mn\r\n");
        self.ends.push(self.bytes.len());
    }

    fn begin<'a>(&'a mut self, line: impl Display, content: Option<&'a [u8]>) -> Command<'a> {
        self.text(line);
        Command { pipeline: self, content }
    }

    fn text(&mut self, text: impl Display) {
        // Nothing fails that is written into memory.
        let _ = write!(Text(&mut self.bytes), "{text}");
    }

    /// How many commands there are.
    pub(in crate::memcached) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(in crate::memcached) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The commands in pieces that a server takes without waiting for its answers to be read, with how many are in each.
    pub(in crate::memcached) fn pieces(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let mut at = 0_usize;
        std::iter::from_fn(move || {
            let begin = at.checked_sub(1).map_or(0, |last| self.ends[last]);
            let rest = self.ends.get(at..).filter(|rest| !rest.is_empty())?;
            let count = rest.partition_point(|&end| end - begin <= PIECE).max(1);
            at += count;
            Some((&self.bytes[begin..rest[count - 1]], count))
        })
    }

    /// Whether an answer to the command at this place may have this number.
    pub(in crate::memcached) fn is_answered_by(&self, place: usize, number: Option<u32>) -> bool {
        number.is_none_or(|number| self.numbers.get(place) == Some(&number))
    }
}

impl Command<'_> {
    /// Adds a flag.
    pub(in crate::memcached) fn with(self, flag: &str) -> Self {
        self.pipeline.text(format_args!(" {flag}"));
        self
    }

    /// Adds a flag with a number.
    pub(in crate::memcached) fn number(self, flag: char, number: u64) -> Self {
        self.pipeline.text(format_args!(" {flag}{number}"));
        self
    }

    /// Adds how long the item is kept; for ever, if that is not said.
    pub(in crate::memcached) fn keep(self, seconds: Option<u64>) -> Self {
        match seconds {
            Some(seconds) => self.number('T', seconds),
            None => self,
        }
    }

    pub(in crate::memcached) fn end(self) {
        let Self { pipeline, content } = self;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        pipeline.text(format_args!(" O{number}\r\n"));
        pipeline.numbers.resize(pipeline.ends.len(), 0);
        pipeline.numbers.push(number);
        if let Some(content) = content {
            pipeline.bytes.extend_from_slice(content);
            pipeline.bytes.extend_from_slice(b"\r\n");
        }
        pipeline.ends.push(pipeline.bytes.len());
    }
}

struct Text<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_as_the_protocol_has_them() {
        let mut pipeline = Pipeline::new();
        pipeline.get("a").with("v f").end();
        pipeline.set("b", b"xyz").number('C', 7).keep(Some(60)).keep(None).end();
        pipeline.delete("c").with("I").end();
        pipeline.noop();
        let [one, two, three] = [0, 1, 2].map(|place| pipeline.numbers[place]);
        let expected = format!("mg a v f O{one}\r\nms b 3 C7 T60 O{two}\r\nxyz\r\nmd c I O{three}\r\nmn\r\n");
        assert_eq!(std::str::from_utf8(pipeline.bytes()).unwrap(), expected);
        assert!(pipeline.is_answered_by(1, Some(two)) && pipeline.is_answered_by(3, None));
        assert!(!pipeline.is_answered_by(1, Some(one)) && !pipeline.is_answered_by(3, Some(three)));
        assert_eq!(pipeline.len(), 4);
    }

    #[test]
    fn pieces_are_whole_commands() {
        let mut pipeline = Pipeline::new();
        for length in [10, 2 * PIECE, 10, 10, PIECE - 10, 10] {
            pipeline.set("a", &vec![b'x'; length]).end();
        }
        let pieces: Vec<_> = pipeline.pieces().collect();
        assert_eq!(pieces.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 1, 2, 1, 1]);
        assert_eq!(pieces.into_iter().flat_map(|(bytes, _)| bytes).copied().collect::<Vec<_>>(), pipeline.bytes());
        assert_eq!(Pipeline::new().pieces().count(), 0);
    }
}
