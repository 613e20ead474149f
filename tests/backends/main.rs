//! What holds in a region with a backend, tested through the public interface.
//!
//! Several regions of one name over one backend stand for several processes.

mod alarms;
mod calls;
mod cluster;
mod config;
mod debts;
mod failing;
mod idle;
mod leases;
mod many;
mod methods;
mod parts;
mod proxies;
mod records;
mod scoped;
mod support;
mod trips;
