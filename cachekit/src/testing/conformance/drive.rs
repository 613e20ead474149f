//! How answers are waited for: by threads, and by tasks that a thread after the other polls.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use parking::Parker;

use super::trial::Stage;
use crate::backend::Answer;
use crate::error::Error;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Thread,
    Task,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread => "a thread",
            Self::Task => "a task",
        })
    }
}

/// What came of an operation.
pub(super) enum Came<T> {
    Answer(Result<T, Error>),
    Panic(String),
    /// No answer within twice the limit.
    Nothing,
}

impl<T> From<Option<Result<T, Error>>> for Came<T> {
    fn from(answer: Option<Result<T, Error>>) -> Self {
        answer.map_or(Self::Nothing, Self::Answer)
    }
}

/// Asks and waits for the answer, as a caller of this kind does.
pub(super) fn ask<'a, T: Send>(
    stage: &Stage,
    caller: Caller,
    limit: Duration,
    call: impl FnOnce() -> Answer<'a, T>,
) -> Came<T> {
    let patience = Instant::now() + stage.limit.max(limit.min(stage.limit)) * 2;
    let blocks = stage.handles[0].is_blocking();
    let waited = catch_unwind(AssertUnwindSafe(|| match caller {
        Caller::Thread => by_thread(call(), patience),
        Caller::Task if blocks => {
            // Like that of a region: whoever polls may be blocked, so it is nobody who has other things to do.
            let answer = call();
            on_a_thread(|| stage.enter(|| by_thread(answer, patience)))
        }
        Caller::Task => by_turns(stage, call(), patience),
    }));
    match waited {
        Ok(answer) => answer.into(),
        Err(panic) => Came::Panic(message(&*panic)),
    }
}

/// Parks the thread between polls.
fn by_thread<T>(mut answer: Answer<'_, T>, patience: Instant) -> Option<Result<T, Error>> {
    let parker = Parker::new();
    let waker = Waker::from(parker.unparker());
    loop {
        if let Poll::Ready(result) = poll(&mut answer, &waker) {
            return Some(result);
        }
        if !park(&parker, patience) {
            return None;
        }
    }
}

/// Each poll is another thread's, and the first is followed by one that nobody asked for: only the last waker counts.
fn by_turns<T: Send>(stage: &Stage, mut answer: Answer<'_, T>, patience: Instant) -> Option<Result<T, Error>> {
    let mut unasked = true;
    loop {
        let parker = Parker::new();
        let waker = Waker::from(parker.unparker());
        if let Poll::Ready(result) = on_a_thread(|| stage.enter(|| poll(&mut answer, &waker))) {
            return Some(result);
        }
        if !std::mem::take(&mut unasked) && !park(&parker, patience) {
            return None;
        }
    }
}

/// Waits for all of the answers at once, as one task does.
pub(super) fn together<T>(
    mut answers: Vec<Option<Answer<'_, T>>>,
    patience: Duration,
) -> Option<Vec<Result<T, Error>>> {
    let patience = Instant::now() + patience;
    let parker = Parker::new();
    let waker = Waker::from(parker.unparker());
    let mut results: Vec<Option<Result<T, Error>>> = answers.iter().map(|_| None).collect();
    loop {
        for (answer, result) in answers.iter_mut().zip(&mut results) {
            if let Some(Poll::Ready(ready)) = answer.as_mut().map(|answer| poll(answer, &waker)) {
                (*answer, *result) = (None, Some(ready));
            }
        }
        if answers.iter().all(Option::is_none) {
            return results.into_iter().collect();
        }
        if !park(&parker, patience) {
            return None;
        }
    }
}

/// Parks until somebody wakes the thread; false when patience ends, be there ever so many who wake it.
fn park(parker: &Parker, patience: Instant) -> bool {
    parker.park_deadline(patience) && Instant::now() < patience
}

/// The longest poll until an answer has come, or until patience ends; making it counts as one.
pub(super) fn longest_poll<'a, T>(call: impl FnOnce() -> Answer<'a, T>, patience: Duration) -> Duration {
    let parker = Parker::new();
    let waker = Waker::from(parker.unparker());
    let mut begun = Instant::now();
    let patience = begun + patience;
    let mut answer = call();
    let mut longest = begun.elapsed();
    loop {
        begun = Instant::now();
        let is_ready = poll(&mut answer, &waker).is_ready();
        longest = longest.max(begun.elapsed());
        if is_ready || !park(&parker, patience) {
            return longest;
        }
    }
}

pub(super) fn poll<T>(answer: &mut Answer<'_, T>, waker: &Waker) -> Poll<Result<T, Error>> {
    Pin::new(answer).poll(&mut Context::from_waker(waker))
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

/// What a panic says.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("that says nothing").to_owned()
}
