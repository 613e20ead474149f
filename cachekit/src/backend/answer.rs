//! What an operation of a backend returns: a result that is there already, or that comes later.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Error;

/// The result of an operation, at once or later.
///
/// A backend that works without waiting, or blocks the thread, makes one out of a `Result`; one that awaits makes it out
/// of a future.
///
/// ```
/// use cachekit::Error;
/// use cachekit::backend::Answer;
///
/// fn at_once(count: u64) -> Answer<'static, u64> {
///     Ok(count).into()
/// }
///
/// fn later(count: u64) -> Answer<'static, u64> {
///     Answer::later(async move { Ok(count) })
/// }
/// # let _ = (at_once(1), later(2));
/// ```
#[must_use = "an answer does nothing until it is awaited"]
pub struct Answer<'a, T>(State<'a, T>);

enum State<'a, T> {
    Ready(Option<Result<T, Error>>),
    Later(Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>),
}

impl<'a, T> Answer<'a, T> {
    /// The result of a future.
    pub fn later(future: impl Future<Output = Result<T, Error>> + Send + 'a) -> Self {
        Self(State::Later(Box::pin(future)))
    }
}

impl<T> From<Result<T, Error>> for Answer<'_, T> {
    fn from(result: Result<T, Error>) -> Self {
        Self(State::Ready(Some(result)))
    }
}

/// Nothing is pinned in it but what is in a box.
impl<T> Unpin for Answer<'_, T> {}

impl<T> Future for Answer<'_, T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(result) => Poll::Ready(result.take().expect("a future is not polled after its end")),
            State::Later(future) => future.as_mut().poll(context),
        }
    }
}

impl<T> fmt::Debug for Answer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(_) => "Answer::Ready",
            State::Later(_) => "Answer::Later",
        })
    }
}
