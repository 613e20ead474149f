//! A server, as all backends of this process that are connected to it share it.

use std::fmt;
use std::sync::Arc;

use super::address::Address;
use super::fault::Fault;
use super::held::Leases;
use super::link::Link;
use super::pool::Pool;
use crate::net::gate::Gate;
use crate::net::registry::Registry;

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

static SERVERS: Registry<Address, Server> = Registry::new();

impl Server {
    /// The server at an address.
    pub(super) fn shared(address: Address) -> Arc<Self> {
        SERVERS.shared(address.clone(), || {
            let (gate, pool, link, leases) = <_>::default();
            Self { address, gate, pool, link, leases }
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
