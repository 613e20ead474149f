//! Who is asked: one server, one with a replica that answers reads, or those of a cluster.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cachekit::backend::{Answer, Context};
use redis::Value;

use super::cluster::{Asked, Nodes};
use super::fault::Fault;
use super::request::Request;
use super::server::Server;
use super::{link, pool};

/// How long anybody waits for an answer: a day is no limit that a caller would notice.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone)]
pub(super) enum Target {
    /// One server: that of an address, or whoever is the master.
    Server(Arc<Server>),
    /// One server, and another one that answers reads.
    Read(Arc<Server>, Arc<Replica>),
    /// The servers of a cluster, each for its keys.
    Cluster(Arc<Nodes>),
}

/// Who answers reads in place of the master.
pub(super) struct Replica {
    server: Arc<Server>,
    /// Until when it may not have what this process has changed.
    changed: Mutex<Option<Instant>>,
}

/// How long a process reads from the master what it may have changed itself.
const BEHIND: Duration = Duration::from_secs(1);

impl Target {
    /// The same, where a replica answers reads.
    pub(super) fn reading(self, replica: Arc<Server>) -> Self {
        match self {
            Self::Server(server) => {
                Self::Read(server, Arc::new(Replica { server: replica, changed: Mutex::default() }))
            }
            other => other,
        }
    }

    /// Has a request carried out, as the caller waits, and reads the answer.
    pub(super) fn ask<'a, T: Send + 'a>(
        &'a self,
        request: Request<'a>,
        context: Context,
        read: impl FnOnce(Value) -> Result<T, Fault> + Send + 'a,
    ) -> Answer<'a, T> {
        let limit = context.limit().min(LONGEST);
        match self {
            Self::Server(server) | Self::Read(server, _) if context.may_block() => {
                let value = match self.replica(&request) {
                    None => pool::ask(server, &request, limit),
                    Some(replica) => {
                        let begun = Instant::now();
                        pool::ask(replica, &request, limit / 2)
                            .or_else(|_| pool::ask(server, &request, limit.saturating_sub(begun.elapsed())))
                    }
                };
                value.and_then(read).map_err(|fault| fault.told(&server.place, request.operation)).into()
            }
            Self::Server(server) | Self::Read(server, _) => Answer::later(async move {
                let value = match self.replica(&request) {
                    Some(replica) => link::ask_within(limit / 2, replica, &request).await.ok(),
                    None => None,
                };
                let value = match value {
                    Some(value) => Ok(value),
                    None => link::ask(server, &request, limit).await,
                };
                value.and_then(read).map_err(|fault| fault.told(&server.place, request.operation))
            }),
            Self::Cluster(nodes) => {
                let operation = request.operation;
                nodes.answer(Asked::Keys(request), operation, context.may_block(), limit, move |mut answers| {
                    let value = match answers.len() {
                        1 => answers.remove(0),
                        _ => answers.into_iter().collect::<Result<_, _>>().map(Value::Array),
                    };
                    value.and_then(read).map_err(|fault| nodes.told(&fault, operation))
                })
            }
        }
    }

    /// Who answers a read beside the master; not soon after this process has changed something, be that done or not.
    fn replica(&self, request: &Request<'_>) -> Option<&Arc<Server>> {
        let Self::Read(_, replica) = self else { return None };
        let mut changed = replica.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if request.overtakes() {
            *changed = Some(Instant::now() + BEHIND);
        }
        (request.is_read() && changed.is_none_or(|until| until < Instant::now())).then_some(&replica.server)
    }
}
