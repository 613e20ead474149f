//! The connections of threads: each is one thread's at a time, and is left behind with the first thing that goes wrong.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::address::Address;
use super::fault::{Fault, FaultKind};
use super::patience::Patience;
use super::protocol::{Parser, Pipeline, Response};
use super::run::turn;
use super::server::Server;
use super::welcome::Welcome;
use crate::net::pool::{self, ENOUGH};

/// The system knows no limit of nothing.
const SHORTEST: Duration = Duration::from_millis(1);

pub(super) type Pool = pool::Pool<Socket>;

/// A connection that a server has greeted on.
pub(super) struct Socket {
    wire: Wire,
    welcome: Welcome,
}

/// A connection, and what has come on it.
struct Wire {
    stream: TcpStream,
    parser: Parser,
    /// For how long it reads and writes at most.
    limit: Duration,
}

impl Socket {
    /// A new connection.
    pub(super) async fn open(server: &Server, patience: Patience) -> Result<Self, Fault> {
        if patience.rest().is_zero() {
            return Err(patience.late());
        }
        let pass = server.gate.enter(0, Instant::now())?;
        let has_time = patience.rest() >= ENOUGH;
        match Self::greeted(&server.address, patience).await {
            // Whoever has so little time says nothing of the server to others.
            Err(fault) if fault.kind == FaultKind::Late && !has_time => Err(fault),
            opened => pass.tell(opened, Instant::now()),
        }
    }

    async fn greeted(address: &Address, patience: Patience) -> Result<Self, Fault> {
        let mut wire = Wire::connect(address, patience)?;
        let greeting = Pipeline::greeting();
        wire.send(greeting.bytes(), patience)?;
        turn().await;
        let mut answers = Vec::with_capacity(greeting.len());
        while answers.len() < greeting.len() && !answers.iter().any(Response::is_error) {
            answers.push(wire.answer(patience)?);
        }
        let welcome = Welcome::read(&answers)?;
        Ok(Self { wire, welcome })
    }

    pub(super) fn welcome(&self) -> Welcome {
        self.welcome
    }

    pub(super) async fn exchange(&mut self, pipeline: &Pipeline, patience: Patience) -> Result<Vec<Response>, Fault> {
        let mut answers = Vec::with_capacity(pipeline.len());
        for (bytes, count) in pipeline.pieces() {
            self.wire.send(bytes, patience)?;
            turn().await;
            answers.extend(self.wire.receive(count, patience)?);
        }
        Ok(answers)
    }
}

impl Wire {
    fn connect(address: &Address, patience: Patience) -> Result<Self, Fault> {
        let places: Vec<_> = (address.host.as_str(), address.port).to_socket_addrs()?.collect();
        let mut fault = Fault::new(FaultKind::Broken, "the name of the host stands for no address");
        for (number, place) in places.iter().enumerate() {
            // Other addresses and servers are still to be asked: this one does not get all of the time.
            let others = places.len() - number + usize::from(patience.is_shared);
            let rest = patience.rest() / u32::try_from(others).unwrap_or(u32::MAX);
            match TcpStream::connect_timeout(place, rest.max(SHORTEST)) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, parser: Parser::default(), limit: Duration::ZERO });
                }
                Err(error) => fault = error.into(),
            }
        }
        Err(fault)
    }

    /// Has it wait no longer than there is time, or hardly.
    fn limit(&mut self, patience: Patience) -> Result<(), Fault> {
        // What others have used up of it is nothing to a server that has answered by now.
        let least = if patience.is_shared { patience.limit / 16 } else { Duration::ZERO };
        let rest = patience.rest().max(least).max(SHORTEST);
        if self.limit > rest + rest / 8 || self.limit < rest / 8 * 7 {
            self.limit = rest;
            self.stream.set_read_timeout(Some(rest))?;
            self.stream.set_write_timeout(Some(rest))?;
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8], patience: Patience) -> Result<(), Fault> {
        self.limit(patience)?;
        self.stream.write_all(bytes).map_err(Fault::from)
    }

    fn receive(&mut self, count: usize, patience: Patience) -> Result<Vec<Response>, Fault> {
        let answers = (0..count).map(|_| self.answer(patience)).collect::<Result<_, _>>()?;
        if self.parser.is_empty() { Ok(answers) } else { Err(Fault::strange()) }
    }

    fn answer(&mut self, patience: Patience) -> Result<Response, Fault> {
        let mut bytes = [0; 16 * 1024];
        loop {
            if let Some(answer) = self.parser.next()? {
                return Ok(answer);
            }
            self.limit(patience)?;
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(Fault::ended()),
                Ok(length) => self.parser.feed(&bytes[..length]),
                // A signal that the program has handled.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
