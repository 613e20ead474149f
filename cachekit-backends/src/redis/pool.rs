//! The connections of threads: each is one thread's at a time, and is left behind with the first thing that goes wrong.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Connection, ConnectionLike, RedisResult, Value};

use super::attempt::{Attempt, Next};
use super::fault::Fault;
use super::request::{Packed, Request};
use super::server::Server;

/// How many connections are kept that nobody uses.
const CAP: usize = 64;
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// Connections that nobody uses; the one that was used last is taken first.
#[derive(Default)]
pub(super) struct Pool(Mutex<VecDeque<Idle>>);

struct Idle {
    socket: Socket,
    since: Instant,
}

struct Socket {
    connection: Connection,
    /// For how long it reads and writes at most; none is set on a new one.
    limit: Option<Duration>,
    /// Which server it leads to.
    number: u64,
}

impl Pool {
    fn take(&self, number: u64, now: Instant) -> Option<Socket> {
        // Closed when the lock is free again.
        let mut left = Vec::new();
        let mut idle = self.lock();
        leave_old(&mut idle, now);
        while let Some(Idle { socket, .. }) = idle.pop_back() {
            if socket.number == number {
                return Some(socket);
            }
            left.push(socket);
        }
        None
    }

    fn put(&self, socket: Socket, now: Instant) {
        let mut idle = self.lock();
        leave_old(&mut idle, now);
        if idle.len() < CAP {
            idle.push_back(Idle { socket, since: now });
        }
    }

    fn clear(&self) {
        let left = std::mem::take(&mut *self.lock());
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leave_old(idle: &mut VecDeque<Idle>, now: Instant) {
    while idle.front().is_some_and(|idle| now.saturating_duration_since(idle.since) > IDLE) {
        idle.pop_front();
    }
}

/// Has a request carried out, and blocks the thread meanwhile.
pub(super) fn ask(server: &Server, request: &Request<'_>, limit: Duration) -> Result<Value, Fault> {
    let begun = Instant::now();
    let mut attempt = Attempt::default();
    let mut kept = server.pool.take(server.source.number(), begun);
    loop {
        let was_kept = kept.is_some();
        let mut socket = match kept.take() {
            Some(socket) => socket,
            None => connect(server, limit.saturating_sub(begun.elapsed()))?,
        };
        loop {
            let answer = socket.exchange(&request.pack(attempt.form()), limit);
            match attempt.next(server.still(socket.number, answer), was_kept) {
                Next::SpeltOut => {}
                Next::Anew => {
                    server.pool.clear();
                    break;
                }
                Next::Over(answer) => {
                    server.pool.put(socket, Instant::now());
                    return answer;
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

fn connect(server: &Server, limit: Duration) -> Result<Socket, Fault> {
    if limit.is_zero() {
        return Err(Fault::late(limit));
    }
    let pass = server.gate.enter(server.source.number(), Instant::now())?;
    let (connection, number) = pass.tell(server.source.open(limit), Instant::now())?;
    Ok(Socket { connection, limit: None, number })
}

impl Socket {
    fn exchange(&mut self, packed: &Packed<'_>, limit: Duration) -> RedisResult<Value> {
        if self.limit != Some(limit) {
            // The system knows no limit of nothing.
            let set = Some(limit.max(Duration::from_millis(1)));
            self.connection.set_read_timeout(set)?;
            self.connection.set_write_timeout(set)?;
            self.limit = Some(limit);
        }
        match packed {
            Packed::Read(command) => self.connection.req_command(command),
            Packed::One(command) => self.connection.req_command(command),
            Packed::Many(pipeline) => {
                let bytes = pipeline.get_packed_pipeline();
                self.connection.req_packed_commands(&bytes, 0, pipeline.len()).map(Value::Array)
            }
        }
    }
}
