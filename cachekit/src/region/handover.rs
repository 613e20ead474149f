//! Where the path of a call meets whoever runs the function.
//!
//! The path is compiled for each type of value and of error; what runs a function is compiled for each function, and so
//! it is small: it goes along the path, and where that asks for something it does it and goes on.
//! What it deliberately does not do: decide what is asked for.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;

use super::settle::Came;
use super::share::Share;
use super::step::Renewing;
use super::work::{Renews, Work};
use crate::flight::reentrance::{self, Leading, Payload};
use crate::flight::{Flight, block_on};
use crate::remote::Caller;

/// What the path asks for, and what came of it.
pub(super) struct Handover<V, E> {
    state: Mutex<State<V, E>>,
    /// The flight whose computation the function is, once it was asked for; none where it runs beside all flights.
    flight: OnceLock<Arc<Flight>>,
}

enum State<V, E> {
    Idle,
    Asked(Asked<V>),
    Computed(Came<V, E>),
    Started(Result<bool, Payload>),
}

/// What the path asks for.
enum Asked<V> {
    /// The function, once.
    Compute,
    /// A renewal in the background.
    Renew(Renewing<V>),
}

/// The path's side.
impl<V, E> Handover<V, E> {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::Idle), flight: OnceLock::new() }
    }

    /// Has the function run, as the computation of a flight or beside all of them.
    pub(super) async fn compute(&self, flight: Option<&Arc<Flight>>) -> Came<V, E> {
        if let Some(flight) = flight {
            self.flight.get_or_init(|| Arc::clone(flight));
        }
        self.ask(Asked::Compute, |state| match state {
            State::Computed(came) => Ok(came),
            state => Err(state),
        })
        .await
    }

    /// Has somebody renew the value in the background; false where nobody does.
    pub(super) async fn renew(&self, renewing: Renewing<V>) -> Result<bool, Payload> {
        self.ask(Asked::Renew(renewing), |state| match state {
            State::Started(started) => Ok(started),
            state => Err(state),
        })
        .await
    }

    /// Whoever runs the function polls the path again, so nobody has to be woken.
    async fn ask<T>(&self, asked: Asked<V>, answer: impl Fn(State<V, E>) -> Result<T, State<V, E>>) -> T {
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

    fn swap(&self, state: State<V, E>) -> State<V, E> {
        std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state)
    }
}

/// The side of whoever runs the function.
impl<V, E> Handover<V, E> {
    fn asked(&self) -> Option<Asked<V>> {
        match self.swap(State::Idle) {
            State::Asked(asked) => Some(asked),
            state => {
                self.swap(state);
                None
            }
        }
    }

    /// Runs what is part of the function; a panic is what came of it.
    fn run<R>(&self, part: impl FnOnce() -> R) -> Result<R, Payload> {
        match self.flight.get() {
            Some(flight) => reentrance::run(flight, part),
            None => reentrance::caught(part),
        }
    }

    /// The future of the function, unless making it has panicked.
    fn begun<F>(&self, begin: impl FnOnce() -> Option<F>) -> Option<F> {
        self.run(begin).unwrap_or_else(|payload| {
            self.swap(State::Computed(Err(payload)));
            None
        })
    }

    /// What came of the function, once something has.
    fn polled(&self, poll: impl FnOnce() -> Poll<Result<V, E>>) -> Option<State<V, E>> {
        match self.run(poll) {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(result)) => Some(State::Computed(Ok(result))),
            Err(payload) => Some(State::Computed(Err(payload))),
        }
    }

    /// While what the function leaves behind is dropped, which may ask for the same key.
    fn leading(&self) -> Option<Leading> {
        self.flight.get().map(Leading::storing)
    }
}

/// A function as a thread runs it.
pub(super) trait Job<V, E> {
    fn compute(&mut self) -> Result<V, E>;
    fn renew(&self, renewing: Renewing<V>) -> bool;
}

/// A [`Work`], which is done once.
pub(super) struct Once<V, E, A, B, D> {
    pub(super) work: Option<Work<V, E, A, B, D>>,
    pub(super) share: Option<Share<E>>,
}

impl<V, E, A, B: FnOnce(A) -> Result<V, E>, D: Renews> Job<V, E> for Once<V, E, A, B, D> {
    fn compute(&mut self) -> Result<V, E> {
        self.work.take().expect("the function is asked for once").run()
    }

    fn renew(&self, renewing: Renewing<V>) -> bool {
        D::MAY_BE && self.work.as_ref().is_some_and(|work| work.renew(renewing, self.share))
    }
}

/// The path of a call, or of a renewal.
pub(super) trait Path<V, E> {
    type Output;

    fn go(self, caller: Caller<'_>, handover: &Handover<V, E>) -> impl Future<Output = Self::Output>;
}

/// Goes along the path in a thread.
pub(super) fn in_thread<V, E, P: Path<V, E>>(path: P, job: &mut dyn Job<V, E>) -> P::Output {
    let handover = Handover::new();
    let mut path = boxed(|| path.go(Caller::Thread, &handover));
    loop {
        let next = block_on(poll_fn(|context| match path.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => handover.asked().map_or(Poll::Pending, |asked| Poll::Ready(Err(asked))),
        }));
        handover.swap(match next {
            Ok(output) => return output,
            Err(Asked::Compute) => State::Computed(handover.run(|| job.compute())),
            Err(Asked::Renew(renewing)) => State::Started(reentrance::caught(|| job.renew(renewing))),
        });
    }
}

/// In a frame of its own and on the heap, so that functions that call one another nest deeply.
#[inline(never)]
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// Goes along the path in a task.
pub(super) async fn in_task<V, E, A, B, F, D: Renews, P: Path<V, E>>(
    path: P,
    caller: Caller<'_>,
    share: Option<Share<E>>,
    work: Work<V, E, A, B, D>,
) -> P::Output
where
    B: FnOnce(A) -> F,
    F: Future<Output = Result<V, E>>,
{
    let handover = Handover::new();
    let mut path = pin!(path.go(caller, &handover));
    let mut work = Some(work);
    // What a future that is given up drops is part of the computation, and the path, which leads it, ends last.
    let _after = After(&handover.flight);
    let mut future = pin!(None::<F>);
    let _before = Before(&handover.flight);
    poll_fn(|context| {
        loop {
            if let Some(running) = future.as_mut().as_pin_mut() {
                let Some(came) = handover.polled(|| running.poll(context)) else { return Poll::Pending };
                let _leading = handover.leading();
                future.set(None);
                handover.swap(came);
            }
            if let Poll::Ready(output) = path.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            match handover.asked() {
                None => return Poll::Pending,
                Some(Asked::Compute) => future.set(handover.begun(|| work.take().map(Work::run))),
                // Only where there may be one is anything asked for, and compiled.
                Some(Asked::Renew(renewing)) if D::MAY_BE => {
                    let renew = || work.as_ref().is_some_and(|work| work.renew(renewing, share));
                    handover.swap(State::Started(reentrance::caught(renew)));
                }
                Some(Asked::Renew(_)) => drop(handover.swap(State::Started(Ok(false)))),
            }
        }
    })
    .await
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
