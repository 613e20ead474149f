//! Which servers a cluster has, and which slots are whose: asked in the background, at first, when one does not answer or
//! sends somebody to another one, and every now and then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::ConnectionInfo;
use tokio::time::{sleep, timeout};

use super::map::Map;
use crate::redis::fault::{Fault, FaultKind};
use crate::redis::link;
use crate::redis::request::Request;
use crate::redis::server::Server;
use crate::redis::source::{Source, at, host_of};
use crate::redis::tls::Tls;
use crate::redis::watched::Watched;

/// How long a server may take to say who has which slots.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long nobody asks after somebody has, at least, and at most where nothing has changed since.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// How often is asked where nobody doubts anything.
const PULSE: Duration = Duration::from_secs(10);

/// How many servers are remembered that have no slots.
const MOST_IDLE: usize = 64;

pub(super) struct Topology {
    /// Those who are asked first; all are asked as the first of them.
    pub(super) seeds: Vec<ConnectionInfo>,
    tls: Option<Tls>,
    pub(super) map: Watched<Arc<Map>>,
    servers: Mutex<HashMap<(String, u16), Arc<Server>>>,
}

impl Topology {
    pub(super) fn new(seeds: Vec<ConnectionInfo>, tls: Option<Tls>) -> Arc<Self> {
        Arc::new(Self { seeds, tls, map: Watched::default(), servers: Mutex::default() })
    }

    /// The server at an address that another one has named, which is its own where there is no host.
    pub(super) fn sent_to(&self, from: &Server, host: &str, port: u16) -> Result<Arc<Server>, Fault> {
        let known = self.lock();
        let place = known.iter().find(|(_, server)| std::ptr::eq(Arc::as_ptr(server), from));
        let own = place.map(|((host, _), _)| host.clone());
        drop(known);
        let own = own.unwrap_or_default();
        self.server(if host.is_empty() { &own } else { host }, port)
    }

    /// The server at an address.
    fn server(&self, host: &str, port: u16) -> Result<Arc<Server>, Fault> {
        let address = (host.to_owned(), port);
        if let Some(server) = self.lock().get(&address) {
            return Ok(Arc::clone(server));
        }
        let source = Source::node(&at(&self.seeds[0], host, port), self.tls.clone());
        let source = source.map_err(|error| Fault::new(FaultKind::Refused, error))?;
        Ok(Arc::clone(self.lock().entry(address).or_insert_with(|| Server::shared(source))))
    }

    /// Asks one server after the other who has which slots, beginning with another one each time; whether that is news.
    async fn ask(&self, turn: usize) -> Result<bool, Fault> {
        let mut addresses: Vec<(String, u16)> = self.seeds.iter().filter_map(host_of).collect();
        let known = self.lock().keys().cloned().collect::<Vec<_>>();
        addresses.extend(known);
        addresses.sort_unstable();
        addresses.dedup();
        let mut fault = Fault::strange();
        for place in 0..addresses.len() {
            let (host, port) = &addresses[(turn + place) % addresses.len()];
            match self.ask_one(host, *port).await {
                Ok(map) => {
                    self.forget_idle(&map);
                    return self
                        .map
                        .learn(|known| Ok((!known.is_some_and(|known| **known == map)).then(|| Arc::new(map))));
                }
                Err(why) => fault = why,
            }
        }
        Err(fault)
    }

    async fn ask_one(&self, host: &str, port: u16) -> Result<Map, Fault> {
        let (server, slots) = (self.server(host, port)?, Request::slots());
        let answer = timeout(PATIENCE, link::ask(&server, &slots, PATIENCE)).await;
        let answer = answer.unwrap_or_else(|_| Err(Fault::late(PATIENCE)))?;
        Map::read(&answer, |named, port| self.server(if named.is_empty() { host } else { named }, port))
    }

    fn forget_idle(&self, map: &Map) {
        let mut servers = self.lock();
        if servers.len() > map.servers.len() + self.seeds.len() + MOST_IDLE {
            servers.retain(|_, server| map.servers.iter().any(|needed| Arc::ptr_eq(needed, server)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, u16), Arc<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whenever somebody doubts, until nobody needs the map any more.
    pub(super) async fn follow(self: Arc<Self>) {
        let [shortest, longest] = PAUSES;
        let mut pause = shortest;
        for turn in 0.. {
            pause = match self.ask(turn).await {
                Ok(true) => shortest,
                Ok(false) => (pause * 2).min(longest),
                Err(fault) => {
                    self.map.fail(fault);
                    shortest
                }
            };
            sleep(pause).await;
            let pulse = if self.map.known().is_some() { PULSE } else { shortest };
            if timeout(pulse, self.map.doubted()).await.is_err() {
                // Nobody has doubted it for long.
                pause = shortest;
            }
            if self.map.is_over() {
                return;
            }
        }
    }
}
