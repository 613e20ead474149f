//! The buffer that the parts of a key write into.
//!
//! A key is a sequence of self-delimiting elements, each a tag and what the tag says follows; the tuple layer of
//! FoundationDB is the published model.
//! The buffer lives on the stack and spills to the heap only for long keys, so a look-up allocates nothing.
//! What it deliberately does not do: order keys, or hash them.

use std::fmt;

/// Bytes that a key may have before its buffer moves to the heap.
const INLINE: usize = 104;

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
    /// Length of the key; beyond `INLINE` the bytes are in `spilled`.
    len: usize,
    inline: [u8; INLINE],
    spilled: Vec<u8>,
}

impl KeyWriter {
    /// An empty key.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self { len: 0, inline: [0; INLINE], spilled: Vec::new() }
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
    #[must_use]
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        if self.len <= INLINE { &self.inline[..self.len] } else { &self.spilled }
    }

    /// The first words of the key, padded with zeros.
    ///
    /// The key must not be longer than that; elements delimit themselves, so padding makes no two keys equal.
    #[inline]
    pub(crate) fn words<const N: usize>(&self) -> [u64; N] {
        debug_assert!(N * 8 <= INLINE);
        std::array::from_fn(|word| {
            let start = word * 8;
            u64::from_le_bytes(std::array::from_fn(|byte| self.inline[start + byte]))
        })
    }

    /// Length of the key in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        let end = self.len + 1 + N;
        if end <= INLINE {
            self.inline[self.len] = tag;
            self.inline[self.len + 1..end].copy_from_slice(&bytes);
            self.len = end;
        } else {
            self.spill(&[tag]);
            self.spill(&bytes);
        }
    }

    #[inline]
    fn sized(&mut self, tag: u8, bytes: &[u8]) {
        let end = self.len + 2 + bytes.len();
        // A length below 128 is one byte, as in LEB128.
        if end <= INLINE && bytes.len() < 128 {
            self.inline[self.len] = tag;
            self.inline[self.len + 1] = bytes.len() as u8;
            self.inline[self.len + 2..end].copy_from_slice(bytes);
            self.len = end;
        } else {
            self.spill_sized(tag, bytes);
        }
    }

    #[cold]
    fn spill_sized(&mut self, tag: u8, bytes: &[u8]) {
        self.spill(&[tag]);
        let mut rest = bytes.len();
        while rest >= 128 {
            self.spill(&[rest as u8 | 0x80]);
            rest >>= 7;
        }
        self.spill(&[rest as u8]);
        self.spill(bytes);
    }

    /// Appends to the heap, moving there first what is on the stack.
    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if end <= INLINE {
            self.inline[self.len..end].copy_from_slice(bytes);
        } else {
            if self.len <= INLINE {
                self.spilled.extend_from_slice(&self.inline[..self.len]);
            }
            self.spilled.extend_from_slice(bytes);
        }
        self.len = end;
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
        super::text::write(self.as_bytes(), &mut text);
        f.debug_tuple("KeyWriter").field(&text).finish()
    }
}
