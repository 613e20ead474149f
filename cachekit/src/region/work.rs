//! The computation of one call, as generated code and the methods of a region hand it over.

use std::future::Future;
use std::pin::Pin;

use super::call::Call;
use super::handover::{Handover, Once, Path, in_task, in_thread};
use super::read_through::{Computation, Request};
use super::runner::has_current;
use super::settle::Why;
use super::share::Share;
use super::step::Renewing;
use super::through::Claimed;
use crate::companion::Value;
use crate::error::Error;
use crate::remote::Caller;
use crate::tags::TagNames;

/// A computation that owns what it needs.
pub type Owned<V, E> = Box<dyn FnOnce() -> Result<V, E> + Send>;

/// A task that owns what it needs.
pub type OwnedTask<V, E> = Pin<Box<dyn Future<Output = Result<V, E>> + Send>>;

/// Whether there may be a renewal in the background, by the type of the body with arguments of its own: `()` is none, and
/// what there would be for it is not compiled.
pub trait Renews {
    /// Whether there may be one.
    const MAY_BE: bool;
}

impl Renews for () {
    const MAY_BE: bool = false;
}

impl<V, E> Renews for Owned<V, E> {
    const MAY_BE: bool = true;
}

impl<V, E> Renews for OwnedTask<V, E> {
    const MAY_BE: bool = true;
}

/// The arguments of a call and what to do with them.
///
/// `A` are the arguments as a tuple, `B` the body, `D` the body with arguments of its own.
pub struct Work<V, E, A, B, D> {
    args: A,
    body: B,
    tags: Option<fn(&A) -> TagNames>,
    renewal: Option<Renewal<V, E, A, D>>,
    /// Makes one of the function's errors out of one of the backend's.
    pub(super) refusal: Option<fn(Error) -> E>,
}

/// How a call is renewed in the background.
pub(super) struct Renewal<V, E, A, D> {
    own: fn(&A) -> D,
    /// Hands the renewal to the region's runner; false where that has no room.
    start: Start<V, E, D>,
    /// Whether it takes a runtime for tasks.
    is_async: bool,
}

type Start<V, E, D> = fn(Renewing<V>, Option<Share<E>>, D) -> bool;

impl<V, E, A, B> Work<V, E, A, B, ()> {
    /// The body, and the arguments to run it on.
    #[inline]
    pub fn new(args: A, body: B) -> Self {
        Self { args, body, tags: None, renewal: None, refusal: None }
    }
}

impl<V, E, A> Work<V, E, A, fn(A) -> Result<V, E>, ()> {
    /// As [`new`](Work::new), for a body with a name: what runs it is compiled once for all bodies of its type.
    #[inline]
    pub fn named(args: A, body: fn(A) -> Result<V, E>) -> Self {
        Self::new(args, body)
    }
}

impl<V, E, A, B, D: Renews> Work<V, E, A, B, D> {
    /// Names the tags of the value.
    #[must_use]
    #[inline]
    pub fn tags(mut self, tags: fn(&A) -> TagNames) -> Self {
        self.tags = Some(tags);
        self
    }

    /// An error of the backend is returned, where the region says so.
    #[must_use]
    #[inline]
    pub fn refused(mut self, refusal: Option<fn(Error) -> E>) -> Self {
        self.refusal = refusal;
        self
    }

    pub(super) fn run<R>(self) -> R
    where
        B: FnOnce(A) -> R,
    {
        (self.body)(self.args)
    }

    /// What the path of the call has to know of it.
    pub(super) fn request(&self, call: &Call<V>, share: Option<Share<E>>) -> Request<E> {
        let mut names = call.tags.clone();
        if let Some(tags) = self.tags {
            names.append(tags(&self.args));
        }
        Request { share, refusal: self.refusal, in_background: self.is_renewable(call), names }
    }

    /// Whether somebody can renew the value in the background.
    fn is_renewable(&self, call: &Call<V>) -> bool {
        let is_driven = |renewal: &Renewal<V, E, A, D>| !renewal.is_async || call.core.has_runner() || has_current();
        if !D::MAY_BE {
            return false;
        }
        // What is in the background is in no session, and stores nothing in this one.
        call.key.session == 0 && self.renewal.as_ref().is_some_and(is_driven)
    }

    /// Renews the value in the background; false where there is no room for that.
    pub(super) fn renew(&self, renewing: Renewing<V>, share: Option<Share<E>>) -> bool {
        let Some(renewal) = self.renewal.as_ref().filter(|_| D::MAY_BE) else { return false };
        (renewal.start)(renewing, share, (renewal.own)(&self.args))
    }
}

impl<V: Value, E: Send + 'static, A, B> Work<V, E, A, B, ()> {
    /// Renewals run in the background, on arguments that `own` makes.
    #[must_use]
    #[inline]
    pub fn renewed(self, own: fn(&A) -> Owned<V, E>) -> Work<V, E, A, B, Owned<V, E>> {
        self.with(Renewal { own, start, is_async: false })
    }

    /// As [`renewed`](Self::renewed), for tasks.
    #[must_use]
    #[inline]
    pub fn renewed_async(self, own: fn(&A) -> OwnedTask<V, E>) -> Work<V, E, A, B, OwnedTask<V, E>> {
        self.with(Renewal { own, start: start_async, is_async: true })
    }

    fn with<D>(self, renewal: Renewal<V, E, A, D>) -> Work<V, E, A, B, D> {
        let Self { args, body, tags, refusal, .. } = self;
        Work { args, body, tags, renewal: Some(renewal), refusal }
    }
}

fn start<V: Value, E: Send + 'static>(renewing: Renewing<V>, share: Option<Share<E>>, compute: Owned<V, E>) -> bool {
    let runner = renewing.call.core.runner();
    runner.run(Box::new(move || {
        let work: Work<V, E, _, _, ()> = Work::new((), |()| compute());
        in_thread(Turn { renewing, share }, &mut Once { work: Some(work), share });
    }))
}

fn start_async<V: Value, E: Send + 'static>(
    renewing: Renewing<V>,
    share: Option<Share<E>>,
    task: OwnedTask<V, E>,
) -> bool {
    let runner = renewing.call.core.runner();
    let work: Work<V, E, _, _, ()> = Work::new((), |()| task);
    runner.spawn(Box::pin(in_task(Turn { renewing, share }, Caller::Task, share, work)))
}

/// The path of a renewal, when its turn has come.
struct Turn<V, E> {
    renewing: Renewing<V>,
    share: Option<Share<E>>,
}

impl<V: Value, E> Path<V, E> for Turn<V, E> {
    type Output = ();

    async fn go(self, caller: Caller<'_>, handover: &Handover<V, E>) {
        let Self { renewing: Renewing { call, mut lead, backing }, share } = self;
        if !call.begins(&mut lead) {
            return;
        }
        let (why, names) = (Why::Background, &call.tags);
        let (lead, backing) = match backing {
            None => (lead, None),
            Some(backing) => match Box::pin(call.claim(caller, lead, why, backing, names)).await {
                Claimed::Compute(lead, backing) => (lead, Some(backing)),
                // Somebody else renews it, or has done so.
                Claimed::Serve(_) | Claimed::Alone | Claimed::Again => return,
            },
        };
        // What goes wrong is counted and told there; nobody waits for the result.
        drop(call.compute(caller, Computation { lead, why, backing }, share, names, handover).await);
    }
}

impl<V, E, A, B, D> std::fmt::Debug for Work<V, E, A, B, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}
