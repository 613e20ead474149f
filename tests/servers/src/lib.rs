//! Real servers, as child processes of the test, a proxy that disturbs what passes, and the test's own program once more.
//!
//! A server that cannot be had fails the test with a line that says what to install; nothing is skipped.
#![forbid(unsafe_code)]

mod cluster;
mod memcached;
mod process;
mod proxy;
mod redis;
mod sentinels;

pub use self::cluster::{Handover, RedisCluster};
pub use self::memcached::MemcachedServer;
pub use self::process::Process;
pub use self::proxy::Proxy;
pub use self::redis::RedisServer;
pub use self::sentinels::{MASTER, Sentinels};

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// How long a server may take for what is a matter of milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// When there is none after [`PATIENCE`].
pub fn poll_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// A port of the loopback interface that is free now.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback interface is free");
    listener.local_addr().expect("a listener has an address").port()
}
