//! What is peculiar to memcached as a backend; what it shares with all others is tested by the suite in `conformance`.

mod conformance;
mod connections;
mod faults;
mod operations;
mod refusals;
mod several;
mod support;
mod versions;
