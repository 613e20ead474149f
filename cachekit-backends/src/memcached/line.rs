//! A connection in use, whoever's it is.

use std::sync::Arc;

use super::fault::Fault;
use super::link::Wire;
use super::patience::Patience;
use super::pool::Socket;
use super::protocol::{Pipeline, Response};
use super::server::Server;
use super::welcome::Welcome;

pub(super) enum Line {
    /// A thread's own.
    Thread(Box<Socket>),
    /// That of all tasks.
    Task(Wire),
}

impl Line {
    /// A connection, and whether it was there before.
    pub(super) async fn open(server: &Arc<Server>, patience: Patience) -> Result<(Self, bool), Fault> {
        if !patience.may_block {
            let (wire, kept) = Wire::open(server, patience).await?;
            return Ok((Self::Task(wire), kept));
        }
        match server.pool.take(|_| true) {
            Some(socket) => Ok((Self::Thread(Box::new(socket)), true)),
            None => Ok((Self::open_anew(server, patience).await?, false)),
        }
    }

    /// A connection after one that was lost.
    pub(super) async fn open_anew(server: &Arc<Server>, patience: Patience) -> Result<Self, Fault> {
        if patience.may_block {
            return Ok(Self::Thread(Box::new(Socket::open(server, patience).await?)));
        }
        Ok(Self::Task(Wire::open(server, patience).await?.0))
    }

    pub(super) fn welcome(&self) -> Welcome {
        match self {
            Self::Thread(socket) => socket.welcome(),
            Self::Task(wire) => wire.welcome(),
        }
    }

    /// Sends commands and waits for their answers, as many as there are commands.
    pub(super) async fn exchange(
        &mut self,
        server: &Server,
        pipeline: &Pipeline,
        patience: Patience,
    ) -> Result<Vec<Response>, Fault> {
        if pipeline.len() == 0 {
            return Ok(Vec::new());
        }
        let answers = match self {
            Self::Thread(socket) => socket.exchange(pipeline, patience).await?,
            Self::Task(wire) => wire.exchange(&server.link, pipeline, patience).await?,
        };
        let mut numbers = answers.iter().map(|answer| answer.number).enumerate();
        let are_own = numbers.all(|(place, number)| pipeline.is_answered_by(place, number));
        if are_own && answers.len() == pipeline.len() { Ok(answers) } else { Err(Fault::strange()) }
    }

    /// Has it used by the next.
    pub(super) fn put(self, server: &Server) {
        if let Self::Thread(socket) = self {
            server.pool.put(*socket);
        }
    }

    /// Leaves it, since something is wrong with it; and those that were made before.
    pub(super) fn lose(&self, server: &Server) {
        match self {
            Self::Thread(_) => server.pool.clear(),
            Self::Task(wire) => server.link.leave(wire),
        }
    }
}
