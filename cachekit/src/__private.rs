//! What the code that the macros write calls.
//!
//! Not part of the public interface: the macro crate pins the exact version of this one.
//! Each function is a companion or the body of an annotated function; a hit is looked for here, so that it is inlined
//! into the caller, and everything else is one call away.

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

pub use inventory;

use crate::companion::CachedFn;
pub use crate::companion::{Annotated, Function};
use crate::entry::{AsyncEntry, Entry};
use crate::error::Error;
use crate::fetched::Fetched;
pub use crate::info::{FnInfo, RegionRef};
use crate::key::Key;
pub use crate::key::generator::KeyContext;
pub use crate::key::part::{KeyPart, width_max, width_sum};
pub use crate::key::writer::KeyWriter;
pub use crate::near::argkey::{Fit, Width, word_count as words};
pub use crate::region::registry::Declared;
pub use crate::region::share::Share;

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

fn infallible<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

#[inline]
pub fn call<F: CachedFn>(key: KeyWriter, compute: impl FnOnce() -> F::Value) -> F::Value {
    infallible(call_result::<F, Infallible>(key, None, || Ok(compute())))
}

#[inline]
pub fn call_result<F: CachedFn, E>(
    key: KeyWriter,
    share: Option<Share<E>>,
    compute: impl FnOnce() -> Result<F::Value, E>,
) -> Result<F::Value, E> {
    match F::function().hit(&key) {
        Some(value) => Ok(value),
        None => miss::<F, E>(&key, share, compute),
    }
}

#[cold]
#[inline(never)]
fn miss<F: CachedFn, E>(
    key: &KeyWriter,
    share: Option<Share<E>>,
    compute: impl FnOnce() -> Result<F::Value, E>,
) -> Result<F::Value, E> {
    F::function().expect_call(key).run(share, compute).map(|served| served.value)
}

#[inline]
pub async fn call_async<F: CachedFn, T: Future<Output = F::Value>>(
    key: KeyWriter,
    compute: impl FnOnce() -> T,
) -> F::Value {
    if let Some(value) = F::function().hit(&key) {
        return value;
    }
    let call = F::function().expect_call(&key);
    // Boxed, so that the future of a hit is small.
    infallible(Box::pin(async move { call.run_async(None, || async { Ok(compute().await) }).await }).await).value
}

#[inline]
pub async fn call_result_async<F: CachedFn, E, T: Future<Output = Result<F::Value, E>>>(
    key: KeyWriter,
    share: Option<Share<E>>,
    compute: impl FnOnce() -> T,
) -> Result<F::Value, E> {
    if let Some(value) = F::function().hit(&key) {
        return Ok(value);
    }
    let call = F::function().expect_call(&key);
    Box::pin(async move { call.run_async(share, compute).await }).await.map(|served| served.value)
}

pub fn fetch<F: CachedFn>(key: KeyWriter, compute: impl FnOnce() -> F::Value) -> Fetched<F::Value> {
    infallible(fetch_result::<F, Infallible>(key, None, || Ok(compute())))
}

pub fn fetch_result<F: CachedFn, E>(
    key: KeyWriter,
    share: Option<Share<E>>,
    compute: impl FnOnce() -> Result<F::Value, E>,
) -> Result<Fetched<F::Value>, E> {
    let call = F::function().expect_call(&key);
    call.run(share, compute).map(|served| Fetched::new(served, call.core.now()))
}

pub async fn fetch_async<F: CachedFn, T: Future<Output = F::Value>>(
    key: KeyWriter,
    compute: impl FnOnce() -> T,
) -> Fetched<F::Value> {
    infallible(fetch_result_async::<F, Infallible, _>(key, None, || async { Ok(compute().await) }).await)
}

pub async fn fetch_result_async<F: CachedFn, E, T: Future<Output = Result<F::Value, E>>>(
    key: KeyWriter,
    share: Option<Share<E>>,
    compute: impl FnOnce() -> T,
) -> Result<Fetched<F::Value>, E> {
    let call = F::function().expect_call(&key);
    call.run_async(share, compute).await.map(|served| Fetched::new(served, call.core.now()))
}

pub fn refresh<F: CachedFn>(key: KeyWriter, compute: impl FnOnce() -> F::Value) -> F::Value {
    infallible(refresh_result::<F, Infallible>(key, None, || Ok(compute())))
}

pub fn refresh_result<F: CachedFn, E>(
    key: KeyWriter,
    share: Option<Share<E>>,
    compute: impl FnOnce() -> Result<F::Value, E>,
) -> Result<F::Value, E> {
    F::function().expect_call(&key).refresh(share, compute)
}

pub async fn refresh_async<F: CachedFn, T: Future<Output = F::Value>>(
    key: KeyWriter,
    compute: impl FnOnce() -> T,
) -> F::Value {
    infallible(refresh_result_async::<F, Infallible, _>(key, None, || async { Ok(compute().await) }).await)
}

pub async fn refresh_result_async<F: CachedFn, E, T: Future<Output = Result<F::Value, E>>>(
    key: KeyWriter,
    share: Option<Share<E>>,
    compute: impl FnOnce() -> T,
) -> Result<F::Value, E> {
    F::function().expect_call(&key).refresh_async(share, compute).await
}

pub fn get<F: CachedFn>(key: KeyWriter) -> Result<Option<F::Value>, Error> {
    Ok(F::function().call(&key)?.get())
}

pub fn set<F: CachedFn>(key: KeyWriter, value: F::Value) -> Result<(), Error> {
    F::function().call(&key)?.set(value);
    Ok(())
}

pub fn invalidate<F: CachedFn>(key: KeyWriter) -> Result<(), Error> {
    F::function().call(&key)?.invalidate();
    Ok(())
}

pub fn expire<F: CachedFn>(key: KeyWriter) -> Result<(), Error> {
    F::function().call(&key)?.expire();
    Ok(())
}

// In memory these are ready at once; a backend is awaited.

#[allow(clippy::unused_async)]
pub async fn get_async<F: CachedFn>(key: KeyWriter) -> Result<Option<F::Value>, Error> {
    get::<F>(key)
}

#[allow(clippy::unused_async)]
pub async fn set_async<F: CachedFn>(key: KeyWriter, value: F::Value) -> Result<(), Error> {
    set::<F>(key, value)
}

#[allow(clippy::unused_async)]
pub async fn invalidate_async<F: CachedFn>(key: KeyWriter) -> Result<(), Error> {
    invalidate::<F>(key)
}

#[allow(clippy::unused_async)]
pub async fn expire_async<F: CachedFn>(key: KeyWriter) -> Result<(), Error> {
    expire::<F>(key)
}

#[must_use]
pub fn key<F: CachedFn>(key: KeyWriter) -> Key {
    F::function().key(&key).made_by(Annotated::of::<F>())
}

#[must_use]
pub fn entry<F: CachedFn>(key: KeyWriter) -> Entry<F::Value> {
    Entry::new(F::function().expect_call(&key))
}

#[must_use]
pub fn entry_async<F: CachedFn>(key: KeyWriter) -> AsyncEntry<F::Value> {
    AsyncEntry::new(F::function().expect_call(&key))
}
