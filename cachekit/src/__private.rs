//! What the code that the macros write calls.
//!
//! Not part of the public interface: the macro crate pins the exact version of this one.
//! Each function is a companion or the body of an annotated function; a hit is looked for here, so that it is inlined
//! into the caller, and everything else is one call away.

pub mod coalesce;
pub mod many;

use std::borrow::Borrow;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either};
pub use inventory;

pub use crate::companion::{Annotated, Function};
use crate::companion::{CachedFn, Value};
pub use crate::config::backends::{BackendFactory, make as make_backend};
use crate::entry::{AsyncEntry, Entry};
use crate::error::Error;
use crate::fetched::Fetched;
use crate::flight::block_on;
pub use crate::generic::Generic;
pub use crate::info::{FnInfo, RegionRef, Repeated, Unkeyed};
use crate::key::Key;
pub use crate::key::generator::KeyContext;
pub use crate::key::part::{KeyPart, width_max, width_sum};
pub use crate::key::writer::KeyWriter;
use crate::near::argkey::{ArgKey, PackedKey};
pub use crate::near::argkey::{Fit, Width, word_count as words};
use crate::options::CallOptions;
use crate::region::call::Call;
pub use crate::region::registry::Declared;
pub use crate::region::share::Share;
pub use crate::region::work::{Owned, OwnedTask, Renews, Work};
use crate::remote::Caller;
pub use crate::tags::TagNames;
use crate::values::{Shared, owned};

/// The width of a part of a key; without a limit for a type that is no part of one, so that the message about that comes
/// from one place only.
#[derive(Debug)]
pub struct WidthOf<T: ?Sized>(PhantomData<fn() -> Box<T>>);

impl<T: KeyPart + ?Sized> WidthOf<T> {
    pub const WIDTH: usize = T::WIDTH;
}

pub trait UnboundedWidth {
    const WIDTH: usize = usize::MAX;
}

impl<T: ?Sized> UnboundedWidth for WidthOf<T> {}

/// Finds out, by which method is found first, whether an error can be shared.
#[derive(Debug)]
pub struct ErrorOf<E>(PhantomData<fn() -> E>);

impl<E> ErrorOf<E> {
    #[allow(clippy::new_without_default)]
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

pub trait ShareByClone<E> {
    fn share(&self) -> Option<Share<E>>;
}

impl<E: Clone + Send + Sync + 'static> ShareByClone<E> for ErrorOf<E> {
    #[inline]
    fn share(&self) -> Option<Share<E>> {
        Some(Share::by_clone())
    }
}

pub trait ShareNothing<E> {
    fn share(&self) -> Option<Share<E>>;
}

impl<E> ShareNothing<E> for &ErrorOf<E> {
    #[inline]
    fn share(&self) -> Option<Share<E>> {
        None
    }
}

/// Finds out, in the same way, whether an error can be one of the backend's.
pub trait RefuseByFrom<E> {
    fn refusal(&self) -> Option<fn(Error) -> E>;
}

impl<E: From<Error>> RefuseByFrom<E> for ErrorOf<E> {
    #[inline]
    fn refusal(&self) -> Option<fn(Error) -> E> {
        Some(E::from)
    }
}

pub trait RefuseNothing<E> {
    fn refusal(&self) -> Option<fn(Error) -> E>;
}

impl<E> RefuseNothing<E> for &ErrorOf<E> {
    #[inline]
    fn refusal(&self) -> Option<fn(Error) -> E> {
        None
    }
}

/// Finds out, in the same way as [`WidthOf`], whether a type is a `Result`.
#[derive(Debug)]
pub struct OfResult<T>(PhantomData<fn() -> T>);

impl<T, E> OfResult<Result<T, E>> {
    pub const IS_RESULT: bool = true;
}

pub trait NoResult {
    const IS_RESULT: bool = false;
}

impl<T> NoResult for OfResult<T> {}

/// The ttl that a function of the user's gives a value.
#[inline]
pub fn ttl_of<V, T: Into<Option<Duration>>>(value: &V, ttl_of: impl FnOnce(&V) -> T) -> Option<Duration> {
    ttl_of(value).into()
}

/// The two sides of a `Result`, also of an alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result`",
    label = "not a `Result`",
    note = "write `result = false` in the attribute"
)]
pub trait ResultLike {
    type Value;
    type Error;
}

impl<T, E> ResultLike for Result<T, E> {
    type Value = T;
    type Error = E;
}

/// A type as `owner = …` names it.
#[diagnostic::on_unimplemented(
    message = "`owner` is `{Self}`, but this is a method of `{T}`",
    label = "write `owner = {T}`"
)]
pub trait IsOwner<T: ?Sized> {}

impl<T: ?Sized> IsOwner<T> for T {}

#[inline]
pub const fn is_owner<O: IsOwner<T> + ?Sized, T: ?Sized>() {}

/// What a function returns that is no `Result`.
#[inline]
pub fn infallible<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// An argument that a background renewal keeps a copy of.
#[diagnostic::on_unimplemented(
    message = "a background renewal cannot own a `{Self}`",
    label = "cannot be owned",
    note = "a renewal in the background outlives the call, so it works on copies of the arguments: `Clone + Send + 'static`; `skip` does not help here, as the body needs every argument; or leave `background`, `stale_while_revalidate` and `refresh_ahead` to the region: one caller then renews while the others are served the old value"
)]
pub trait Keep: Clone + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + 'static> Keep for T {}

/// A copy for a background renewal.
#[inline]
pub fn keep<T: Keep>(argument: &T) -> T {
    argument.clone()
}

/// What an argument refers to, which a background renewal keeps a copy of.
#[diagnostic::on_unimplemented(
    message = "a background renewal cannot own a `{Self}`",
    label = "cannot be owned",
    note = "a renewal in the background outlives the call, so it works on copies of what the arguments refer to: `Clone + Send + 'static`, or `ToOwned`; an `Arc` in place of the reference is such a copy; or leave `background`, `stale_while_revalidate` and `refresh_ahead` to the region: one caller then renews while the others are served the old value"
)]
pub trait KeepReferent {
    fn kept(&self) -> Box<dyn Borrow<Self> + Send>;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned: Send + 'static> + ?Sized> KeepReferent for T {
    fn kept(&self) -> Box<dyn Borrow<Self> + Send> {
        Box::new(self.to_owned())
    }
}

/// A copy of a referent for a background renewal.
///
/// Boxed, so that no type behind it has to be named: a referent without such a copy is told so once.
pub fn keep_referent<T: KeepReferent + ?Sized>(argument: &T) -> Box<dyn Borrow<T> + Send> {
    argument.kept()
}

/// An error that is remembered for later callers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be remembered",
    label = "`error_ttl` gives this error to more than one caller",
    note = "derive `Clone` (`Clone + Send + Sync + 'static` is needed), or say how to copy it: `share_error = |error| …`"
)]
pub trait Remembered: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<E: Clone + Send + Sync + 'static> Remembered for E {}

/// How a remembered error reaches later callers, unless `share_error` says it.
#[inline]
#[must_use]
pub fn share_remembered<E: Remembered>() -> Option<Share<E>> {
    Some(Share::by_clone())
}

/// The state of an annotated function, as generated code has it at hand.
///
/// A trait, so that whoever passes it on need not show again that the values can be cached: that is told once.
pub trait State: Send + Sync + 'static {
    type Value: Value;
    type ArgKey: ArgKey;

    fn function(&'static self) -> &'static Function<Self::Value, Self::ArgKey>;

    fn listed(&'static self) -> Annotated {
        Annotated::state(self.function())
    }
}

impl<V: Value, K: ArgKey> State for Function<V, K> {
    type Value = V;
    type ArgKey = K;

    #[inline]
    fn function(&'static self) -> &'static Self {
        self
    }
}

/// Lists a state, if it is one, in the same way as [`ErrorOf`] finds out: of values that cannot be cached is told elsewhere.
#[derive(Debug)]
pub struct StateOf<F: 'static>(pub &'static F);

pub trait ListState {
    fn listed(&self) -> Annotated;
}

impl<F: State> ListState for StateOf<F> {
    fn listed(&self) -> Annotated {
        self.0.listed()
    }
}

pub trait ListNothing {
    fn listed(&self) -> Annotated;
}

impl<F> ListNothing for &StateOf<F> {
    fn listed(&self) -> Annotated {
        unreachable!("a function whose values cannot be cached is not compiled")
    }
}

/// The state of a function by the type of its companions.
#[derive(Debug)]
pub struct Of<F>(PhantomData<fn() -> F>);

impl<F: 'static> Of<F> {
    pub const THIS: &'static Self = &Self(PhantomData);
}

impl<F: CachedFn + 'static> State for Of<F> {
    type Value = F::Value;
    type ArgKey = F::ArgKey;

    #[inline]
    fn function(&'static self) -> &'static Function<F::Value, F::ArgKey> {
        F::function()
    }
}

/// An entry of a function, of which something is about to be asked.
#[derive(Debug)]
pub struct At<F: 'static> {
    state: &'static F,
    key: KeyWriter,
}

impl<F> At<F> {
    /// Of any type: whether its values can be cached is told where the state is made.
    #[inline]
    pub fn new(state: &'static F) -> Self {
        Self { state, key: KeyWriter::new() }
    }

    /// Where the key is written, in place.
    #[inline]
    pub fn writer(&mut self) -> &mut KeyWriter {
        &mut self.key
    }
}

/// No tags, where names of some are expected.
#[inline]
#[must_use]
pub fn no_tags() -> TagNames {
    TagNames::default()
}

/// What may run the function.
///
/// These are compiled for each function, so there is nothing in them but the way to what is compiled for each type of value.
impl<F: State> At<F> {
    #[inline]
    pub fn call<E, A, B: FnOnce(A) -> Result<F::Value, E>, D: Renews>(
        &self,
        share: Option<Share<E>>,
        work: Work<F::Value, E, A, B, D>,
    ) -> Result<F::Value, E> {
        let function = self.state.function();
        match F::ArgKey::lookup(&self.key).and_then(|key| function.hit(key)) {
            Some(value) => Ok(value),
            None => miss(function, F::ArgKey::pack(&self.key), share, work),
        }
    }

    #[inline]
    pub fn call_async<E, A, B: FnOnce(A) -> T, T: Future<Output = Result<F::Value, E>>, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<F::Value, E, A, B, D>,
    ) -> impl Future<Output = Result<F::Value, E>> {
        let function = self.state.function();
        match F::ArgKey::lookup(&self.key).and_then(|key| function.hit(key)) {
            Some(value) => Either::Left(ready(Ok(value))),
            None => Either::Right(valued(function.expect_call(F::ArgKey::pack(&self.key).to_bytes()), share, work)),
        }
    }

    pub fn fetch<E, A, B: FnOnce(A) -> Result<F::Value, E>, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<F::Value, E, A, B, D>,
    ) -> Result<Fetched<F::Value>, E> {
        let call = self.state.function().expect_call(self.key.to_bytes());
        let core = Arc::clone(&call.core);
        call.run(share, work).map(|served| Fetched::new(served, core.now()))
    }

    pub async fn fetch_async<E, A, B: FnOnce(A) -> T, T: Future<Output = Result<F::Value, E>>, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<F::Value, E, A, B, D>,
    ) -> Result<Fetched<F::Value>, E> {
        let call = self.state.function().expect_call(self.key.to_bytes());
        let core = Arc::clone(&call.core);
        Box::pin(call.run_async(Caller::Task, share, work)).await.map(|served| Fetched::new(served, core.now()))
    }

    pub fn with<E, A, B: FnOnce(A) -> Result<F::Value, E>, D: Renews>(
        self,
        options: impl FnOnce(CallOptions) -> CallOptions,
        share: Option<Share<E>>,
        work: Work<F::Value, E, A, B, D>,
    ) -> Result<F::Value, E> {
        self.optional(options).run(share, work).map(|served| served.value)
    }

    pub fn with_async<E, A, B: FnOnce(A) -> T, T: Future<Output = Result<F::Value, E>>, D: Renews>(
        self,
        options: impl FnOnce(CallOptions) -> CallOptions,
        share: Option<Share<E>>,
        work: Work<F::Value, E, A, B, D>,
    ) -> impl Future<Output = Result<F::Value, E>> {
        valued(self.optional(options), share, work)
    }

    pub fn refresh<E, A, B: FnOnce(A) -> Result<F::Value, E>, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<F::Value, E, A, B, D>,
    ) -> Result<F::Value, E> {
        self.with(CallOptions::force_refresh, share, work)
    }

    pub fn refresh_async<E, A, B: FnOnce(A) -> T, T: Future<Output = Result<F::Value, E>>, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<F::Value, E, A, B, D>,
    ) -> impl Future<Output = Result<F::Value, E>> {
        self.with_async(CallOptions::force_refresh, share, work)
    }

    fn optional(self, options: impl FnOnce(CallOptions) -> CallOptions) -> Call {
        let mut call = self.state.function().expect_call(self.key.to_bytes());
        call.options = options(CallOptions::default());
        call
    }
}

/// What needs only the key.
impl<F: State> At<F> {
    pub fn get(self, tags: impl FnOnce() -> TagNames) -> Result<Option<F::Value>, Error> {
        Ok(get(call_to_get(self.state.function(), &self.key, tags))?.map(owned))
    }

    pub fn get_async(
        self,
        tags: impl FnOnce() -> TagNames,
    ) -> impl Future<Output = Result<Option<F::Value>, Error>> + Send {
        // Outside the future: what the tags are made of need not be `Sync`.
        let value = get_async(call_to_get(self.state.function(), &self.key, tags));
        async { Ok(value.await?.map(owned)) }
    }

    pub fn set(self, tags: TagNames, value: F::Value) -> Result<(), Error> {
        set(call_to_set(self.state.function(), &self.key, tags), Arc::new(value))
    }

    pub fn set_async(self, tags: TagNames, value: F::Value) -> BoxFuture<'static, Result<(), Error>> {
        set_async(call_to_set(self.state.function(), &self.key, tags), Arc::new(value))
    }

    pub fn invalidate(self) -> Result<(), Error> {
        invalidate(self.state.function().call(self.key.to_bytes()))
    }

    #[must_use]
    pub fn invalidate_async(self) -> BoxFuture<'static, Result<(), Error>> {
        invalidate_async(self.state.function().call(self.key.to_bytes()))
    }

    pub fn expire(self) -> Result<(), Error> {
        expire(self.state.function().call(self.key.to_bytes()))
    }

    #[must_use]
    pub fn expire_async(self) -> BoxFuture<'static, Result<(), Error>> {
        expire_async(self.state.function().call(self.key.to_bytes()))
    }

    #[must_use]
    pub fn key(self, tags: TagNames) -> Key {
        key(self.state.function(), &self.key, tags)
    }

    #[must_use]
    pub fn entry(self, tags: TagNames) -> Entry<F::Value> {
        Entry::new(tagged_call(self.state.function(), &self.key, tags))
    }

    #[must_use]
    pub fn entry_async(self, tags: TagNames) -> AsyncEntry<F::Value> {
        AsyncEntry::new(tagged_call(self.state.function(), &self.key, tags))
    }
}

// Compiled for each type of value and of key, rather than for each function.

#[cold]
#[inline(never)]
fn miss<V: Value, K: ArgKey, E, A, B: FnOnce(A) -> Result<V, E>, D: Renews>(
    function: &'static Function<V, K>,
    key: K::Packed<'_>,
    share: Option<Share<E>>,
    work: Work<V, E, A, B, D>,
) -> Result<V, E> {
    function.expect_call(key.to_bytes()).run(share, work).map(|served| served.value)
}

/// The rest of a call in a task, boxed, so that the future of a hit is small.
fn valued<V: Value, E, A, B: FnOnce(A) -> T, T: Future<Output = Result<V, E>>, D: Renews>(
    call: Call,
    share: Option<Share<E>>,
    work: Work<V, E, A, B, D>,
) -> impl Future<Output = Result<V, E>> {
    Box::pin(call.value_async(share, work))
}

fn key<V: Value, K: ArgKey>(function: &'static Function<V, K>, key: &KeyWriter, tags: TagNames) -> Key {
    function.key(key).made_by(function, tags)
}

// Compiled once, in this crate.

fn get(call: Result<Call, Error>) -> Result<Option<Shared>, Error> {
    block_on(call?.get(Caller::Thread))
}

fn get_async(call: Result<Call, Error>) -> BoxFuture<'static, Result<Option<Shared>, Error>> {
    Box::pin(async { call?.get(Caller::Task).await })
}

fn set(call: Result<Call, Error>, value: Shared) -> Result<(), Error> {
    block_on(call?.set(Caller::Thread, value))
}

fn set_async(call: Result<Call, Error>, value: Shared) -> BoxFuture<'static, Result<(), Error>> {
    Box::pin(async { call?.set(Caller::Task, value).await })
}

fn invalidate(call: Result<Call, Error>) -> Result<(), Error> {
    block_on(call?.invalidate(Caller::Thread))
}

fn invalidate_async(call: Result<Call, Error>) -> BoxFuture<'static, Result<(), Error>> {
    Box::pin(async { call?.invalidate(Caller::Task).await })
}

fn expire(call: Result<Call, Error>) -> Result<(), Error> {
    block_on(call?.expire(Caller::Thread))
}

fn expire_async(call: Result<Call, Error>) -> BoxFuture<'static, Result<(), Error>> {
    Box::pin(async { call?.expire(Caller::Task).await })
}

/// A backend is asked for the epochs of the tags together with the entry.
fn call_to_get<V: Value, K: ArgKey>(
    function: &'static Function<V, K>,
    key: &KeyWriter,
    tags: impl FnOnce() -> TagNames,
) -> Result<Call, Error> {
    let mut call = function.call(key.to_bytes())?;
    if call.remote().is_some() {
        call.tags = tags();
    }
    Ok(call)
}

fn call_to_set<V: Value, K: ArgKey>(
    function: &'static Function<V, K>,
    key: &KeyWriter,
    tags: TagNames,
) -> Result<Call, Error> {
    let mut call = function.call(key.to_bytes())?;
    call.tags = tags;
    Ok(call)
}

fn tagged_call<V: Value, K: ArgKey>(function: &'static Function<V, K>, key: &KeyWriter, tags: TagNames) -> Call {
    let mut call = function.expect_call(key.to_bytes());
    call.tags = tags;
    call
}

/// The body of a function where it stands: `body` knows its arguments by `args`.
#[inline]
pub fn inline<V, E, A, B: FnOnce(A) -> Result<V, E>>(args: A, body: B) -> Work<V, E, A, B, ()> {
    Work::new(args, body)
}

#[inline]
pub fn inline_infallible<V, A, B: FnOnce(A) -> V>(
    args: A,
    body: B,
) -> Work<V, Infallible, A, impl FnOnce(A) -> Result<V, Infallible>, ()> {
    Work::new(args, |args| Ok(body(args)))
}

#[inline]
pub fn inline_task<V, E, A, B: FnOnce(A) -> T, T: Future<Output = Result<V, E>>>(
    args: A,
    body: B,
) -> Work<V, E, A, B, ()> {
    Work::new(args, body)
}
