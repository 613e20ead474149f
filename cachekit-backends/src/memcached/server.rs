//! A server, as all backends of this process that are connected to it share it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::address::Address;
use super::fault::Fault;
use super::held::Leases;
use super::link::Link;
use super::pool::Pool;
use crate::net::gate::Gate;

pub(super) struct Server {
    pub(super) address: Address,
    pub(super) gate: Gate<Fault>,
    /// For threads.
    pub(super) pool: Pool,
    /// For tasks.
    pub(super) link: Link,
    /// What this process has been lent.
    pub(super) leases: Leases,
}

/// The servers in use.
static SERVERS: Mutex<Option<HashMap<Address, Weak<Server>>>> = Mutex::new(None);

impl Server {
    /// The server at an address.
    pub(super) fn shared(address: Address) -> Arc<Self> {
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let servers = servers.get_or_insert_default();
        if let Some(server) = servers.get(&address).and_then(Weak::upgrade) {
            return server;
        }
        servers.retain(|_, server| server.strong_count() > 0);
        let (gate, pool, link, leases) = <_>::default();
        let server = Arc::new(Self { address: address.clone(), gate, pool, link, leases });
        servers.insert(address, Arc::downgrade(&server));
        server
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
