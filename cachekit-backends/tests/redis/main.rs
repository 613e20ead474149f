//! What is peculiar to Redis as a backend; what it shares with all others is tested by the suite in `conformance`.

mod cluster;
mod conformance;
mod connections;
mod faults;
mod operations;
mod refusals;
mod sentinels;
mod support;
#[cfg(feature = "tls")]
mod tls;
