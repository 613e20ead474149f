//! A master that sentinels name.

use std::time::Duration;

use cachekit::testing::Conformance;
use cachekit_backends::redis::{Redis, Sentinels};
use cachekit_test_servers::{MASTER, Sentinels as Servers, poll_until};

use crate::support::{callers, get, set, thread};

const SECONDS: Duration = Duration::from_secs(10);

#[test]
fn the_suite_passes_behind_sentinels() {
    let servers = Servers::start();
    let sentinels = Redis::sentinels(MASTER, servers.addresses());
    Conformance::new(|| sentinels.clone().connect().unwrap()).shared().run();
}

#[test]
fn servers_and_sentinels_are_asked_with_a_password_each() {
    let servers = Servers::start_with_passwords("of-servers", "of-sentinels");
    let sentinels = || Redis::sentinels(MASTER, servers.addresses());
    let good = sentinels().password("of-servers").sentinel_password("of-sentinels").connect().unwrap();
    for caller in callers() {
        set(&good, "k", "v", caller).unwrap();
        assert_eq!(get(&good, "k", caller).unwrap().as_deref(), Some("v"));
    }
    let wrong: [fn(Sentinels) -> Sentinels; 3] = [
        |sentinels| sentinels,
        |sentinels| sentinels.password("hunter2").sentinel_password("of-sentinels"),
        |sentinels| sentinels.password("of-servers").sentinel_password("hunter2"),
    ];
    for wrong in wrong {
        let wrong = wrong(sentinels()).connect().unwrap();
        for caller in callers() {
            let error = get(&wrong, "k", caller).unwrap_err();
            assert!(error.is_refused(), "{error}");
            assert!(error.to_string().contains(MASTER) && !error.to_string().contains("hunter2"), "{error}");
        }
    }
}

#[test]
fn a_master_that_no_sentinel_knows_is_told() {
    let servers = Servers::start();
    let unknown = Redis::sentinels("unknown", servers.addresses()).connect().unwrap();
    for caller in callers() {
        let error = get(&unknown, "k", caller).unwrap_err();
        assert!(error.to_string().contains("the sentinels know no master `unknown`"), "{error}");
    }
}

#[test]
fn sentinels_that_are_gone_are_told_and_found_when_they_are_back() {
    let mut servers = Servers::start();
    let redis = Redis::sentinels(MASTER, servers.addresses()).connect().unwrap();
    servers.kill_sentinels();
    let error = get(&redis, "k", thread(SECONDS)).unwrap_err();
    assert!(!error.is_refused(), "{error}");
    servers.restart_sentinels();
    for caller in callers() {
        poll_until("the sentinels are asked again", || set(&redis, "k", "v", caller).ok());
    }
}

#[test]
fn settings_that_name_nobody_are_refused() {
    let refused = |sentinels: Sentinels| sentinels.connect().unwrap_err().to_string();
    assert!(refused(Redis::sentinels("m", [""; 0])).contains("no sentinels"));
    assert!(refused(Redis::sentinels("m", ["host:port"])).contains("URL"));
    assert!(refused(Redis::sentinels("m", ["http://:hunter2@host"])).contains("begins with"));
}
