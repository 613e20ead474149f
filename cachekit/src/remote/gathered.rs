//! What many calls ask of one backend at the same time, as one request of each kind.
//!
//! Each call asks as if it were alone; whoever drives them has sent what they have asked for when none of them can go on
//! without. So the round trips do not grow with the number of calls.
//! What it deliberately does not do: wait for more to be asked.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use event_listener::Event;
use futures_channel::oneshot::{Sender, channel};

use super::lease::back_off;
use super::{Caller, Kind, Remote};
use crate::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Put, Token};
use crate::error::Error;

/// What calls have asked for since something was sent, and how they wait for other processes.
#[derive(Debug)]
pub(crate) struct Gathered {
    remote: Option<Arc<Remote>>,
    gatherer: Arc<Gatherer>,
    /// A share of the pauses that is theirs alone, and when the next one ends.
    random: f64,
    next: Mutex<Duration>,
    /// Told when the thread that drives the calls leaves them alone.
    left: Event,
    /// Told when one of them has paused for long enough.
    ended: Event,
}

/// The backend as the calls see it.
#[derive(Debug, Default)]
struct Gatherer(Mutex<Asked>);

/// Questions of one kind, and whom to tell the answers.
type Each<Q, T> = Vec<(Q, Sender<Result<T, Error>>)>;

#[derive(Debug, Default)]
struct Asked {
    gets: Each<Vec<String>, Vec<Option<Content>>>,
    sets: Each<Owned, ()>,
    adds: Each<Owned, Content>,
    deletes: Each<Vec<String>, ()>,
    acquires: Each<(String, Lease, Option<Vec<u8>>), Acquired>,
    renewals: Each<(String, Lease), bool>,
    commits: Each<(Owned, Token), bool>,
    ends: Each<(String, Token), ()>,
    /// Whether there is any.
    any: bool,
}

/// A [`Put`] that is sent later.
#[derive(Clone, Debug)]
struct Owned {
    key: String,
    content: Content,
    keep: Option<Duration>,
}

impl Owned {
    fn of(put: Put<'_>) -> Self {
        Self { key: put.key.to_owned(), content: put.content.clone(), keep: put.keep }
    }

    fn put(&self) -> Put<'_> {
        Put { key: &self.key, content: &self.content, keep: self.keep }
    }
}

impl Gathered {
    pub(crate) fn of(remote: Option<Arc<Remote>>) -> Self {
        let (next, random) = (Mutex::default(), fastrand::f64());
        Self { remote, gatherer: Arc::default(), random, next, left: Event::new(), ended: Event::new() }
    }

    /// The backend as the calls see it; nothing where it is another one, which they ask by themselves.
    pub(super) fn backend(&self, remote: &Arc<Remote>) -> Option<Arc<dyn Backend>> {
        let is_same = self.remote.as_ref().is_some_and(|own| Arc::ptr_eq(own, remote));
        is_same.then(|| Arc::clone(&self.gatherer) as _)
    }

    /// Whether there is something to send.
    pub(crate) fn any(&self) -> bool {
        self.gatherer.asked().any
    }

    /// The pause before the leases are asked for again.
    pub(super) fn back_off(&self, attempt: u32) -> Duration {
        back_off(attempt, self.random)
    }

    /// When the pause of one of the calls ends that would end at this time: with the next one that ends before.
    pub(super) fn together(&self, now: Duration, until: Duration) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if *next <= now || *next > until {
            *next = until;
        }
        *next
    }

    /// Tells those who pause that nobody drives them for a while; whether there are any.
    pub(crate) fn leave(&self) -> bool {
        self.left.notify(usize::MAX) > 0
    }

    /// Whether nobody drives the calls before the pause ends; where one has ended, so have the others.
    pub(super) async fn is_left_during(&self, mut pause: Pin<&mut impl Future<Output = ()>>) -> bool {
        let (mut left, mut ended) = (self.left.listen(), self.ended.listen());
        poll_fn(|context| {
            loop {
                if pause.as_mut().poll(context).is_ready() {
                    self.ended.notify(usize::MAX);
                    return Poll::Ready(false);
                }
                if Pin::new(&mut left).poll(context).is_ready() {
                    return Poll::Ready(true);
                }
                ready!(Pin::new(&mut ended).poll(context));
                ended = self.ended.listen();
            }
        })
        .await
    }

    /// Sends what has been asked for by now, each kind as one request.
    pub(crate) async fn send(&self, caller: Caller<'_>) {
        let asked = mem::take(&mut *self.gatherer.asked());
        let Some(remote) = &self.remote else { return };
        gets(asked.gets, remote, caller).await;
        each(asked.adds, remote, |adds| {
            remote.ask_for(adds.len(), Kind::Write, caller, move |backend, context| async move {
                backend.add_many(&adds.iter().map(Owned::put).collect::<Vec<_>>(), context).await
            })
        })
        .await;
        each(asked.acquires, remote, |leases| {
            remote.ask_for(leases.len(), Kind::Write, caller, move |backend, context| async move {
                let leases: Vec<_> = leases
                    .iter()
                    .map(|(key, lease, seen)| (&**key, *lease, seen.as_deref().map_or(Claim::Always, Claim::Unseen)))
                    .collect();
                backend.acquire_many(&leases, context).await
            })
        })
        .await;
        each(asked.renewals, remote, |leases| {
            remote.ask_for(leases.len(), Kind::Write, caller, move |backend, context| async move {
                let mut stand = Vec::with_capacity(leases.len());
                for (key, lease) in &*leases {
                    stand.push(backend.renew(key, *lease, context).await?);
                }
                Ok(stand)
            })
        })
        .await;
        each(asked.sets, remote, |sets| {
            remote.ask_for(sets.len(), Kind::Write, caller, move |backend, context| async move {
                backend.set_many(&sets.iter().map(Owned::put).collect::<Vec<_>>(), context).await?;
                Ok(vec![(); sets.len()])
            })
        })
        .await;
        each(asked.commits, remote, |commits| {
            remote.ask_for(commits.len(), Kind::Write, caller, move |backend, context| async move {
                let commits: Vec<_> = commits.iter().map(|(put, token)| (put.put(), *token)).collect();
                backend.commit_many(&commits, context).await
            })
        })
        .await;
        each(asked.deletes, remote, |deletes| {
            remote.ask_for(deletes.len(), Kind::Removal, caller, move |backend, context| async move {
                let keys: Vec<&str> = deletes.iter().flatten().map(String::as_str).collect();
                backend.delete_many(&keys, context).await?;
                Ok(vec![(); deletes.len()])
            })
        })
        .await;
        each(asked.ends, remote, |ends| {
            remote.ask_for(ends.len(), Kind::Removal, caller, move |backend, context| async move {
                let ended: Vec<_> = ends.iter().map(|(key, token)| (&**key, *token)).collect();
                backend.abandon_many(&ended, context).await?;
                Ok(vec![(); ended.len()])
            })
        })
        .await;
    }
}

/// Asks for all, and tells each its own.
///
/// Where some concern a part of the backend that cannot be reached, one is asked for after the other, for as long as a
/// request may take.
async fn each<Q, T, F>(each: Each<Q, T>, remote: &Remote, ask: impl Fn(Arc<[Q]>) -> F)
where
    Q: Clone,
    F: Future<Output = Result<Vec<T>, Error>>,
{
    if each.is_empty() {
        return;
    }
    let (questions, callers): (Vec<_>, Vec<_>) = each.into_iter().unzip();
    let questions: Arc<[Q]> = questions.into();
    match ask(Arc::clone(&questions)).await {
        Ok(answers) if answers.len() == callers.len() => {
            // Who has gone needs no answer.
            callers.into_iter().zip(answers).for_each(|(caller, answer)| drop(caller.send(Ok(answer))));
        }
        Ok(_) => told(callers, &Error::backend("it answered for other keys")),
        Err(error) if error.is_partial() && callers.len() > 1 => {
            let until = remote.clock.now().saturating_add(remote.settings.write_timeout);
            for (caller, question) in callers.into_iter().zip(&*questions) {
                let mut answer = Err(error.clone());
                if remote.clock.now() < until {
                    let one = ask(Arc::from([question.clone()])).await;
                    answer = one.and_then(|mut one| one.pop().ok_or_else(|| error.clone()));
                }
                drop(caller.send(answer));
            }
        }
        Err(error) => told(callers, &error),
    }
}

fn told<T>(callers: Vec<Sender<Result<T, Error>>>, error: &Error) {
    for caller in callers {
        drop(caller.send(Err(error.clone())));
    }
}

/// Reads each key once: the epoch of the region is everyone's.
async fn gets(gets: Each<Vec<String>, Vec<Option<Content>>>, remote: &Arc<Remote>, caller: Caller<'_>) {
    each(gets, remote, |wanted| {
        let mut places = HashMap::new();
        let mut keys = Vec::new();
        let mut place = |key: String| {
            *places.entry(key).or_insert_with_key(|key| {
                keys.push(key.clone());
                keys.len() - 1
            })
        };
        let wanted: Vec<Vec<usize>> =
            wanted.iter().map(|wanted| wanted.iter().cloned().map(&mut place).collect()).collect();
        remote.ask_for(keys.len(), Kind::Read, caller, move |backend, context| async move {
            let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
            let found = backend.get_many(&asked, context).await?;
            if found.len() != asked.len() {
                return Err(Error::backend("it answered for other keys"));
            }
            let found = &found;
            Ok(wanted.into_iter().map(|places| places.into_iter().map(|at| found[at].clone()).collect()).collect())
        })
    })
    .await;
}

impl Gatherer {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn later<T: Send + 'static>(&self, ask: impl FnOnce(&mut Asked, Sender<Result<T, Error>>)) -> Answer<'_, T> {
        let (tell, told) = channel();
        let mut asked = self.asked();
        asked.any = true;
        ask(&mut asked, tell);
        drop(asked);
        Answer::later(async { told.await.unwrap_or_else(|_| Err(Error::backend("nobody has sent what was asked"))) })
    }
}

/// What is not here is made of what is.
impl Backend for Gatherer {
    fn has_leases(&self) -> bool {
        true
    }

    fn get<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, Option<Content>> {
        Answer::later(async move { Ok(self.get_many(&[key], context).await?.pop().flatten()) })
    }

    fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
        self.later(|asked, tell| asked.sets.push((Owned::of(put), tell)))
    }

    fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
        self.later(|asked, tell| asked.deletes.push((vec![key.to_owned()], tell)))
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str], _: Context) -> Answer<'a, Vec<Option<Content>>> {
        self.later(|asked, tell| asked.gets.push((keys.iter().map(|key| (*key).to_owned()).collect(), tell)))
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str], _: Context) -> Answer<'a, ()> {
        self.later(|asked, tell| asked.deletes.push((keys.iter().map(|key| (*key).to_owned()).collect(), tell)))
    }

    fn add<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, Content> {
        self.later(|asked, tell| asked.adds.push((Owned::of(put), tell)))
    }

    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, _: Context) -> Answer<'a, Acquired> {
        let seen = match claim {
            Claim::Always => None,
            Claim::Unseen(seen) => Some(seen.to_vec()),
        };
        self.later(|asked, tell| asked.acquires.push(((key.to_owned(), lease, seen), tell)))
    }

    fn commit<'a>(&'a self, put: Put<'a>, token: Token, _: Context) -> Answer<'a, bool> {
        self.later(|asked, tell| asked.commits.push(((Owned::of(put), token), tell)))
    }

    fn renew<'a>(&'a self, key: &'a str, lease: Lease, _: Context) -> Answer<'a, bool> {
        self.later(|asked, tell| asked.renewals.push(((key.to_owned(), lease), tell)))
    }

    fn abandon<'a>(&'a self, key: &'a str, token: Token, _: Context) -> Answer<'a, ()> {
        self.later(|asked, tell| asked.ends.push(((key.to_owned(), token), tell)))
    }
}
