//! Requests of tasks, on the connection that they share.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use futures_util::future::{self, Either};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};

use super::attempt::{Attempt, Next};
use super::driver::{driver, timer};
use super::fault::Fault;
use super::reads::Reads;
use super::request::{Pack, Packed};
use super::server::Server;
use crate::net::link;

pub(super) type Link = link::Link<Wire>;

/// A connection that is up.
#[derive(Clone)]
pub(super) struct Wire {
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
                        server.link.leave(&wire);
                        break;
                    }
                    Next::Over(answer) => return Ok(answer),
                    Next::Lost(fault) => {
                        server.link.leave(&wire);
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
    let connects = |limit| {
        driver()?.runtime.spawn(connect(Arc::clone(server), limit));
        Ok(())
    };
    server.link.wire(&server.gate, || server.source.number(), limit, connects).await
}

/// Brings a connection up, for all who wait for one.
async fn connect(server: Arc<Server>, limit: Duration) {
    let coming = server.link.coming();
    let Ok(pass) = server.gate.enter(server.source.number(), Instant::now()) else { return };
    let opened = tokio::time::timeout(limit, server.source.open_shared(limit)).await;
    let opened = opened.unwrap_or_else(|_| Err(Fault::late(limit)));
    if let Ok((connection, number)) = pass.tell(opened, Instant::now()) {
        let reads = Reads::on(connection.clone());
        coming.came_up(Wire { connection, reads, answers: Arc::default(), number });
    }
}

impl link::Wire for Wire {
    fn answers(&self) -> &Arc<AtomicU64> {
        &self.answers
    }

    fn leads_to(&self, number: u64) -> bool {
        self.number == number
    }
}

impl Wire {
    async fn exchange(&mut self, link: &Link, packed: &Packed<'_>, limit: Duration) -> RedisResult<Value> {
        let sent = link.sent(self, limit);
        let Self { connection, reads, .. } = self;
        let answer = match packed {
            Packed::Read(command) => reads.ask(command).await,
            Packed::One(command) => connection.send_packed_command(command).await,
            Packed::Many(pipeline) => {
                connection.send_packed_commands(pipeline, 0, pipeline.len()).await.map(Value::Array)
            }
        };
        sent.answered();
        answer
    }
}
