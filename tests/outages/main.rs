//! What becomes of a region whose store stops, vanishes, refuses or comes back; and what it asks of one that works.
//!
//! The store is a real Redis, started by the test. Several regions of one name over it stand for several processes.

mod cluster;
mod herds;
mod invalidations;
mod leases;
mod memcached;
mod refusals;
mod round_trips;
mod sentinels;
mod stops;
mod support;
mod unpolled;
