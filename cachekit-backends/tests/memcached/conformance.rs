//! Memcached servers keep all of the rules: by themselves, together, and with a runtime around the caller.

use cachekit::testing::Conformance;
use cachekit_backends::memcached::Memcached;
use cachekit_test_servers::MemcachedServer;

#[test]
fn it_keeps_the_rules() {
    let server = MemcachedServer::start();
    Conformance::new(|| Memcached::connect(&server.url()).unwrap()).shared().run();
}

#[test]
fn several_keep_the_rules() {
    let servers = [(); 2].map(|()| MemcachedServer::start());
    let addresses = || servers.iter().map(MemcachedServer::address);
    Conformance::new(|| Memcached::servers(addresses()).unwrap()).shared().run();
}
