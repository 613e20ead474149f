//! The computation of one call, as generated code and the methods of a region hand it over.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use super::call::Call;
use super::due::Due;
use super::handover::{Handover, Job, Route, in_task, in_thread};
use super::read_through::{Computation, Request};
use super::runner::has_current;
use super::settle::{Failed, Failure, Why};
use super::share::Share;
use super::step::Renewing;
use super::through::Claimed;
use crate::companion::Value;
use crate::error::Error;
use crate::fetched::Served;
use crate::remote::Caller;
use crate::tags::TagNames;
use crate::values::Shared;

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
    renewal: Option<Renewal<E, A, D>>,
    /// Makes one of the function's errors out of one of the backend's.
    refusal: Option<fn(Error) -> E>,
    values: PhantomData<fn() -> V>,
}

/// How a call is renewed in the background.
pub(super) struct Renewal<E, A, D> {
    own: fn(&A) -> D,
    /// Hands the renewal to the region's runner; false where that has no room.
    start: Start<E, D>,
    /// Whether it takes a runtime for tasks.
    is_async: bool,
}

type Start<E, D> = fn(Box<Renewing>, Option<Share<E>>, D) -> bool;

impl<V, E, A, B> Work<V, E, A, B, ()> {
    /// The body, and the arguments to run it on.
    #[inline]
    pub fn new(args: A, body: B) -> Self {
        Self { args, body, tags: None, renewal: None, refusal: None, values: PhantomData }
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

    /// What the path of the call has to know of it.
    fn request(&self, call: &Call, share: Option<Share<E>>) -> Request {
        Request {
            is_own: share.map(Share::is_own),
            tells: self.refusal.is_some(),
            in_background: self.is_renewable(call),
            together: None,
            is_tagged: self.tags.is_some(),
        }
    }

    /// Whether somebody can renew the value in the background.
    fn is_renewable(&self, call: &Call) -> bool {
        D::MAY_BE && self.renewal.as_ref().is_some_and(|renewal| call.is_renewable(renewal.is_async))
    }
}

/// A call's work on its way, which is done once.
pub(super) struct Once<V, E, A, B, D> {
    work: Option<Work<V, E, A, B, D>>,
    share: Option<Share<E>>,
    refusal: Option<fn(Error) -> E>,
    /// What the function has failed with.
    error: Option<E>,
}

impl<V: Value, E, A, B, D: Renews> Once<V, E, A, B, D> {
    pub(super) fn new(share: Option<Share<E>>, work: Work<V, E, A, B, D>) -> Self {
        Self { refusal: work.refusal, work: Some(work), share, error: None }
    }

    /// The names of the value's tags, beside those that the call has already.
    pub(super) fn names(&self) -> TagNames {
        let tags = self.work.as_ref().and_then(|work| Some(work.tags?(&work.args)));
        tags.unwrap_or_default()
    }

    /// Runs the function, or makes the future that does.
    pub(super) fn begin<R>(&mut self) -> Option<R>
    where
        B: FnOnce(A) -> R,
    {
        self.work.take().map(|work| (work.body)(work.args))
    }

    /// What the function came to, as others may know it.
    pub(super) fn came(&mut self, result: Result<V, E>) -> Result<Shared, Failure> {
        result.map(|value| Arc::new(value) as Shared).map_err(|error| {
            let failure = Failure {
                shared: self.share.and_then(|share| share.erase(&error)),
                is_absence: self.share.is_some_and(|share| share.is_absence(&error)),
            };
            self.error = Some(error);
            failure
        })
    }

    /// What the caller is told.
    pub(super) fn ended(self, ended: Result<Served, Failed>) -> Result<Served<V>, E> {
        ended.map(Served::typed).map_err(|failed| {
            let error = match failed {
                Failed::Own => self.error,
                Failed::Shared(error) => self.share.and_then(|share| share.restore(&error)),
                Failed::Refused(error) => self.refusal.map(|refusal| refusal(error)),
            };
            error.expect("whoever is told of an error can have it")
        })
    }

    /// What the function has failed with, if it has.
    pub(super) fn error(self) -> Option<E> {
        self.error
    }

    /// Renews the value in the background; false where there is no room for that.
    pub(super) fn renewed(&self, renewing: Box<Renewing>) -> bool {
        let Some((work, renewal)) = self.work.as_ref().and_then(|work| Some((work, work.renewal.as_ref()?))) else {
            return false;
        };
        (renewal.start)(renewing, self.share, (renewal.own)(&work.args))
    }
}

impl<V: Value, E, A, B: FnOnce(A) -> Result<V, E>, D: Renews> Job for Once<V, E, A, B, D> {
    fn names(&self) -> TagNames {
        self.names()
    }

    fn compute(&mut self) -> Result<Shared, Failure> {
        let result = self.begin().expect("the function is asked for once");
        self.came(result)
    }

    fn renew(&self, renewing: Box<Renewing>) -> bool {
        D::MAY_BE && self.renewed(renewing)
    }
}

impl Call {
    /// Whether renewals can run in the background, of an `async fn` or of another function.
    pub(super) fn is_renewable(&self, is_async: bool) -> bool {
        // What is in the background is in no session, and stores nothing in this one.
        self.key.session == 0 && (!is_async || self.core.has_runner() || has_current())
    }

    /// Serves the entry or computes it, in a thread.
    pub(crate) fn run<V: Value, E, A, B, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> Result<Served<V>, E>
    where
        B: FnOnce(A) -> Result<V, E>,
    {
        let request = work.request(&self, share);
        let mut once = Once::new(share, work);
        let ended = self.in_thread(request, &mut once);
        once.ended(ended)
    }

    /// As [`run`](Self::run), in a task.
    pub(crate) fn run_async<V: Value, E, A, B, F, D: Renews>(
        self,
        caller: Caller<'_>,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> impl Future<Output = Result<Served<V>, E>>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let request = work.request(&self, share);
        in_task(Route::Call(Box::new(self), request, None), caller, Once::new(share, work), Once::ended)
    }

    /// As [`run_async`](Self::run_async), where the keys of a call that are due are renewed together.
    pub(super) fn run_together<V: Value, E, A, B, F>(
        self,
        caller: Caller<'_>,
        together: Option<(Arc<Due>, usize)>,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, ()>,
    ) -> impl Future<Output = Result<Served<V>, E>>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let request = Request { in_background: together.is_some(), together, ..work.request(&self, share) };
        in_task(Route::Call(Box::new(self), request, None), caller, Once::new(share, work), Once::ended)
    }

    /// As [`run_async`](Self::run_async), for the value alone.
    pub(crate) fn value_async<V: Value, E, A, B, F, D: Renews>(
        self,
        share: Option<Share<E>>,
        work: Work<V, E, A, B, D>,
    ) -> impl Future<Output = Result<V, E>>
    where
        B: FnOnce(A) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let request = work.request(&self, share);
        let end = |once: Once<V, E, A, B, D>, ended| once.ended(ended).map(|served| served.value);
        in_task(Route::Call(Box::new(self), request, None), Caller::Task, Once::new(share, work), end)
    }
}

// The bounds of the error stand at the methods, so that one without them is told so, and not that there is no method.
impl<V: Value, E, A, B> Work<V, E, A, B, ()> {
    /// Renewals run in the background, on arguments that `own` makes.
    #[must_use]
    #[inline]
    pub fn renewed(self, own: fn(&A) -> Owned<V, E>) -> Work<V, E, A, B, Owned<V, E>>
    where
        E: Send + 'static,
    {
        self.with(Renewal { own, start, is_async: false })
    }

    /// As [`renewed`](Self::renewed), for tasks.
    #[must_use]
    #[inline]
    pub fn renewed_async(self, own: fn(&A) -> OwnedTask<V, E>) -> Work<V, E, A, B, OwnedTask<V, E>>
    where
        E: Send + 'static,
    {
        self.with(Renewal { own, start: start_async, is_async: true })
    }

    fn with<D>(self, renewal: Renewal<E, A, D>) -> Work<V, E, A, B, D> {
        let Self { args, body, tags, refusal, .. } = self;
        Work { args, body, tags, renewal: Some(renewal), refusal, values: PhantomData }
    }
}

fn start<V: Value, E: Send + 'static>(renewing: Box<Renewing>, share: Option<Share<E>>, compute: Owned<V, E>) -> bool {
    let runner = renewing.call.core.runner();
    runner.run(Box::new(move || {
        let work: Work<V, E, _, _, ()> = Work::new((), |()| compute());
        // What goes wrong is counted and told there; nobody waits for the result.
        drop(in_thread(Route::Renewal(renewing), &mut Once::new(share, work)));
    }))
}

fn start_async<V: Value, E: Send + 'static>(
    renewing: Box<Renewing>,
    share: Option<Share<E>>,
    task: OwnedTask<V, E>,
) -> bool {
    let runner = renewing.call.core.runner();
    let work: Work<V, E, _, _, ()> = Work::new((), |()| task);
    runner.spawn(Box::pin(in_task(Route::Renewal(renewing), Caller::Task, Once::new(share, work), |_, _| ())))
}

impl Renewing {
    /// The path of a renewal, when its turn has come.
    pub(super) async fn path(self: Box<Self>, caller: Caller<'_>, handover: &Handover) -> Result<Served, Failed> {
        let Self { call, mut lead, backing } = *self;
        if !call.begins(&mut lead) {
            return Err(Failed::Own);
        }
        let (why, names) = (Why::Background, call.tags.clone());
        let (lead, backing) = match backing {
            None => (lead, None),
            Some(backing) => match Box::pin(call.claim(caller, lead, why, backing, &names)).await {
                Claimed::Compute(lead, backing) => (lead, Some(backing)),
                // Somebody else renews it, or has done so.
                Claimed::Serve(_) | Claimed::Alone | Claimed::Again => return Err(Failed::Own),
            },
        };
        let settled = call.compute(caller, Computation { lead, why, backing }, Some(names), handover).await;
        settled.unwrap_or(Err(Failed::Own))
    }
}

impl<V, E, A, B, D> std::fmt::Debug for Work<V, E, A, B, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}
