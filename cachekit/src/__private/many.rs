//! Functions of many keys: what they return, and what is done to many entries at once.
//!
//! Which value belongs to which key says the type that the function returns: a map by its keys, a `Vec` by its order.
//! Keys that are equal are one: the function is asked for them once.

mod renewals;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::{Future, ready};
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;

use self::renewals::OfCall;
pub use self::renewals::{OwnedMany, Renewal, Renewals, Renewed, at};
use super::{At, Of, State};
use crate::companion::{CachedFn, Value};
use crate::entry::{AsyncEntry, Entry};
use crate::error::Error;
use crate::flight::FlightKey;
use crate::flight::block_on;
use crate::region::call::Call;
use crate::region::many::Many;
use crate::region::share::Share;
use crate::region::together::Returned as Came;
use crate::remote::Caller;
use crate::tags::TagNames;
use crate::values::{Shared, owned};

/// What a function of many keys returns, and whose values and keys those are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell which value belongs to which of the keys `{Id}`",
    label = "neither a map nor a `Vec`",
    note = "return a `HashMap` or a `BTreeMap` by the keys, or a `Vec` with a value for each key in their order; or a `Result` of one of these, with `result = true` in the attribute where it goes by another name"
)]
pub trait Values<Id> {
    type Value;
    type Key: KeyFrom<Id>;
}

impl<Id, K: KeyFrom<Id>, V, S> Values<Id> for HashMap<K, V, S> {
    type Value = V;
    type Key = K;
}

impl<Id, K: KeyFrom<Id>, V> Values<Id> for BTreeMap<K, V> {
    type Value = V;
    type Key = K;
}

impl<Id: Hash + Eq, V> Values<Id> for Vec<V> {
    type Value = V;
    type Key = Id;
}

/// A `Result` by another name, which is told of by itself: its values keep the rest compiling.
impl<Id, R: Values<Id>, E> Values<Id> for Result<R, E> {
    type Value = R::Value;
    type Key = R::Key;
}

/// A key of a map, which the function makes of those that it was asked for.
#[diagnostic::on_unimplemented(
    message = "a map by `{Self}` cannot be asked for keys `{Id}`",
    label = "not `From` the keys of the slice, or not `Hash + Eq`",
    note = "return a map by the keys of the slice, owned (by `String` for `&[&str]`), or by a type that is `From` them; keys are `Clone + Hash + Eq`"
)]
pub trait KeyFrom<Id>: Hash + Eq {
    fn key_from(id: Id) -> Self;
}

#[diagnostic::do_not_recommend]
impl<Id, K: From<Id> + Hash + Eq> KeyFrom<Id> for K {
    fn key_from(id: Id) -> Self {
        Self::from(id)
    }
}

/// A key among others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be one of many keys",
    label = "not `Clone`",
    note = "the function is handed some of the keys at a time, as copies: derive `Clone`"
)]
pub trait OneOfMany: Clone {}

#[diagnostic::do_not_recommend]
impl<Id: Clone> OneOfMany for Id {}

/// What a function of many keys returns, where its entries hold these values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold values `{V}` by keys `{Id}`",
    label = "not what the entries hold",
    note = "return a map, or a `Vec`, of the values that the entries hold: with `entries_of` those of the function that it names"
)]
pub trait ValuesBy<Id, V>: Values<Id> + Sized {
    /// The value of each key, as far as there is one.
    fn split(self, function: &str, ids: &[Id], copy: Copy<Id>) -> Vec<Option<V>>;

    /// As the function would have returned them.
    fn join(values: &mut dyn Iterator<Item = (&Id, Option<V>)>, copy: Copy<Id>) -> Self;
}

/// How keys are copied.
type Copy<Id> = fn(&Id) -> Id;

/// What a function returned, as the value of each key.
type Split<Id, V, R> = fn(R, &str, &[Id], Copy<Id>) -> Vec<Option<V>>;

/// The value of each key, as far as there is one, as something that holds them.
type Joined<Id, V, R> = fn(&mut dyn Iterator<Item = (&Id, Option<V>)>, Copy<Id>) -> R;

impl<Id, K: KeyFrom<Id>, V, S: BuildHasher + Default> ValuesBy<Id, V> for HashMap<K, V, S> {
    fn split(mut self, _: &str, ids: &[Id], copy: Copy<Id>) -> Vec<Option<V>> {
        ids.iter().map(|id| self.remove(&K::key_from(copy(id)))).collect()
    }

    fn join(values: &mut dyn Iterator<Item = (&Id, Option<V>)>, copy: Copy<Id>) -> Self {
        by_keys(values, copy).collect()
    }
}

impl<Id, K: KeyFrom<Id> + Ord, V> ValuesBy<Id, V> for BTreeMap<K, V> {
    fn split(mut self, _: &str, ids: &[Id], copy: Copy<Id>) -> Vec<Option<V>> {
        ids.iter().map(|id| self.remove(&K::key_from(copy(id)))).collect()
    }

    fn join(values: &mut dyn Iterator<Item = (&Id, Option<V>)>, copy: Copy<Id>) -> Self {
        by_keys(values, copy).collect()
    }
}

fn by_keys<Id, K: KeyFrom<Id>, V>(
    values: &mut dyn Iterator<Item = (&Id, Option<V>)>,
    copy: Copy<Id>,
) -> impl Iterator<Item = (K, V)> {
    values.filter_map(move |(id, value)| Some((K::key_from(copy(id)), value?)))
}

impl<Id: Hash + Eq, V> ValuesBy<Id, V> for Vec<V> {
    fn split(self, function: &str, ids: &[Id], _: Copy<Id>) -> Vec<Option<V>> {
        let (values, keys) = (self.len(), ids.len());
        assert!(
            values == keys,
            "`{function}` has returned {values} values for {keys} keys: a `Vec` has one for each, in their order"
        );
        self.into_iter().map(Some).collect()
    }

    fn join(values: &mut dyn Iterator<Item = (&Id, Option<V>)>, _: Copy<Id>) -> Self {
        values.filter_map(|(_, value)| value).collect()
    }
}

impl<Id, V, R: ValuesBy<Id, V>, E> ValuesBy<Id, V> for Result<R, E> {
    fn split(self, function: &str, ids: &[Id], copy: Copy<Id>) -> Vec<Option<V>> {
        self.map(|values| values.split(function, ids, copy)).unwrap_or_default()
    }

    fn join(values: &mut dyn Iterator<Item = (&Id, Option<V>)>, copy: Copy<Id>) -> Self {
        Ok(R::join(values, copy))
    }
}

/// How the keys of a function are copied, and its values told apart.
///
/// Whoever has one need not show again that the types are those that a function of many keys can have: that is told once.
pub struct Returned<Id, K, V, R> {
    copy: Copy<Id>,
    split: Split<Id, V, R>,
    join: Joined<Id, V, R>,
    found: Joined<Id, V, HashMap<K, V>>,
}

impl<Id, K, V, R> Returned<Id, K, V, R> {
    /// A copy of a key.
    pub(super) fn copied(&self, id: &Id) -> Id {
        (self.copy)(id)
    }

    /// The value of each key, as far as the function has returned one.
    pub(super) fn split(&self, values: R, function: &str, ids: &[Id]) -> Vec<Option<V>> {
        (self.split)(values, function, ids, self.copy)
    }
}

impl<Id, K, V, R> fmt::Debug for Returned<Id, K, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returned").finish_non_exhaustive()
    }
}

/// Of a function whose type says what the keys of a map are.
#[must_use]
pub fn returned<Id: OneOfMany, V, R: ValuesBy<Id, V>>() -> Returned<Id, R::Key, V, R> {
    Returned { copy: Id::clone, split: R::split, join: R::join, found }
}

/// Of a function whose keys are references, and whose type does not say what the keys of a map are.
#[must_use]
pub fn borrowed<'i, Id: ToOwned<Owned: Hash + Eq> + ?Sized, V, R: ValuesBy<&'i Id, V>>()
-> Returned<&'i Id, Id::Owned, V, R> {
    let found = |values: &mut dyn Iterator<Item = (&&'i Id, Option<V>)>, _: Copy<&'i Id>| {
        values.filter_map(|(id, value)| Some(((*id).to_owned(), value?))).collect()
    };
    Returned { copy: Clone::clone, split: R::split, join: R::join, found }
}

fn found<Id, K: KeyFrom<Id>, V>(values: &mut dyn Iterator<Item = (&Id, Option<V>)>, copy: Copy<Id>) -> HashMap<K, V> {
    by_keys(values, copy).collect()
}

/// A handle for one of the entries.
pub trait Handle {
    type Value: Value;

    #[doc(hidden)]
    fn into_call_of(self) -> CallOf<Self::Value>;
}

/// One of the entries, on its way.
#[derive(Debug)]
pub struct CallOf<V>(Call, PhantomData<fn() -> V>);

impl<V> From<Entry<V>> for CallOf<V> {
    fn from(entry: Entry<V>) -> Self {
        Self(entry.into_call(), PhantomData)
    }
}

impl<V> From<AsyncEntry<V>> for CallOf<V> {
    fn from(entry: AsyncEntry<V>) -> Self {
        Self(entry.into_call(), PhantomData)
    }
}

/// One of the entries of a function, whose state shows that its values can be cached: that is told once.
#[derive(Debug)]
pub struct EntryOf<F: State>(CallOf<F::Value>);

impl<F: State> Handle for EntryOf<F> {
    type Value = F::Value;

    fn into_call_of(self) -> CallOf<F::Value> {
        self.0
    }
}

/// The entry that is there.
#[must_use]
pub fn entry<F: State>(at: At<F>, tags: TagNames) -> EntryOf<F> {
    EntryOf(CallOf(super::tagged_call(at.state.function(), &at.key, tags), PhantomData))
}

impl<V: Value> Handle for Entry<V> {
    type Value = V;

    fn into_call_of(self) -> CallOf<V> {
        self.into()
    }
}

impl<V: Value> Handle for AsyncEntry<V> {
    type Value = V;

    fn into_call_of(self) -> CallOf<V> {
        self.into()
    }
}

/// A function of many keys whose entries are those of another function.
pub trait Shares {
    type Function: CachedFn + 'static;
}

/// The entry that another function has made.
pub fn entry_of<F: CachedFn + 'static>(entry: impl Into<CallOf<F::Value>>) -> EntryOf<Of<F>> {
    EntryOf(entry.into())
}

/// An argument that a function of many keys may be handed more than once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be handed over more than once",
    label = "not `Clone`",
    note = "a function of many keys may be called more than once for one call: take a reference, or derive `Clone`"
)]
pub trait Again: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> Again for T {}

#[inline]
pub fn again<T: Again>(argument: &T) -> T {
    argument.clone()
}

/// A body where it stands, which may `return`.
#[inline]
pub fn run<T>(body: impl FnOnce() -> T) -> T {
    body()
}

/// How a function of many keys is called: with which name, what becomes of its errors, and how old values are renewed.
#[derive(Debug)]
pub struct Function<E, N> {
    name: &'static str,
    share: Option<Share<E>>,
    refusal: Option<fn(Error) -> E>,
    refreshes: bool,
    renewal: N,
}

impl<E> Function<E, ()> {
    #[must_use]
    pub fn new(name: &'static str, share: Option<Share<E>>) -> Self {
        Self { name, share, refusal: None, refreshes: false, renewal: () }
    }

    /// Renewals run in the background, on arguments and keys that `own` makes.
    #[must_use]
    pub fn renewed<Id, V, O>(self, own: O) -> Function<E, Renewed<V, E, O>>
    where
        V: Value,
        E: Send + 'static,
        O: Fn(&[&Id]) -> OwnedMany<V, E>,
    {
        let Self { name, share, refusal, refreshes, .. } = self;
        Function { name, share, refusal, refreshes, renewal: Renewed::new(own) }
    }
}

impl<E, N> Function<E, N> {
    /// Every key is computed, whatever is stored.
    #[must_use]
    pub fn refreshes(mut self) -> Self {
        self.refreshes = true;
        self
    }

    /// An error of the backend is returned, where the region says so.
    #[must_use]
    pub fn refused(mut self, refusal: Option<fn(Error) -> E>) -> Self {
        self.refusal = refusal;
        self
    }
}

/// What some keys came to that the function was asked for.
///
/// # Errors
///
/// That of the function.
pub fn split<Id, K, V, R, E>(
    returned: &Returned<Id, K, V, R>,
    function: &str,
    ids: &[Id],
    values: Result<R, E>,
) -> Came<V, E> {
    values.map(|values| returned.split(values, function, ids))
}

/// The keys of a call, each once.
struct Keys<'a, Id, V> {
    /// For each key that was asked for, in order, which of the entries it is.
    asked: Vec<(&'a Id, usize)>,
    ids: Vec<&'a Id>,
    calls: Vec<Call>,
    values: PhantomData<fn() -> V>,
}

impl<'a, Id, V: Value> Keys<'a, Id, V> {
    fn new<H: Handle<Value = V>>(ids: &'a [Id], entry: impl Fn(&Id) -> H) -> Self {
        let mut places: HashMap<FlightKey, usize> = HashMap::with_capacity(ids.len());
        let mut keys =
            Self { asked: Vec::with_capacity(ids.len()), ids: Vec::new(), calls: Vec::new(), values: PhantomData };
        for id in ids {
            let call = entry(id).into_call_of().0;
            let place = *places.entry(call.key.clone()).or_insert_with(|| {
                keys.ids.push(id);
                keys.calls.push(call);
                keys.calls.len() - 1
            });
            keys.asked.push((id, place));
        }
        keys
    }

    /// What is served at once, and the places of the others.
    fn hits(&self) -> (Vec<Option<V>>, Vec<usize>) {
        let values: Vec<_> = self.calls.iter().map(|call| call.fresh_here().map(owned)).collect();
        let missing = (0..values.len()).filter(|place| values[*place].is_none()).collect();
        (values, missing)
    }

    /// What the function would have returned.
    fn join<K, R>(self, mut values: Vec<Option<V>>, returned: &Returned<Id, K, V, R>) -> R {
        let mut left = vec![0_usize; values.len()];
        self.asked.iter().for_each(|(_, place)| left[*place] += 1);
        let mut asked = self.asked.into_iter().map(|(id, place)| {
            left[place] -= 1;
            // Who asks for a key twice gets a copy.
            (id, if left[place] == 0 { mem::take(&mut values[place]) } else { values[place].clone() })
        });
        (returned.join)(&mut asked, returned.copy)
    }
}

pub fn call<Id, K, R, H: Handle, E, N: Renewal<Id, H::Value, E>>(
    function: Function<E, N>,
    returned: Returned<Id, K, H::Value, R>,
    ids: &[Id],
    entry: impl Fn(&Id) -> H,
    mut compute: impl FnMut(&[Id]) -> Result<R, E>,
) -> Result<R, E> {
    // What a function of threads computes, as a task would.
    let at_once = |ids: Vec<Id>| ready(split(&returned, function.name, &ids, compute(&ids)));
    block_on(function.run(Caller::Thread, &returned, ids, entry, at_once))
}

pub async fn call_async<Id, K, R, H: Handle, E, T: Future<Output = Result<R, E>>, N: Renewal<Id, H::Value, E>>(
    function: Function<E, N>,
    returned: Returned<Id, K, H::Value, R>,
    ids: &[Id],
    entry: impl Fn(&Id) -> H,
    mut compute: impl FnMut(Vec<Id>) -> T,
) -> Result<R, E> {
    let later = |ids: Vec<Id>| {
        let values = compute(ids.iter().map(returned.copy).collect());
        split_later(function.name, &returned, ids, values)
    };
    function.run(Caller::Task, &returned, ids, entry, later).await
}

async fn split_later<Id, K, V, R, E>(
    name: &'static str,
    returned: &Returned<Id, K, V, R>,
    ids: Vec<Id>,
    values: impl Future<Output = Result<R, E>>,
) -> Came<V, E> {
    split(returned, name, &ids, values.await)
}

impl<E, N> Function<E, N> {
    async fn run<Id, K, V: Value, R, H: Handle<Value = V>, T: Future<Output = Came<V, E>>>(
        &self,
        caller: Caller<'_>,
        returned: &Returned<Id, K, V, R>,
        ids: &[Id],
        entry: impl Fn(&Id) -> H,
        mut compute: impl FnMut(Vec<Id>) -> T,
    ) -> Result<R, E>
    where
        N: Renewal<Id, V, E>,
    {
        let keys = Keys::new(ids, entry);
        let (mut values, missing) = if self.refreshes {
            (keys.calls.iter().map(|_| None).collect(), (0..keys.calls.len()).collect())
        } else {
            keys.hits()
        };
        if !missing.is_empty() {
            let wanted: Vec<&Id> = missing.iter().map(|place| keys.ids[*place]).collect();
            let calls: Vec<_> = missing.iter().map(|place| keys.calls[*place].clone()).collect();
            let copy = returned.copy;
            let compute = |places: Vec<usize>| compute(places.into_iter().map(|place| copy(wanted[place])).collect());
            let background = OfCall { ids: &wanted, share: self.share, renewal: &self.renewal, values: PhantomData };
            let many =
                Many { compute, share: self.share, refusal: self.refusal, refreshes: self.refreshes, background };
            // Boxed, so that the future of hits is small.
            let computed = Box::pin(many.run(caller, &calls)).await?;
            missing.into_iter().zip(computed).for_each(|(place, value)| values[place] = value);
        }
        Ok(keys.join(values, returned))
    }
}

/// The values that are there and fresh, by their keys.
pub fn get<Id, K, R, H: Handle>(
    returned: Returned<Id, K, H::Value, R>,
    ids: &[Id],
    entry: impl Fn(&Id) -> H,
) -> Result<HashMap<K, H::Value>, Error> {
    block_on(get_all(Caller::Thread, returned, ids, entry))
}

pub async fn get_async<Id, K, R, H: Handle>(
    returned: Returned<Id, K, H::Value, R>,
    ids: &[Id],
    entry: impl Fn(&Id) -> H,
) -> Result<HashMap<K, H::Value>, Error> {
    get_all(Caller::Task, returned, ids, entry).await
}

async fn get_all<Id, K, R, H: Handle>(
    caller: Caller<'_>,
    returned: Returned<Id, K, H::Value, R>,
    ids: &[Id],
    entry: impl Fn(&Id) -> H,
) -> Result<HashMap<K, H::Value>, Error> {
    let keys = Keys::new(ids, entry);
    let values = Call::get_many(&keys.calls, caller).await?.into_iter().map(|value| value.map(owned));
    Ok((returned.found)(&mut keys.ids.into_iter().zip(values), returned.copy))
}

pub fn set<Id, H: Handle>(
    entries: impl IntoIterator<Item = (Id, H::Value)>,
    entry: impl Fn(&Id) -> H,
) -> Result<(), Error> {
    block_on(Call::set_many(&values(entries, entry), Caller::Thread))
}

pub async fn set_async<Id, H: Handle>(
    entries: impl IntoIterator<Item = (Id, H::Value)>,
    entry: impl Fn(&Id) -> H,
) -> Result<(), Error> {
    Call::set_many(&values(entries, entry), Caller::Task).await
}

fn values<Id, H: Handle>(
    entries: impl IntoIterator<Item = (Id, H::Value)>,
    entry: impl Fn(&Id) -> H,
) -> Vec<(Call, Shared)> {
    let one = |(id, value)| (entry(&id).into_call_of().0, Arc::new(value) as Shared);
    entries.into_iter().map(one).collect()
}

pub fn invalidate<Id, H: Handle>(ids: &[Id], entry: impl Fn(&Id) -> H) -> Result<(), Error> {
    block_on(Call::invalidate_many(&Keys::new(ids, entry).calls, Caller::Thread))
}

pub async fn invalidate_async<Id, H: Handle>(ids: &[Id], entry: impl Fn(&Id) -> H) -> Result<(), Error> {
    Call::invalidate_many(&Keys::new(ids, entry).calls, Caller::Task).await
}

pub fn expire<Id, H: Handle>(ids: &[Id], entry: impl Fn(&Id) -> H) -> Result<(), Error> {
    block_on(expire_all(Caller::Thread, Keys::new(ids, entry).calls))
}

pub async fn expire_async<Id, H: Handle>(ids: &[Id], entry: impl Fn(&Id) -> H) -> Result<(), Error> {
    expire_all(Caller::Task, Keys::new(ids, entry).calls).await
}

async fn expire_all(caller: Caller<'_>, calls: Vec<Call>) -> Result<(), Error> {
    for call in calls {
        call.expire(caller).await?;
    }
    Ok(())
}
