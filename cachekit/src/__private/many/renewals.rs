//! How a function of many keys has keys renewed in the background, on copies of them and of its arguments.
//!
//! What it deliberately does not do: say when; a key is due as any other is.

use std::fmt;
use std::marker::PhantomData;

use crate::companion::Value;
use crate::region::due::Background;
pub use crate::region::due::Renewals;
use crate::region::share::Share;
pub use crate::region::together::OwnedMany;
use crate::region::together::start;

/// How keys that are due are renewed; `()` is by their callers.
pub trait Renewal<Id, V, E> {
    #[doc(hidden)]
    const MAY_BE: bool;

    #[doc(hidden)]
    fn start(&self, ids: &[&Id], renewals: Renewals, share: Option<Share<E>>) -> bool;
}

impl<Id, V, E> Renewal<Id, V, E> for () {
    const MAY_BE: bool = false;

    fn start(&self, _: &[&Id], _: Renewals, _: Option<Share<E>>) -> bool {
        false
    }
}

/// In the background.
pub struct Renewed<V, E, O> {
    own: O,
    start: Start<V, E>,
}

type Start<V, E> = fn(OwnedMany<V, E>, Renewals, Option<Share<E>>) -> bool;

impl<V: Value, E: Send + 'static, O> Renewed<V, E, O> {
    pub(super) fn new(own: O) -> Self {
        Self { own, start }
    }
}

impl<Id, V, E, O: Fn(&[&Id]) -> OwnedMany<V, E>> Renewal<Id, V, E> for Renewed<V, E, O> {
    const MAY_BE: bool = true;

    fn start(&self, ids: &[&Id], renewals: Renewals, share: Option<Share<E>>) -> bool {
        (self.start)((self.own)(ids), renewals, share)
    }
}

impl<V, E, O> fmt::Debug for Renewed<V, E, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewed")
    }
}

/// What there is at these places.
///
/// # Panics
///
/// If one of them is beyond the end.
#[must_use]
pub fn at<T>(all: Vec<T>, places: Vec<usize>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(Some).collect();
    places.into_iter().filter_map(|place| all[place].take()).collect()
}

/// The renewals of one call.
pub(super) struct OfCall<'a, Id, V, E, N> {
    pub(super) ids: &'a [&'a Id],
    pub(super) share: Option<Share<E>>,
    pub(super) renewal: &'a N,
    pub(super) values: PhantomData<fn() -> V>,
}

impl<Id, V, E, N: Renewal<Id, V, E>> Background for OfCall<'_, Id, V, E, N> {
    const MAY_BE: bool = N::MAY_BE;

    fn start(&self, places: &[usize], renewals: Renewals) -> bool {
        let ids: Vec<&Id> = places.iter().map(|place| self.ids[*place]).collect();
        self.renewal.start(&ids, renewals, self.share)
    }
}
