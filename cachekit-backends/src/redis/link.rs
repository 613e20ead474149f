//! The connection of tasks: all share one, on which requests and answers follow one another.
//!
//! It is replaced when it is lost, and when it has answered nobody for as long as somebody was willing to wait.

use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{self, Either};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};
use tokio::sync::Notify;

use super::attempt::{Attempt, Next};
use super::driver::{driver, timer};
use super::fault::Fault;
use super::reads::Reads;
use super::request::{Pack, Packed};
use super::server::Server;

/// How long a connection may take to come up, whoever waits for it, and at most.
const CONNECT: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Link {
    state: Mutex<State>,
    /// The state is another.
    changed: Notify,
}

#[derive(Default)]
enum State {
    #[default]
    Down,
    Connecting,
    Up(Wire),
}

/// A connection that is up.
#[derive(Clone)]
struct Wire {
    connection: MultiplexedConnection,
    reads: Reads,
    /// How often it has answered.
    answers: Arc<AtomicU64>,
    /// Which server it leads to.
    number: u64,
}

/// Has a request carried out.
pub(super) async fn ask(server: &Arc<Server>, request: &impl Pack, limit: Duration) -> Result<Value, Fault> {
    // Pinned here, since a future that is handed on is moved.
    let asked = pin!(async {
        let mut attempt = Attempt::default();
        loop {
            let (mut wire, kept) = wire(server, limit).await?;
            loop {
                let answer = wire.exchange(&server.link, &request.pack(attempt.form()), limit).await;
                match attempt.next(server.still(wire.number, answer), kept) {
                    Next::SpeltOut => {}
                    Next::Anew => {
                        server.link.leave(&wire.answers);
                        break;
                    }
                    Next::Over(answer) => return Ok(answer),
                    Next::Lost(fault) => {
                        server.link.leave(&wire.answers);
                        server.source.doubt();
                        return Err(fault);
                    }
                }
            }
        }
    });
    driver()?.wakes.with_others(asked).await
}

/// As [`ask`], and gives up by itself.
pub(super) async fn ask_within(limit: Duration, server: &Arc<Server>, request: &impl Pack) -> Result<Value, Fault> {
    // What is given up after its limit is known to be late.
    let over = pin!(timer(limit + limit / 8)?);
    match future::select(pin!(ask(server, request, limit)), over).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(Fault::late(limit)),
    }
}

/// A connection, and whether it was there before.
async fn wire(server: &Arc<Server>, limit: Duration) -> Result<(Wire, bool), Fault> {
    let mut kept = true;
    loop {
        let changed = server.link.changed.notified();
        {
            let mut state = server.link.lock();
            let number = server.source.number();
            match &*state {
                State::Up(wire) if wire.number == number => return Ok((wire.clone(), kept)),
                State::Connecting => {
                    // Of a server that failed before, nobody waits for whoever tries again.
                    if let Some(fault) = server.gate.is_shut(number) {
                        return Err(fault);
                    }
                }
                State::Up(_) | State::Down => {
                    // What is spawned takes the gate's word for itself.
                    drop(server.gate.enter(number, Instant::now())?);
                    driver()?.runtime.spawn(connect(Arc::clone(server), limit.clamp(CONNECT, LONGEST)));
                    *state = State::Connecting;
                }
            }
            kept = false;
        }
        changed.await;
    }
}

/// Brings a connection up, for all who wait for one.
async fn connect(server: Arc<Server>, limit: Duration) {
    let ending = Ending(&server.link);
    let Ok(pass) = server.gate.enter(server.source.number(), Instant::now()) else { return };
    let opened = tokio::time::timeout(limit, server.source.open_shared(limit)).await;
    let opened = opened.unwrap_or_else(|_| Err(Fault::late(limit)));
    if let Ok((connection, number)) = pass.tell(opened, Instant::now()) {
        let reads = Reads::on(connection.clone());
        *ending.0.lock() = State::Up(Wire { connection, reads, answers: Arc::default(), number });
    }
}

/// Whatever becomes of a connection that is coming up, those who wait learn of it.
struct Ending<'a>(&'a Link);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Connecting) {
            *state = State::Down;
        }
        drop(state);
        self.0.changed.notify_waiters();
    }
}

impl Link {
    /// Has the next request ask for another connection than the one that has these answers.
    fn leave(&self, answers: &Arc<AtomicU64>) {
        let mut state = self.lock();
        if matches!(&*state, State::Up(wire) if Arc::ptr_eq(&wire.answers, answers)) {
            let left = mem::take(&mut *state);
            drop(state);
            drop(left);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    async fn exchange(&mut self, link: &Link, packed: &Packed<'_>, limit: Duration) -> RedisResult<Value> {
        let Self { connection, reads, answers, .. } = self;
        let before = answers.load(Ordering::Relaxed);
        let mut sent = Sent { link, answers, before, since: Instant::now(), limit, answered: false };
        let answer = match packed {
            Packed::Read(command) => reads.ask(command).await,
            Packed::One(command) => connection.send_packed_command(command).await,
            Packed::Many(pipeline) => {
                connection.send_packed_commands(pipeline, 0, pipeline.len()).await.map(Value::Array)
            }
        };
        sent.answered = true;
        answers.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

/// A request that is on its way. Given up after its limit, by itself or by its caller, it leaves a connection that has
/// answered nobody meanwhile.
struct Sent<'a> {
    link: &'a Link,
    answers: &'a Arc<AtomicU64>,
    before: u64,
    since: Instant,
    limit: Duration,
    answered: bool,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        // Whoever waits for the answer has begun a little earlier.
        let is_late = || self.since.elapsed() >= self.limit * 7 / 8;
        if !self.answered && self.answers.load(Ordering::Relaxed) == self.before && is_late() {
            self.link.leave(self.answers);
        }
    }
}
