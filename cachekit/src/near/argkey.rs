//! How a table keeps its keys: in as few words as the types of the arguments need.
//!
//! A key whose parts have at most 32 bytes by their types is an array of one to four words, hashed and compared as such.
//! Any other keeps its first 32 bytes in words too, and the rest, if there is one, on the heap.
//! Elements of a key delimit themselves, so padding with zeros makes no two keys equal.

use std::hash::{BuildHasher, Hash, Hasher};

use papaya::Equivalent;

use crate::key::Arguments;
use crate::key::writer::KeyWriter;

const WORD: usize = 8;

/// A key as a table keeps it.
pub trait ArgKey: Eq + Hash + Send + Sync + Sized + 'static {
    /// A key as a call has it at hand that is no hit, in as few words.
    type Packed<'a>: PackedKey;

    /// A key as a call looks it up, without an allocation.
    type Lookup<'a>: Hash + Equivalent<Self>;

    fn pack(key: &KeyWriter) -> Self::Packed<'_>;

    /// The key of a call; `None` where a part wrote more than its `WIDTH`, which then is in no table.
    fn lookup(key: &KeyWriter) -> Option<Self::Lookup<'_>>;

    /// The key with these bytes; `None` where they do not fit, so that no call can have it.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// A key as a call has it at hand that is no hit.
pub trait PackedKey {
    #[doc(hidden)]
    fn to_bytes(&self) -> Arguments;
}

impl PackedKey for &KeyWriter {
    fn to_bytes(&self) -> Arguments {
        KeyWriter::to_bytes(self)
    }
}

/// [`Words`] of a call: nothing of it is in memory where a hit is all that the call comes to.
#[derive(Debug)]
pub enum PackedWords<'a, const N: usize> {
    Short {
        words: Words<N>,
        /// In bytes.
        len: usize,
    },
    /// A part wrote more than its `WIDTH`.
    Long(&'a KeyWriter),
}

impl<const N: usize> PackedKey for PackedWords<'_, N> {
    fn to_bytes(&self) -> Arguments {
        match self {
            Self::Short { words, len } => {
                let mut bytes = Arguments::new();
                words.0.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
                bytes.truncate(*len);
                bytes
            }
            Self::Long(key) => key.to_bytes(),
        }
    }
}

/// A key of at most `N` words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words<const N: usize>([u64; N]);

impl<const N: usize> Hash for Words<N> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Word by word: an array hashes its length and its bytes, which takes longer.
        self.0.iter().for_each(|word| state.write_u64(*word));
    }
}

impl<const N: usize> ArgKey for Words<N> {
    type Packed<'a> = PackedWords<'a, N>;
    type Lookup<'a> = Self;

    #[inline]
    fn pack(key: &KeyWriter) -> PackedWords<'_, N> {
        let len = key.len();
        if len <= N * WORD {
            PackedWords::Short { words: Self(key.first_words()), len }
        } else {
            PackedWords::Long(key)
        }
    }

    #[inline]
    fn lookup(key: &KeyWriter) -> Option<Self> {
        (key.len() <= N * WORD).then(|| Self(key.first_words()))
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= N * WORD).then(|| Self(words(bytes)))
    }
}

/// A key of any length.
#[derive(Debug, PartialEq, Eq)]
pub struct AnyArgKey {
    head: Words<4>,
    tail: Option<Box<[u64]>>,
}

impl Hash for AnyArgKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_any(self.head, self.tail.as_deref(), state);
    }
}

/// As [`Words`]; what has no tail is hashed without a word on that.
#[inline]
fn hash_any<H: Hasher>(head: Words<4>, tail: Option<&[u64]>, state: &mut H) {
    head.hash(state);
    tail.into_iter().flatten().for_each(|word| state.write_u64(*word));
}

/// [`AnyArgKey`] of a call.
#[derive(Debug)]
pub struct AnyLookup<'a> {
    head: Words<4>,
    tail: Option<&'a [u64]>,
}

impl Hash for AnyLookup<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_any(self.head, self.tail, state);
    }
}

impl Equivalent<AnyArgKey> for AnyLookup<'_> {
    #[inline]
    fn equivalent(&self, key: &AnyArgKey) -> bool {
        self.head == key.head && self.tail == key.tail.as_deref()
    }
}

impl ArgKey for AnyArgKey {
    type Packed<'a> = &'a KeyWriter;
    type Lookup<'a> = AnyLookup<'a>;

    #[inline]
    fn pack(key: &KeyWriter) -> &KeyWriter {
        key
    }

    #[inline]
    fn lookup(key: &KeyWriter) -> Option<AnyLookup<'_>> {
        if key.len() <= 4 * WORD {
            return Some(AnyLookup { head: Words(key.first_words()), tail: None });
        }
        let (head, tail) = key.words().split_first_chunk()?;
        Some(AnyLookup { head: Words(*head), tail: Some(tail) })
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, tail) = bytes.split_at(bytes.len().min(4 * WORD));
        let tail: Box<[u64]> = tail.chunks(WORD).map(|chunk| words::<1>(chunk)[0]).collect();
        Some(Self { head: Words(words(head)), tail: (!tail.is_empty()).then_some(tail) })
    }
}

/// Bytes as words, padded with zeros.
fn words<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let mut words = [0; N];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks(WORD)) {
        let mut padded = [0; WORD];
        padded[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_le_bytes(padded);
    }
    words
}

/// The number of words for a key whose parts have these widths; 0 where they are unbounded or more than four.
#[must_use]
pub const fn word_count(widths: &[usize]) -> usize {
    let width = crate::key::part::width_sum(widths);
    if width > 4 * WORD {
        0
    } else if width == 0 {
        1
    } else {
        width.div_ceil(WORD)
    }
}

/// A number of words, as a type.
#[derive(Debug)]
pub struct Width<const N: usize>;

/// The `ArgKey` for a number of words.
pub trait Fit {
    /// How the table keeps its keys.
    type Key: ArgKey;
}

macro_rules! fit {
    ($($words:literal => $key:ty),*) => {$(
        impl Fit for Width<$words> {
            type Key = $key;
        }
    )*};
}

fit!(0 => AnyArgKey, 1 => Words<1>, 2 => Words<2>, 3 => Words<3>, 4 => Words<4>);

/// Hashes keys, and lets a table be asked by the hash alone.
#[derive(Clone, Default)]
pub(crate) struct KeyHash(foldhash::fast::RandomState);

pub(crate) struct KeyHasher {
    fold: <foldhash::fast::RandomState as BuildHasher>::Hasher,
    /// The hash itself, where the question is a hash.
    known: Option<u64>,
}

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    #[inline]
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher { fold: self.0.build_hasher(), known: None }
    }
}

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.fold.write(bytes);
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.fold.write_u64(word);
    }

    /// No key writes an `i128`: it is how [`ByHash`] hands over a hash.
    #[inline]
    fn write_i128(&mut self, hash: i128) {
        self.known = u64::try_from(hash).ok();
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.known.unwrap_or_else(|| self.fold.finish())
    }
}

/// Finds an entry by the hash of its key.
pub(crate) struct ByHash<'a> {
    pub(crate) hash: u64,
    pub(crate) hasher: &'a KeyHash,
}

impl Hash for ByHash<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_i128(i128::from(self.hash));
    }
}

impl<K: ArgKey> Equivalent<K> for ByHash<'_> {
    fn equivalent(&self, key: &K) -> bool {
        self.hasher.hash_one(key) == self.hash
    }
}
