//! How one argument becomes part of a key.
//!
//! An implementation writes elements that delimit themselves, so neighbours never run together.
//! References, boxes and the like write what they point to: `&str`, `String` and `Arc<str>` of one text are one key.
//! What it deliberately does not do: require `Hash`, `ToOwned` or `Display` of an argument.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::writer::KeyWriter;

/// An argument that can be part of a key.
///
/// Derive it for one's own types with `#[derive(cachekit::KeyPart)]`: a struct is the tuple of its fields, a struct of
/// one unnamed field is that field, a variant of an enum is its name and its fields.
/// Equal values must write equal parts; two values that differ must write different ones.
///
/// ```
/// use cachekit::KeyPart;
///
/// #[derive(KeyPart)]
/// enum Selector {
///     Id(u64),
///     Named { first: String, last: String },
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "no part of a key",
    note = "write `#[derive(cachekit::KeyPart)]` on the type, leave the argument out with `skip(…)`, or say what forms the key with `key(…)`",
    note = "a type of another crate needs a type of one's own around it; in place of a `HashMap` take a `BTreeMap`, whose order is one"
)]
pub trait KeyPart {
    /// The most bytes that a value writes; `usize::MAX` where there is no limit that its type knows.
    ///
    /// A function whose arguments stay below 32 bytes in all is looked up by whole words. A value that writes more than
    /// its type says is computed each time and never stored.
    const WIDTH: usize = usize::MAX;

    /// Writes the value.
    fn write_key(&self, writer: &mut KeyWriter);

    /// Writes a sequence of values; bytes have a shorter form than other items.
    #[doc(hidden)]
    #[inline]
    fn write_list(items: &[Self], writer: &mut KeyWriter)
    where
        Self: Sized,
    {
        writer.open_list();
        for item in items {
            item.write_key(writer);
        }
        writer.close();
    }
}

/// Sum of widths, unless one of them has no limit.
#[doc(hidden)]
#[must_use]
pub const fn width_sum(widths: &[usize]) -> usize {
    let mut sum: usize = 0;
    let mut index = 0;
    while index < widths.len() {
        sum = sum.saturating_add(widths[index]);
        index += 1;
    }
    sum
}

/// The greatest of some widths.
#[doc(hidden)]
#[must_use]
pub const fn width_max(widths: &[usize]) -> usize {
    let mut max = 0;
    let mut index = 0;
    while index < widths.len() {
        if widths[index] > max {
            max = widths[index];
        }
        index += 1;
    }
    max
}

macro_rules! scalars {
    ($width:literal, $write:ident: $($type:ty),*) => {$(
        impl KeyPart for $type {
            const WIDTH: usize = $width;
            #[inline]
            fn write_key(&self, writer: &mut KeyWriter) {
                writer.$write((*self).into());
            }
        }
    )*};
}

scalars!(9, uint: u16, u32, u64);
scalars!(9, int: i8, i16, i32, i64);
scalars!(17, big_uint: u128);
scalars!(17, big_int: i128);
scalars!(5, float32: f32);
scalars!(9, float64: f64);
scalars!(1, bool: bool);
scalars!(5, char: char);

impl KeyPart for usize {
    const WIDTH: usize = 9;
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.uint(*self as u64);
    }
}

impl KeyPart for isize {
    const WIDTH: usize = 9;
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.int(*self as i64);
    }
}

impl KeyPart for u8 {
    const WIDTH: usize = 9;
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.uint(u64::from(*self));
    }
    #[inline]
    fn write_list(items: &[Self], writer: &mut KeyWriter) {
        writer.bytes(items);
    }
}

macro_rules! nonzero {
    ($($number:ty: $inner:ty),*) => {$(
        impl KeyPart for $number {
            const WIDTH: usize = <$inner>::WIDTH;
            #[inline]
            fn write_key(&self, writer: &mut KeyWriter) {
                self.get().write_key(writer);
            }
        }
    )*};
}

nonzero!(
    NonZeroU8: u8, NonZeroU16: u16, NonZeroU32: u32, NonZeroU64: u64, NonZeroU128: u128, NonZeroUsize: usize,
    NonZeroI8: i8, NonZeroI16: i16, NonZeroI32: i32, NonZeroI64: i64, NonZeroI128: i128, NonZeroIsize: isize
);

impl KeyPart for str {
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.str(self);
    }
}

impl KeyPart for String {
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.str(self);
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    const WIDTH: usize = T::WIDTH.saturating_add(1);
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        match self {
            None => writer.none(),
            Some(value) => {
                writer.some();
                value.write_key(writer);
            }
        }
    }
}

impl<T: KeyPart> KeyPart for [T] {
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        T::write_list(self, writer);
    }
}

impl<T: KeyPart> KeyPart for Vec<T> {
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        T::write_list(self, writer);
    }
}

impl<T: KeyPart, const N: usize> KeyPart for [T; N] {
    const WIDTH: usize = T::WIDTH.saturating_mul(N).saturating_add(2);
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        T::write_list(self, writer);
    }
}

impl<T: KeyPart> KeyPart for BTreeSet<T> {
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.open_list();
        for item in self {
            item.write_key(writer);
        }
        writer.close();
    }
}

impl<K: KeyPart, V: KeyPart> KeyPart for BTreeMap<K, V> {
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.open_list();
        for (key, value) in self {
            (key, value).write_key(writer);
        }
        writer.close();
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<T: KeyPart + ?Sized> KeyPart for $pointer {
            const WIDTH: usize = T::WIDTH;
            #[inline]
            fn write_key(&self, writer: &mut KeyWriter) {
                (**self).write_key(writer);
            }
        }
    )*};
}

pointers!(&T, &mut T, Box<T>, Arc<T>, Rc<T>);

impl<T: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, T> {
    const WIDTH: usize = T::WIDTH;
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        (**self).write_key(writer);
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: KeyPart),*> KeyPart for ($($name,)*) {
            const WIDTH: usize = width_sum(&[2, $($name::WIDTH),*]);
            #[inline]
            #[allow(non_snake_case)]
            fn write_key(&self, writer: &mut KeyWriter) {
                let ($($name,)*) = self;
                writer.open_tuple();
                $($name.write_key(writer);)*
                writer.close();
            }
        }
    )*};
}

tuples! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
    (A B C D E F G H I) (A B C D E F G H I J) (A B C D E F G H I J K) (A B C D E F G H I J K L)
}

impl KeyPart for Duration {
    const WIDTH: usize = 9 + 9 + 2;
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        (self.as_secs(), self.subsec_nanos()).write_key(writer);
    }
}

/// An address or a path on the stack, so that a look-up allocates nothing.
struct Line {
    len: usize,
    bytes: [u8; 64],
}

impl std::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

macro_rules! displayed {
    ($($type:ty),*) => {$(
        /// Its text, which is canonical (RFC 5952) and has at most 64 bytes.
        impl KeyPart for $type {
            const WIDTH: usize = 66;
            fn write_key(&self, writer: &mut KeyWriter) {
                let mut line = Line { len: 0, bytes: [0; 64] };
                write!(line, "{self}").expect("an address has at most 58 bytes");
                writer.str(std::str::from_utf8(&line.bytes[..line.len]).expect("only `str` was written"));
            }
        }
    )*};
}

displayed!(IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6);

/// The bytes of the path as the platform encodes it.
impl KeyPart for Path {
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.bytes(self.as_os_str().as_encoded_bytes());
    }
}

/// The bytes of the path as the platform encodes it.
impl KeyPart for PathBuf {
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        self.as_path().write_key(writer);
    }
}

#[cfg(feature = "uuid")]
#[cfg_attr(docsrs, doc(cfg(feature = "uuid")))]
impl KeyPart for uuid::Uuid {
    const WIDTH: usize = 17;
    #[inline]
    fn write_key(&self, writer: &mut KeyWriter) {
        writer.big_uint(self.as_u128());
    }
}

#[cfg(feature = "chrono")]
#[cfg_attr(docsrs, doc(cfg(feature = "chrono")))]
mod dates {
    use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike};

    use super::{KeyPart, KeyWriter, width_sum};

    const PAIR: usize = width_sum(&[2, i64::WIDTH, u32::WIDTH]);

    /// The instant; two zones that show one instant are one key.
    impl<Z: TimeZone> KeyPart for DateTime<Z> {
        const WIDTH: usize = PAIR;
        #[inline]
        fn write_key(&self, writer: &mut KeyWriter) {
            (self.timestamp(), self.timestamp_subsec_nanos()).write_key(writer);
        }
    }

    impl KeyPart for NaiveDate {
        const WIDTH: usize = i32::WIDTH;
        #[inline]
        fn write_key(&self, writer: &mut KeyWriter) {
            self.num_days_from_ce().write_key(writer);
        }
    }

    impl KeyPart for NaiveTime {
        const WIDTH: usize = PAIR;
        #[inline]
        fn write_key(&self, writer: &mut KeyWriter) {
            (self.num_seconds_from_midnight(), self.nanosecond()).write_key(writer);
        }
    }

    impl KeyPart for NaiveDateTime {
        const WIDTH: usize = width_sum(&[2, NaiveDate::WIDTH, NaiveTime::WIDTH]);
        #[inline]
        fn write_key(&self, writer: &mut KeyWriter) {
            (self.date(), self.time()).write_key(writer);
        }
    }

    impl KeyPart for TimeDelta {
        const WIDTH: usize = width_sum(&[2, i64::WIDTH, i32::WIDTH]);
        #[inline]
        fn write_key(&self, writer: &mut KeyWriter) {
            (self.num_seconds(), self.subsec_nanos()).write_key(writer);
        }
    }
}
