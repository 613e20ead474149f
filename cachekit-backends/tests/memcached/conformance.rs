//! The suite that every backend passes.

use cachekit::testing::Conformance;
use cachekit_backends::memcached::Memcached;
use cachekit_test_servers::MemcachedServer;
use tokio::runtime::Builder;

use crate::support::connect;

#[test]
fn the_suite_passes_without_a_runtime() {
    let server = MemcachedServer::start();
    Conformance::new(|| connect(&server.url())).shared().run();
}

#[test]
fn the_suite_passes_within_a_runtime() {
    let server = MemcachedServer::start();
    // Without drivers of its own.
    let runtime = Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    let suite = Conformance::new(|| connect(&server.url())).shared();
    suite
        .around(move |test| {
            let _within = handle.enter();
            test();
        })
        .run();
}

#[test]
fn the_suite_passes_on_two_servers() {
    let servers = [(); 2].map(|()| MemcachedServer::start());
    let [one, two] = servers.each_ref().map(MemcachedServer::address);
    // In whichever order they are named.
    let orders = [[&one, &two], [&two, &one]];
    let next = std::cell::Cell::new(0);
    Conformance::new(|| Memcached::servers(orders[next.replace(1)]).unwrap()).shared().run();
}
