//! `#[derive(KeyPart)]`.

use std::marker::PhantomData;

use cachekit::KeyPart;

/// Nothing.
#[derive(Clone, Copy, Debug, KeyPart)]
pub struct Unit;

/// One field, transparent.
#[derive(Clone, Copy, Debug, KeyPart)]
pub struct Id(pub u64);

/// Two fields.
#[derive(Clone, Debug, KeyPart)]
pub struct Pair(pub u64, pub String);

/// Named fields, one of them raw, one left out.
#[derive(Clone, Debug, KeyPart)]
pub struct Named<'a> {
    /// A name.
    pub name: &'a str,
    /// A raw name.
    pub r#type: u8,
    /// Not in the key.
    #[key_part(skip)]
    pub note: f64,
    /// A name that generated code could want.
    pub writer: u8,
}

/// Data of every kind.
#[derive(Clone, Debug, KeyPart)]
pub enum Selector<T> {
    /// None.
    All,
    /// One.
    Id(T),
    /// Two, named.
    Range {
        /// From.
        from: T,
        /// To.
        to: T,
    },
    /// A raw name.
    r#Type(u8, Option<T>),
}

/// No value.
#[derive(Clone, Copy, Debug, KeyPart)]
pub enum Never {}

/// Generic, with a bound, a constant and a field that is left out.
#[derive(Debug, KeyPart)]
pub struct Generic<T, const N: usize>
where
    T: Clone,
{
    /// Items.
    pub items: [T; N],
    /// Not in the key.
    #[key_part(skip)]
    pub marker: PhantomData<T>,
}

/// Through another path.
#[derive(Debug, KeyPart)]
#[key_part(crate = crate::key_parts::renamed)]
pub struct Renamed(u8, u8);

/// cachekit by another name.
pub mod renamed {
    pub use cachekit::*;
}

/// Holds itself.
#[derive(Clone, Debug, KeyPart)]
pub enum Tree<'a> {
    /// The end.
    Leaf(u8),
    /// Two more.
    Node(Box<Tree<'a>>, Option<&'a Tree<'a>>),
    /// Through another.
    List(Vec<Tree<'a>>, Other),
}

/// Holds itself through another.
#[derive(Clone, Debug, KeyPart)]
pub struct Other(pub Option<std::sync::Arc<Tree<'static>>>);
