//! A master that sentinels name.

use std::time::{Duration, Instant};

use cachekit::backend::Backend;
use cachekit::testing::Conformance;
use cachekit_backends::redis::{Redis, Sentinels};
use cachekit_test_servers::{MASTER, RedisServer, Sentinels as Servers, poll_until};

use crate::support::{callers, get, set, task, thread, wait};

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

/// How often a server was asked for values.
fn reads(server: &RedisServer) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]);
    let calls = stats.split_once("cmdstat_mget:calls=").map(|(_, rest)| rest.split(',').next().unwrap());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[test]
fn a_replica_answers_reads_where_that_is_asked_for_and_the_master_when_there_is_none() {
    let servers = Servers::start();
    let from = |sentinels: Sentinels| sentinels.connect().unwrap();
    let plain = from(Redis::sentinels(MASTER, servers.addresses()));
    let reading = from(Redis::sentinels(MASTER, servers.addresses()).read_from_replicas());
    for caller in callers() {
        set(&plain, "k", "v", caller).unwrap();
        poll_until("the replica has it", || get(&reading, "k", caller).unwrap().filter(|found| found == "v"));
        let before = [reads(&servers.servers[0]), reads(&servers.servers[1])];
        assert_eq!(get(&reading, "k", caller).unwrap().as_deref(), Some("v"));
        assert_eq!([reads(&servers.servers[0]), reads(&servers.servers[1])], [before[0], before[1] + 1]);
        assert_eq!(get(&plain, "k", caller).unwrap().as_deref(), Some("v"));
        assert_eq!([reads(&servers.servers[0]), reads(&servers.servers[1])], [before[0] + 1, before[1] + 1]);
    }
    // Whoever has changed something sees it.
    servers.servers[1].command(&["REPLICAOF", "NO", "ONE"]);
    for (caller, text) in callers().into_iter().zip(["one", "two"]) {
        set(&reading, "k", text, caller).unwrap();
        assert_eq!(get(&reading, "k", caller).unwrap().as_deref(), Some(text));
        wait(reading.delete("k", caller)).unwrap();
        assert_eq!(get(&reading, "k", caller).unwrap(), None);
    }
    set(&plain, "k", "v", thread(SECONDS)).unwrap();
    servers.servers[1].stop();
    for caller in [thread(Duration::from_secs(1)), task(Duration::from_secs(1))] {
        let begun = Instant::now();
        let found = get(&reading, "k", caller).unwrap();
        assert_eq!(found.as_deref(), Some("v"), "a replica that stands still");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}

#[test]
fn settings_that_name_nobody_are_refused() {
    let refused = |sentinels: Sentinels| sentinels.connect().unwrap_err().to_string();
    assert!(refused(Redis::sentinels("m", [""; 0])).contains("no sentinels"));
    assert!(refused(Redis::sentinels("m", ["host:port"])).contains("URL"));
    assert!(refused(Redis::sentinels("m", ["http://:hunter2@host"])).contains("begins with"));
}
