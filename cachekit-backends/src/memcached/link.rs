//! The connection of tasks: all share one, on which requests and answers follow one another.
//!
//! It is replaced when it is lost, and when it has answered nobody for as long as somebody was willing to wait.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};

use super::fault::{Fault, FaultKind};
use super::patience::Patience;
use super::protocol::{Pipeline, Response};
use super::server::Server;
use super::stream::{self, Order, Reason};
use super::welcome::Welcome;
use crate::net::driver::{self, Driver};

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
pub(super) struct Wire {
    orders: mpsc::UnboundedSender<Order>,
    welcome: Welcome,
    /// How often it has answered.
    answers: Arc<AtomicU64>,
    /// Why it has ended, if it has.
    reason: Reason,
}

fn driver() -> Result<&'static Driver, Fault> {
    driver::driver().map_err(|error| missing(&error))
}

fn missing(error: &io::Error) -> Fault {
    Fault::new(FaultKind::Unable, format_args!("the thread of the connections could not be started: {error}"))
}

/// Waits for a request, on any executor or none, as long as there is patience.
pub(super) async fn in_time<F>(asked: Pin<&mut F>, patience: Patience) -> Result<(), Fault>
where
    F: Future<Output = Result<(), Fault>>,
{
    let timer = driver::timer(patience.rest()).map_err(|error| missing(&error))?;
    let asked = async {
        tokio::select! {
            biased;
            walked = asked => walked,
            () = timer => Err(patience.late()),
        }
    };
    driver()?.wakes.with_others(std::pin::pin!(asked)).await
}

impl Wire {
    /// A connection, and whether it was there before.
    pub(super) async fn open(server: &Arc<Server>, patience: Patience) -> Result<(Self, bool), Fault> {
        let mut kept = true;
        loop {
            let changed = server.link.changed.notified();
            {
                let mut state = server.link.lock();
                match &*state {
                    State::Up(wire) if !wire.orders.is_closed() => return Ok((wire.clone(), kept)),
                    State::Connecting => {
                        // Of a server that failed before, nobody waits for whoever tries again.
                        if let Some(fault) = server.gate.is_shut(0) {
                            return Err(fault);
                        }
                    }
                    State::Up(_) | State::Down => {
                        // What is spawned takes the gate's word for itself.
                        drop(server.gate.enter(0, Instant::now())?);
                        driver()?.runtime.spawn(connect(Arc::clone(server), patience.limit.clamp(CONNECT, LONGEST)));
                        *state = State::Connecting;
                    }
                }
                kept = false;
            }
            changed.await;
        }
    }

    pub(super) fn welcome(&self) -> Welcome {
        self.welcome
    }

    pub(super) async fn exchange(
        &self,
        link: &Link,
        pipeline: &Pipeline,
        patience: Patience,
    ) -> Result<Vec<Response>, Fault> {
        let (answer, answered) = oneshot::channel();
        let before = self.answers.load(Ordering::Relaxed);
        let mut sent = Sent { link, wire: self, before, since: Instant::now(), limit: patience.limit, answered: false };
        let order = Order { bytes: pipeline.bytes().to_vec(), count: pipeline.len(), answer };
        // What is given while the other end goes may stay where it is for as long as anybody could give more.
        if self.orders.send(order).is_err() || self.orders.is_closed() {
            sent.answered = true;
            return Err(self.reason());
        }
        let answers = answered.await.map_err(|_| self.reason());
        sent.answered = true;
        self.answers.fetch_add(1, Ordering::Relaxed);
        answers
    }

    fn reason(&self) -> Fault {
        self.reason.get().cloned().unwrap_or_else(Fault::ended)
    }
}

/// Brings a connection up, for all who wait for one.
async fn connect(server: Arc<Server>, limit: Duration) {
    let ending = Ending(&server.link);
    let Ok(pass) = server.gate.enter(0, Instant::now()) else { return };
    let opened = tokio::time::timeout(limit, open(&server)).await;
    let opened = opened.unwrap_or_else(|_| Err(Fault::late(limit)));
    if let Ok(wire) = pass.tell(opened, Instant::now()) {
        *ending.0.lock() = State::Up(wire);
    }
}

async fn open(server: &Server) -> Result<Wire, Fault> {
    let address = &server.address;
    let mut stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    stream.set_nodelay(true)?;
    let (parser, welcome) = stream::greet(&mut stream).await?;
    let (orders, given) = mpsc::unbounded_channel();
    let reason = Reason::default();
    tokio::spawn(stream::serve(stream, parser, given, Arc::clone(&reason)));
    Ok(Wire { orders, welcome, answers: Arc::default(), reason })
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
    /// Has the next request ask for another connection than this one.
    pub(super) fn leave(&self, wire: &Wire) {
        let mut state = self.lock();
        if matches!(&*state, State::Up(up) if up.orders.same_channel(&wire.orders)) {
            let left = mem::take(&mut *state);
            drop(state);
            drop(left);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is on its way. Given up after its limit, by itself or by its caller, it leaves a connection that has
/// answered nobody meanwhile.
struct Sent<'a> {
    link: &'a Link,
    wire: &'a Wire,
    before: u64,
    since: Instant,
    limit: Duration,
    answered: bool,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        // It may have begun a little later than its limit, and is given up a little before the end of that.
        let is_late = || self.since.elapsed() >= self.limit * 3 / 4;
        if !self.answered && self.wire.answers.load(Ordering::Relaxed) == self.before && is_late() {
            self.link.leave(self.wire);
        }
    }
}
