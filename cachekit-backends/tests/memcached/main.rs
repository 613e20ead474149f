//! Memcached: what is peculiar to it, tried out on real servers.

mod conformance;
