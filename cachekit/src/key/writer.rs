//! The buffer that the parts of a key write into.
//!
//! A key is a sequence of self-delimiting elements, each a tag and what the tag says follows; the tuple layer of
//! `FoundationDB` is the published model.
//! The buffer lives on the stack and spills to the heap only for long keys, so a look-up allocates nothing.
//! What it deliberately does not do: order keys, or hash them.

use std::fmt;

use super::Arguments;

/// Bytes that a key may have before its buffer moves to the heap.
const INLINE: usize = 104;

/// Bytes in a word.
const WORD: usize = 8;

/// One byte in front of every element, which says what it is; zero is padding, so no tag is zero.
pub(crate) mod tag {
    pub(crate) const FALSE: u8 = 1;
    pub(crate) const TRUE: u8 = 2;
    pub(crate) const NONE: u8 = 3;
    pub(crate) const SOME: u8 = 4;
    pub(crate) const UINT: u8 = 5;
    pub(crate) const NEGATIVE: u8 = 6;
    pub(crate) const BIG_UINT: u8 = 7;
    pub(crate) const BIG_NEGATIVE: u8 = 8;
    pub(crate) const F32: u8 = 9;
    pub(crate) const F64: u8 = 10;
    pub(crate) const CHAR: u8 = 11;
    pub(crate) const STR: u8 = 12;
    pub(crate) const BYTES: u8 = 13;
    pub(crate) const LIST: u8 = 14;
    pub(crate) const TUPLE: u8 = 15;
    pub(crate) const VARIANT: u8 = 16;
    pub(crate) const CLOSE: u8 = 17;
}

/// Where a [`KeyPart`](crate::KeyPart) writes itself.
///
/// An implementation by hand composes the methods below, or those of other parts; each `open_…` wants its
/// [`close`](Self::close).
/// Lives on the stack up to 104 bytes, on the heap beyond.
///
/// ```
/// use cachekit::{KeyPart, KeyWriter};
///
/// struct Point { x: i32, y: i32, label: String }
///
/// /// The label does not tell points apart.
/// impl KeyPart for Point {
///     fn write_key(&self, writer: &mut KeyWriter) {
///         writer.open_tuple();
///         self.x.write_key(writer);
///         self.y.write_key(writer);
///         writer.close();
///     }
/// }
/// ```
pub struct KeyWriter {
    /// Length of the key in bytes; beyond `INLINE` the words are in `spilled`.
    len: usize,
    /// Whole words, the first byte lowest, so that a look-up compares and hashes what was just written without reading
    /// it byte by byte. One word more than there can be bytes, for the upper half of a write.
    inline: [u64; INLINE / WORD + 1],
    spilled: Vec<u64>,
}

impl KeyWriter {
    /// An empty key.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self { len: 0, inline: [0; INLINE / WORD + 1], spilled: Vec::new() }
    }

    /// Writes an unsigned number.
    /// A number has one form, whatever the width of its type.
    #[inline]
    pub fn uint(&mut self, value: u64) {
        self.fixed(tag::UINT, value.to_le_bytes());
    }

    /// Writes a signed number; from zero up it is the same as [`uint`](Self::uint).
    #[inline]
    pub fn int(&mut self, value: i64) {
        let tag = if value < 0 { tag::NEGATIVE } else { tag::UINT };
        self.fixed(tag, value.to_le_bytes());
    }

    /// Writes an unsigned number of up to 128 bits.
    #[inline]
    pub fn big_uint(&mut self, value: u128) {
        match u64::try_from(value) {
            Ok(small) => self.uint(small),
            Err(_) => self.fixed(tag::BIG_UINT, value.to_le_bytes()),
        }
    }

    /// Writes a signed number of up to 128 bits.
    #[inline]
    pub fn big_int(&mut self, value: i128) {
        match (i64::try_from(value), u128::try_from(value)) {
            (Ok(small), _) => self.int(small),
            (_, Ok(positive)) => self.big_uint(positive),
            _ => self.fixed(tag::BIG_NEGATIVE, value.to_le_bytes()),
        }
    }

    /// Writes a number of 32 bits by its bits: `0.0` and `-0.0` differ, a NaN equals itself.
    #[inline]
    pub fn float32(&mut self, value: f32) {
        self.fixed(tag::F32, value.to_bits().to_le_bytes());
    }

    /// Writes a number of 64 bits by its bits: `0.0` and `-0.0` differ, a NaN equals itself.
    #[inline]
    pub fn float64(&mut self, value: f64) {
        self.fixed(tag::F64, value.to_bits().to_le_bytes());
    }

    /// Writes a truth value.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.fixed(if value { tag::TRUE } else { tag::FALSE }, []);
    }

    /// Writes a character.
    #[inline]
    pub fn char(&mut self, value: char) {
        self.fixed(tag::CHAR, u32::from(value).to_le_bytes());
    }

    /// Writes a text.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.sized(tag::STR, value.as_bytes());
    }

    /// Writes bytes that are no text.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        self.sized(tag::BYTES, value);
    }

    /// Writes the absence of a value.
    #[inline]
    pub fn none(&mut self) {
        self.fixed(tag::NONE, []);
    }

    /// Says that the next element is the content of an `Option`.
    #[inline]
    pub fn some(&mut self) {
        self.fixed(tag::SOME, []);
    }

    /// Begins a sequence whose length is not known from its type.
    #[inline]
    pub fn open_list(&mut self) {
        self.fixed(tag::LIST, []);
    }

    /// Begins a tuple or a struct.
    #[inline]
    pub fn open_tuple(&mut self) {
        self.fixed(tag::TUPLE, []);
    }

    /// Begins a variant of an enum, or anything else that a name tells apart.
    #[inline]
    pub fn open_variant(&mut self, name: &str) {
        self.sized(tag::VARIANT, name.as_bytes());
    }

    /// Ends what the matching `open_…` began.
    #[inline]
    pub fn close(&mut self) {
        self.fixed(tag::CLOSE, []);
    }

    /// The key so far.
    pub(crate) fn to_bytes(&self) -> Arguments {
        let mut bytes: Arguments = self.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(self.len);
        bytes
    }

    /// The key as whole words, padded with zeros.
    #[inline]
    pub(crate) fn words(&self) -> &[u64] {
        let words = self.len.div_ceil(WORD);
        if self.len <= INLINE { &self.inline[..words] } else { &self.spilled[..words] }
    }

    /// The first words of a key that is no longer than they are, padded with zeros.
    ///
    /// Elements delimit themselves, so padding makes no two keys equal.
    #[inline]
    pub(crate) fn first_words<const N: usize>(&self) -> [u64; N] {
        std::array::from_fn(|word| self.inline[word])
    }

    /// Length of the key in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        self.put(u64::from(tag), 1);
        for chunk in bytes.chunks(WORD) {
            self.put(word(chunk), chunk.len());
        }
    }

    #[inline]
    fn sized(&mut self, tag: u8, bytes: &[u8]) {
        if bytes.len() < 0x80 && self.len + 2 + bytes.len() <= INLINE {
            return self.short(u64::from(tag) | (bytes.len() as u64) << 8, bytes);
        }
        self.put(u64::from(tag), 1);
        // The length as in LEB128: seven bits a byte, the lowest first.
        let mut rest = bytes.len() as u64;
        while rest >= 0x80 {
            self.put(rest & 0x7f | 0x80, 1);
            rest >>= 7;
        }
        self.put(rest, 1);
        for chunk in bytes.chunks(WORD) {
            self.put(word(chunk), chunk.len());
        }
    }

    /// As [`put`](Self::put), for two bytes and then some that have room here: no word is read back from memory, where it
    /// would have to arrive first.
    #[inline]
    fn short(&mut self, head: u64, bytes: &[u8]) {
        let (mut at, mut filled) = (self.len, self.inline[self.len / WORD]);
        let mut put = |value: u64, count: usize| {
            let (word, shift) = (at / WORD, at % WORD * 8);
            self.inline[word] = filled | value << shift;
            // In two steps, since a shift by all bits is none.
            let rest = value >> 1 >> (63 - shift);
            at += count;
            filled = if at / WORD == word { self.inline[word] } else { rest };
        };
        put(head, 2);
        for chunk in bytes.chunks(WORD) {
            put(word(chunk), chunk.len());
        }
        self.inline[at / WORD] = filled;
        self.len = at;
    }

    /// Appends the lowest `count` bytes of `value`, whose other bytes are zero.
    #[inline]
    fn put(&mut self, value: u64, count: usize) {
        let end = self.len + count;
        if end <= INLINE {
            merge(&mut self.inline, self.len, value);
            self.len = end;
        } else {
            self.spill(value, end);
        }
    }

    /// Appends on the heap, moving there first what is on the stack.
    #[cold]
    fn spill(&mut self, value: u64, end: usize) {
        if self.len <= INLINE {
            self.spilled.extend_from_slice(&self.inline);
        }
        self.spilled.resize(end.div_ceil(WORD) + 1, 0);
        merge(&mut self.spilled, self.len, value);
        self.len = end;
    }
}

/// Adds the bytes of `value` to words that are zero from byte `at` on.
#[inline]
fn merge(words: &mut [u64], at: usize, value: u64) {
    let (word, shift) = (at / WORD, at % WORD * 8);
    words[word] |= value << shift;
    if shift > 0 {
        words[word + 1] |= value >> (64 - shift);
    }
}

/// Up to eight bytes as a word.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    if let Ok(bytes) = bytes.try_into() {
        return u64::from_le_bytes(bytes);
    }
    // Reads that overlap instead of a loop: what both see is the same.
    let half = |at: usize| bytes.get(at..at + 4).and_then(|half| half.try_into().ok()).map_or(0, u32::from_le_bytes);
    let byte = |at: usize| u64::from(bytes[at]) << (8 * at);
    match bytes.len() {
        0 => 0,
        len @ 1..4 => byte(0) | byte(len / 2) | byte(len - 1),
        len => u64::from(half(0)) | u64::from(half(len - 4)) << (8 * (len - 4)),
    }
}

impl Default for KeyWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        super::text::write(&self.to_bytes(), &mut text);
        f.debug_tuple("KeyWriter").field(&text).finish()
    }
}
