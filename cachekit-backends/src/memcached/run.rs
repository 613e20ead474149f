//! Has steps taken at one server, and steps at several at the same time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::fault::{Fault, FaultKind};
use super::line::Line;
use super::link;
use super::patience::Patience;
use super::protocol::{Pipeline, Response, Status};
use super::server::Server;
use super::step::{At, Step};

/// Takes steps at a server, in as many round trips as that one of them takes that takes most; what came of each.
pub(super) async fn run<S: Step>(
    server: &Arc<Server>,
    steps: Vec<S>,
    patience: Patience,
) -> Vec<Result<S::Done, Fault>> {
    let mut walk = Walk::new(steps);
    let walked = {
        let mut walking = pin!(walk.all(server, patience));
        if patience.may_block { walking.await } else { link::in_time(walking.as_mut(), patience).await }
    };
    walk.over(walked)
}

/// Steps on their way.
struct Walk<S: Step> {
    steps: Vec<S>,
    done: Vec<Option<Result<S::Done, Fault>>>,
}

impl<S: Step> Walk<S> {
    fn new(steps: Vec<S>) -> Self {
        let done = steps.iter().map(|_| None).collect();
        Self { steps, done }
    }

    async fn all(&mut self, server: &Arc<Server>, patience: Patience) -> Result<(), Fault> {
        let (mut line, mut kept) = Line::open(server, patience).await?;
        let (mut again, mut rounds) = (false, 0_u32);
        while self.done.iter().any(Option::is_none) {
            if rounds > 0 && patience.rest().is_zero() {
                return Err(patience.late());
            }
            rounds += 1;
            let welcome = line.welcome();
            let at = At { server, welcome: &welcome, again };
            let (pipeline, counts) = self.ask(at);
            match line.exchange(server, &pipeline, patience).await {
                Ok(answers) => self.hear(at, answers, &counts),
                // The server may have left the connection long ago.
                Err(fault) if fault.kind == FaultKind::Broken && kept => {
                    line.lose(server);
                    (line, kept) = (Line::open_anew(server, patience).await?, false);
                    again = true;
                    continue;
                }
                Err(fault) => {
                    line.lose(server);
                    return Err(fault);
                }
            }
            if self.spoils_the_line() {
                line.lose(server);
                return Ok(());
            }
        }
        line.put(server);
        Ok(())
    }

    /// The commands of a round, and how many of them are each step's.
    fn ask(&mut self, at: At<'_>) -> (Pipeline, Vec<usize>) {
        let mut pipeline = Pipeline::new();
        let mut counts = Vec::with_capacity(self.steps.len());
        for (step, done) in self.steps.iter_mut().zip(&mut self.done) {
            let before = pipeline.len();
            if done.is_none()
                && let Err(fault) = step.ask(at, &mut pipeline)
            {
                *done = Some(Err(fault));
            }
            counts.push(pipeline.len() - before);
        }
        (pipeline, counts)
    }

    fn hear(&mut self, at: At<'_>, answers: Vec<Response>, counts: &[usize]) {
        let mut answers = answers.into_iter();
        for ((step, done), count) in self.steps.iter_mut().zip(&mut self.done).zip(counts) {
            if done.is_some() {
                continue;
            }
            let own: Vec<Response> = answers.by_ref().take(*count).collect();
            let error = own.iter().find_map(|answer| match &answer.status {
                Status::Error(error) => Some(Fault::said(error)),
                _ => None,
            });
            *done = match error {
                Some(fault) => Some(Err(fault)),
                None => step.hear(at, own).transpose(),
            };
        }
    }

    /// Whether what the server said leaves it open what it says next.
    fn spoils_the_line(&self) -> bool {
        self.done.iter().flatten().any(|done| matches!(done, Err(fault) if !fault.spares_the_connection()))
    }

    /// What came of each step; of those that were not taken, why.
    fn over(self, walked: Result<(), Fault>) -> Vec<Result<S::Done, Fault>> {
        let fault = walked.err().unwrap_or_else(Fault::ended);
        self.done.into_iter().map(|done| done.unwrap_or_else(|| Err(fault.clone()))).collect()
    }
}

/// Waits for all of some futures.
pub(super) async fn join<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut ready: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, ready) in waiting.iter_mut().zip(&mut ready) {
            if ready.is_none()
                && let Poll::Ready(output) = future.as_mut().poll(context)
            {
                *ready = Some(output);
            }
        }
        if ready.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    ready.into_iter().flatten().collect()
}

/// Runs a future that only ever waits by blocking the thread, or for its [`turn`].
pub(super) fn by_blocking<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// Lets the other futures of a [`join`] go on: all requests are sent before an answer is waited for.
pub(super) async fn turn() {
    let mut has_been = false;
    poll_fn(|_| if std::mem::replace(&mut has_been, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}
