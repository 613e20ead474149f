//! Some servers, each of which keeps its share of the keys.

use std::fmt;
use std::sync::Arc;

use cachekit::Error;
use cachekit::backend::Context;

use super::address::Address;
use super::fault::Fault;
use super::patience::Patience;
use super::ring::Ring;
use super::run::{join, run};
use super::server::Server;
use super::step::Step;

pub(super) struct Cluster {
    servers: Vec<Arc<Server>>,
    ring: Ring,
}

impl Cluster {
    pub(super) fn new(mut addresses: Vec<Address>) -> Result<Self, Error> {
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(Error::refused("no servers are named: write `servers = [\"host:11211\", …]`"));
        }
        let ring = Ring::new(&addresses);
        Ok(Self { servers: addresses.into_iter().map(Server::shared).collect(), ring })
    }

    /// Has a step taken for each key by its server; what came of each, in the order of the keys.
    pub(super) async fn each<S: Step>(
        &self,
        operation: &str,
        steps: impl IntoIterator<Item = (&str, S)>,
        context: Context,
    ) -> Vec<Result<S::Done, Error>> {
        let steps = steps.into_iter().map(|(key, step)| (self.ring.server_of(key), step)).collect();
        self.at(operation, steps, context).await
    }

    /// Has a step taken by each server.
    pub(super) async fn everywhere<S: Step>(
        &self,
        operation: &str,
        step: impl Fn() -> S,
        context: Context,
    ) -> Vec<Result<S::Done, Error>> {
        self.at(operation, (0..self.servers.len()).map(|place| (place, step())).collect(), context).await
    }

    /// Whether what one server cannot do is a part of what all of them do: not where all are lost.
    fn has_others(&self) -> bool {
        self.servers.len() > 1 && self.servers.iter().any(|server| server.gate.is_shut(0).is_none())
    }

    /// Has steps taken by the servers at these places.
    async fn at<S: Step>(
        &self,
        operation: &str,
        steps: Vec<(usize, S)>,
        context: Context,
    ) -> Vec<Result<S::Done, Error>> {
        let count = steps.len();
        let mut shares: Vec<(Vec<usize>, Vec<S>)> = self.servers.iter().map(|_| <_>::default()).collect();
        for (place, (server, step)) in steps.into_iter().enumerate() {
            shares[server].0.push(place);
            shares[server].1.push(step);
        }
        let shares: Vec<_> =
            shares.into_iter().zip(&self.servers).filter(|((places, _), _)| !places.is_empty()).collect();
        let patience = Patience::of(context, shares.len() > 1);
        let runs = shares.into_iter().map(|((places, steps), server)| async move {
            let told = |fault: Fault| fault.told(&server.address, operation, self.has_others());
            let done = run(server, steps, patience).await;
            places.into_iter().zip(done.into_iter().map(move |done| done.map_err(told)))
        });
        let runs = join(runs.collect()).await;
        let mut done: Vec<_> = (0..count).map(|_| None).collect();
        for (place, result) in runs.into_iter().flatten() {
            done[place] = Some(result);
        }
        done.into_iter().flatten().collect()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.servers).finish()
    }
}
