//! Wakes the tasks of one runtime as one.
//!
//! To wake a task of another thread costs a system call, and answers come in bursts. Of those that come at once the
//! driver wakes one task per runtime, which wakes the others where that is cheap, as soon as it is polled or dropped. A
//! task that is neither, busy with something else, has them woken by the driver a moment later.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};
use tokio::sync::Notify;

/// How long tasks wait for the one that was woken first.
const PATIENCE: Duration = Duration::from_millis(1);

thread_local! {
    /// Whether this is the thread on which bursts come.
    static DRIVES: Cell<bool> = const { Cell::new(false) };
}

#[derive(Default)]
pub(crate) struct Wakes {
    /// Who is to be woken, with their runtimes.
    burst: Mutex<Vec<(Id, Arc<Bell>)>>,
    began: Notify,
}

/// What wakes one future.
struct Bell {
    wakes: Arc<Wakes>,
    home: Option<Id>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waker: Option<Waker>,
    /// Who is to be woken by this one.
    others: Option<Arc<Others>>,
    over: bool,
}

#[derive(Default)]
struct Others(Mutex<Vec<Waker>>);

impl Wakes {
    /// A future whose task is woken with others.
    pub(crate) async fn with_others<F: Future + Unpin>(self: &Arc<Self>, mut future: F) -> F::Output {
        let home = Handle::try_current().ok().map(|runtime| runtime.id());
        let bell = Arc::new(Bell { wakes: Arc::clone(self), home, state: Mutex::default() });
        let waker = Waker::from(Arc::clone(&bell));
        let _over = Over(&bell);
        poll_fn(|context| {
            bell.attend(context.waker());
            Pin::new(&mut future).poll(&mut Context::from_waker(&waker))
        })
        .await
    }

    /// Wakes whom bursts concern, for ever; on the thread on which they come.
    pub(super) async fn deliver(&self) {
        DRIVES.set(true);
        let mut handed: VecDeque<(Instant, Arc<Others>)> = VecDeque::new();
        loop {
            let began = self.began.notified();
            match handed.front() {
                Some((due, _)) => drop(tokio::time::timeout_at((*due).into(), began).await),
                None => began.await,
            }
            let now = Instant::now();
            while handed.front().is_some_and(|(due, others)| *due <= now || others.lock().is_empty()) {
                handed.pop_front().into_iter().for_each(|(_, others)| others.wake());
            }
            let mut burst = mem::take(&mut *lock(&self.burst));
            while let Some(&(home, _)) = burst.first() {
                let (here, elsewhere) = burst.into_iter().partition::<Vec<_>, _>(|(its, _)| *its == home);
                let others = hand(here.into_iter().map(|(_, bell)| bell));
                handed.extend(others.map(|others| (now + PATIENCE, others)));
                burst = elsewhere;
            }
        }
    }
}

/// Wakes one task, which wakes the others.
fn hand(bells: impl Iterator<Item = Arc<Bell>>) -> Option<Arc<Others>> {
    let mut woken = bells.filter_map(|bell| {
        let waker = lock(&bell.state).waker.take();
        waker.map(|waker| (bell, waker))
    });
    let (first, waker) = woken.next()?;
    let others = Arc::new(Others(Mutex::new(woken.map(|(_, waker)| waker).collect())));
    let is_over = {
        let mut state = lock(&first.state);
        state.others = Some(Arc::clone(&others));
        state.over
    };
    waker.wake();
    if is_over {
        others.wake();
    }
    Some(others)
}

impl Bell {
    /// Takes note of who waits, and wakes those who depend on it.
    fn attend(&self, waker: &Waker) {
        let mut state = lock(&self.state);
        let others = state.others.take();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        drop(state);
        if let Some(others) = others {
            others.wake();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        match self.home {
            Some(home) if DRIVES.get() => {
                let wakes = Arc::clone(&self.wakes);
                let mut burst = lock(&wakes.burst);
                burst.push((home, self));
                if burst.len() == 1 {
                    wakes.began.notify_one();
                }
            }
            _ => {
                let waker = lock(&self.state).waker.take();
                waker.into_iter().for_each(Waker::wake);
            }
        }
    }
}

impl Others {
    fn wake(&self) {
        let wakers = mem::take(&mut *self.lock());
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        lock(&self.0)
    }
}

/// The end of a future, whichever way.
struct Over<'a>(&'a Bell);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.over = true;
        let (waker, others) = (state.waker.take(), state.others.take());
        drop(state);
        drop(waker);
        if let Some(others) = others {
            others.wake();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
