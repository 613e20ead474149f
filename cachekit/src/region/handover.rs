//! Where the path of a call meets whoever runs the function.
//!
//! The path is compiled once, in this crate; what runs a function is compiled for each function, and so it is small: it
//! goes along the path, and where that asks for something it does it and goes on.
//! What it deliberately does not do: decide what is asked for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;

use futures_util::future::BoxFuture;

use super::call::Call;
use super::read_through::Request;
use super::settle::{Came, Failed, Failure};
use super::step::{Renewing, Step};
use super::work::{Once, Renews};
use crate::companion::Value;
use crate::fetched::Served;
use crate::flight::reentrance::{self, Leading, Payload};
use crate::flight::{Flight, block_on};
use crate::remote::Caller;
use crate::tags::TagNames;
use crate::values::Shared;

/// What the path asks for, and what came of it.
pub(super) struct Handover {
    state: Mutex<State>,
    /// The flight whose computation the function is, once it was asked for; none where it runs beside all flights.
    flight: OnceLock<Arc<Flight>>,
}

enum State {
    Idle,
    Asked(Asked),
    Named(Result<TagNames, Payload>),
    Computed(Came),
    Started(Result<bool, Payload>),
}

/// What the path asks for.
enum Asked {
    /// The names of the value's tags.
    Names,
    /// The function, once.
    Compute,
    /// A renewal in the background.
    Renew(Option<Box<Renewing>>),
}

/// The path's side.
impl Handover {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::Idle), flight: OnceLock::new() }
    }

    /// What is asked for from here on is the computation of the flight.
    pub(super) fn belongs_to(&self, flight: &Arc<Flight>) {
        self.flight.get_or_init(|| Arc::clone(flight));
    }

    /// The names of the value's tags, which users' code makes of the arguments.
    pub(super) async fn names(&self) -> Result<TagNames, Payload> {
        self.ask(Asked::Names, |state| match state {
            State::Named(names) => Ok(names),
            state => Err(state),
        })
        .await
    }

    /// Has the function run.
    pub(super) async fn compute(&self) -> Came {
        self.ask(Asked::Compute, |state| match state {
            State::Computed(came) => Ok(came),
            state => Err(state),
        })
        .await
    }

    /// Has somebody renew the value in the background; false where nobody does.
    pub(super) async fn renew(&self, renewing: Box<Renewing>) -> Result<bool, Payload> {
        self.ask(Asked::Renew(Some(renewing)), |state| match state {
            State::Started(started) => Ok(started),
            state => Err(state),
        })
        .await
    }

    /// Whoever runs the function polls the path again, so nobody has to be woken.
    async fn ask<T>(&self, asked: Asked, answer: impl Fn(State) -> Result<T, State>) -> T {
        self.swap(State::Asked(asked));
        poll_fn(|_| match answer(self.swap(State::Idle)) {
            Ok(answer) => Poll::Ready(answer),
            Err(state) => {
                self.swap(state);
                Poll::Pending
            }
        })
        .await
    }

    fn swap(&self, state: State) -> State {
        std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state)
    }
}

/// The side of whoever runs the function.
impl Handover {
    fn asked(&self) -> Option<Asked> {
        match self.swap(State::Idle) {
            State::Asked(asked) => Some(asked),
            state => {
                self.swap(state);
                None
            }
        }
    }

    /// Does what is asked for, by `part`, which leaves the answer where there is one already; whether there is.
    fn answer(&self, asked: &mut Asked, part: &mut dyn FnMut(&mut Asked) -> Option<State>) -> bool {
        let mut answer = None;
        let run = || answer = part(asked);
        let ran = match self.flight.get() {
            Some(flight) => reentrance::run(flight, run),
            None => reentrance::caught(run),
        };
        if let Err(payload) = ran {
            answer = Some(match asked {
                Asked::Names => State::Named(Err(payload)),
                Asked::Compute => State::Computed(Err(payload)),
                Asked::Renew(_) => State::Started(Err(payload)),
            });
        }
        answer.map(|answer| drop(self.swap(answer))).is_some()
    }

    /// While what the function leaves behind is dropped, which may ask for the same key.
    fn leading(&self) -> Option<Leading> {
        self.flight.get().map(Leading::storing)
    }
}

/// Whose path it is.
pub(super) enum Route {
    /// With its first step, where that has been taken.
    Call(Box<Call>, Request, Option<Box<Step>>),
    Renewal(Box<Renewing>),
}

impl Route {
    fn go<'a>(self, caller: Caller<'a>, handover: &'a Handover) -> BoxFuture<'a, Result<Served, Failed>> {
        match self {
            Self::Call(call, request, first) => Box::pin(call.path(caller, request, first, handover)),
            Self::Renewal(renewing) => Box::pin(renewing.path(caller, handover)),
        }
    }
}

/// A function as a thread runs it.
pub(super) trait Job {
    fn names(&self) -> TagNames;
    fn compute(&mut self) -> Result<Shared, Failure>;
    fn renew(&self, renewing: Box<Renewing>) -> bool;
}

impl Call {
    /// Goes along the path in a thread.
    pub(super) fn in_thread(self, request: Request, job: &mut dyn Job) -> Result<Served, Failed> {
        match self.at_once(&request, job) {
            Ok(ended) => ended,
            Err(first) => in_thread(Route::Call(Box::new(self), request, first), job),
        }
    }
}

/// Goes along the path in a thread.
///
/// The path is on the heap, as what is not over at once may take more steps than a stack should hold.
pub(super) fn in_thread(route: Route, job: &mut dyn Job) -> Result<Served, Failed> {
    let handover = Handover::new();
    let mut path = route.go(Caller::Thread, &handover);
    loop {
        let next = block_on(poll_fn(|context| match path.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => handover.asked().map_or(Poll::Pending, |asked| Poll::Ready(Err(asked))),
        }));
        let mut asked = match next {
            Ok(output) => return output,
            Err(asked) => asked,
        };
        handover.answer(&mut asked, &mut |asked| {
            Some(match asked {
                Asked::Names => State::Named(Ok(job.names())),
                Asked::Compute => State::Computed(Ok(job.compute())),
                Asked::Renew(renewing) => {
                    State::Started(Ok(renewing.take().is_some_and(|renewing| job.renew(renewing))))
                }
            })
        });
    }
}

/// What becomes of the work when the path has ended.
pub(super) type End<W, R> = fn(W, Result<Served, Failed>) -> R;

/// Goes along the path in a task.
pub(super) async fn in_task<V: Value, E, A, B, F, D: Renews, R>(
    route: Route,
    caller: Caller<'_>,
    mut once: Once<V, E, A, B, D>,
    end: End<Once<V, E, A, B, D>, R>,
) -> R
where
    B: FnOnce(A) -> F,
    F: Future<Output = Result<V, E>>,
{
    let handover = Handover::new();
    let mut path = route.go(caller, &handover);
    // What a future that is given up drops is part of the computation, and the path, which leads it, ends last.
    let _after = After(&handover.flight);
    let mut future = pin!(None::<F>);
    let _before = Before(&handover.flight);
    let ended = poll_fn(|context| {
        loop {
            let mut asked = Asked::Compute;
            if future.is_none() {
                if let Poll::Ready(ended) = path.as_mut().poll(context) {
                    return Poll::Ready(ended);
                }
                match handover.asked() {
                    Some(next) => asked = next,
                    None => return Poll::Pending,
                }
            }
            let is_answered = handover.answer(&mut asked, &mut |asked| match asked {
                Asked::Names => Some(State::Named(Ok(once.names()))),
                Asked::Compute => {
                    if future.is_none() {
                        future.set(once.begin());
                    }
                    match future.as_mut().as_pin_mut()?.poll(context) {
                        Poll::Ready(result) => Some(State::Computed(Ok(once.came(result)))),
                        Poll::Pending => None,
                    }
                }
                // Only where there may be one is anything asked for, and compiled.
                Asked::Renew(renewing) if D::MAY_BE => Some(State::Started(Ok(once.renewed(renewing.take()?)))),
                Asked::Renew(_) => Some(State::Started(Ok(false))),
            });
            if !is_answered {
                return Poll::Pending;
            }
            let _leading = handover.leading();
            future.set(None);
        }
    })
    .await;
    end(once, ended)
}

/// Says, when it is dropped, that what is dropped next belongs to the computation of the flight.
struct Before<'a>(&'a OnceLock<Arc<Flight>>);

impl Drop for Before<'_> {
    fn drop(&mut self) {
        std::mem::forget(self.0.get().map(Leading::storing));
    }
}

/// Ends what [`Before`] has begun.
struct After<'a>(&'a OnceLock<Arc<Flight>>);

impl Drop for After<'_> {
    fn drop(&mut self) {
        if self.0.get().is_some() {
            drop(Leading);
        }
    }
}
