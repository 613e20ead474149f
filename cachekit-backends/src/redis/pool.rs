//! The connections of threads: each is one thread's at a time, and is left behind with the first thing that goes wrong.

use std::time::{Duration, Instant};

use redis::{Connection, RedisResult, Value};

use super::attempt::{Attempt, Next};
use super::fault::{Fault, FaultKind};
use super::request::{Form, Pack, Packed};
use super::server::Server;
use crate::net::pool::{self, ENOUGH};

pub(super) type Pool = pool::Pool<Socket>;

pub(super) struct Socket {
    connection: Connection,
    /// For how long it reads and writes at most; none is set on a new one.
    limit: Option<Duration>,
    /// Which server it leads to.
    number: u64,
}

/// Has a request carried out, and blocks the thread meanwhile.
pub(super) fn ask(server: &Server, request: &impl Pack, limit: Duration) -> Result<Value, Fault> {
    send(server, request, limit, None).answer()
}

/// Sends a request; its answer can be waited for when others are sent. Where there is no connection, one is made now, within
/// a share of the time, or with the answer.
pub(super) fn send<'a, R: Pack>(
    server: &'a Server,
    request: &'a R,
    limit: Duration,
    share: Option<Duration>,
) -> Sent<'a, R> {
    let (begun, number) = (Instant::now(), server.source.number());
    let kept = server.pool.take(|socket| socket.number == number).map(|socket| (socket, true));
    let opened = match (kept, share) {
        (None, Some(share)) => connect(server, share).map(|socket| Some((socket, false))),
        (kept, _) => Ok(kept),
    };
    let first = opened.map(|opened| {
        opened.map(|(mut socket, was_kept)| {
            let sent = socket.send(&request.pack(Form::default()), limit);
            First { socket, was_kept, sent }
        })
    });
    Sent { server, request, limit, begun, first }
}

/// A request that is under way.
pub(super) struct Sent<'a, R> {
    server: &'a Server,
    request: &'a R,
    limit: Duration,
    begun: Instant,
    first: Result<Option<First>, Fault>,
}

/// The first attempt: the connection, and what it takes to answer.
struct First {
    socket: Socket,
    was_kept: bool,
    sent: RedisResult<Replies>,
}

impl<R: Pack> Sent<'_, R> {
    /// Waits for the answer, and does what it takes to have one.
    pub(super) fn answer(self) -> Result<Value, Fault> {
        let Self { server, request, limit, begun, first } = self;
        let (mut first, mut attempt) = (first?, Attempt::default());
        loop {
            let (mut socket, was_kept, mut sent) = match first.take() {
                Some(First { socket, was_kept, sent }) => (socket, was_kept, Some(sent)),
                None => (connect(server, limit.saturating_sub(begun.elapsed()))?, false, None),
            };
            loop {
                let sent = sent.take().unwrap_or_else(|| socket.send(&request.pack(attempt.form()), limit));
                let answer = sent.and_then(|replies| socket.receive(replies, limit, begun));
                match attempt.next(server.still(socket.number, answer), was_kept) {
                    Next::SpeltOut => {}
                    Next::Anew => {
                        server.pool.clear();
                        break;
                    }
                    Next::Over(answer) => {
                        server.pool.put(socket);
                        return Ok(answer);
                    }
                    Next::Lost(fault) => {
                        server.pool.clear();
                        server.source.doubt();
                        return Err(fault);
                    }
                }
            }
        }
    }
}

fn connect(server: &Server, limit: Duration) -> Result<Socket, Fault> {
    if limit.is_zero() {
        return Err(Fault::late(limit));
    }
    let pass = server.gate.enter(server.source.number(), Instant::now())?;
    let (connection, number) = match server.source.open(limit) {
        // Whoever has so little time says nothing of the server to others.
        Err(fault) if fault.kind == FaultKind::Late && limit < ENOUGH => return Err(fault),
        opened => pass.tell(opened, Instant::now())?,
    };
    Ok(Socket { connection, limit: None, number })
}

/// How many replies a request has.
#[derive(Clone, Copy)]
enum Replies {
    One,
    Many(usize),
}

impl Socket {
    fn send(&mut self, packed: &Packed<'_>, limit: Duration) -> RedisResult<Replies> {
        self.limit(limit)?;
        let (bytes, replies) = match packed {
            Packed::Read(command) => (command.get_packed_command(), Replies::One),
            Packed::One(command) => (command.get_packed_command(), Replies::One),
            Packed::Many(pipeline) => (pipeline.get_packed_pipeline(), Replies::Many(pipeline.len())),
        };
        self.connection.send_packed_command(&bytes)?;
        Ok(replies)
    }

    /// Waits no longer than what is left of the limit, where others were waited for before.
    fn receive(&mut self, replies: Replies, limit: Duration, begun: Instant) -> RedisResult<Value> {
        let passed = begun.elapsed();
        if passed > limit / 4 {
            // What others have used up of it is nothing to a server that has answered by now.
            self.limit(limit.saturating_sub(passed).max(limit / 16))?;
        }
        match replies {
            Replies::One => self.connection.recv_response(),
            Replies::Many(count) => {
                (0..count).map(|_| self.connection.recv_response()).collect::<RedisResult<_>>().map(Value::Array)
            }
        }
    }

    /// How long it reads and writes at most, from now on.
    fn limit(&mut self, limit: Duration) -> RedisResult<()> {
        if self.limit != Some(limit) {
            // The system knows no limit of nothing.
            let set = Some(limit.max(Duration::from_millis(1)));
            self.connection.set_read_timeout(set)?;
            self.connection.set_write_timeout(set)?;
            self.limit = Some(limit);
        }
        Ok(())
    }
}
