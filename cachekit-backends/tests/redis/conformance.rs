//! The suite that every backend passes.

use cachekit::testing::Conformance;
use cachekit_test_servers::RedisServer;
use tokio::runtime::Builder;

use crate::support::connect;

#[test]
fn the_suite_passes_without_a_runtime() {
    let server = RedisServer::start();
    Conformance::new(|| connect(&server.url())).shared().run();
    assert_eq!(server.command(&["DBSIZE"]), ":0\r\n", "keys are taken back");
}

#[test]
fn the_suite_passes_within_a_runtime() {
    let server = RedisServer::start();
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
fn the_suite_passes_over_a_unix_socket_and_another_database() {
    let server = RedisServer::start();
    let url = format!("unix://{}?db=7", server.socket().display());
    Conformance::new(|| connect(&url)).shared().run();
}
