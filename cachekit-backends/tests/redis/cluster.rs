//! A cluster of three servers.

use std::time::Duration;

use cachekit::backend::{Backend, Content, Put, Token};
use cachekit::testing::Conformance;
use cachekit_backends::redis::{Cluster, Redis};
use cachekit_test_servers::{Handover, RedisCluster, RedisServer, poll_until};

use crate::support::{acquire, callers, commit, content, get, is_granted, set, text, thread, wait};

const HOUR: Duration = Duration::from_secs(3_600);

fn connect(cluster: &RedisCluster) -> Redis {
    Redis::cluster(cluster.addresses()).connect().unwrap()
}

/// A key whose value is on this server.
fn key_of(cluster: &RedisCluster, place: usize) -> String {
    let mut keys = (0..).map(|number| format!("key {number}"));
    keys.find(|key| cluster.place_of(key) == place).unwrap()
}

#[test]
fn the_suite_passes_on_a_cluster() {
    let cluster = RedisCluster::start();
    // One server is enough to find the others.
    let address = &cluster.addresses()[1..2];
    Conformance::new(|| Redis::cluster(address).connect().unwrap()).shared().run();
}

#[test]
fn what_a_lost_server_has_is_unknown_and_what_the_others_have_is_there() {
    let mut cluster = RedisCluster::start();
    let redis = connect(&cluster);
    let keys: Vec<String> = (0..3).map(|place| key_of(&cluster, place)).collect();
    for key in &keys {
        set(&redis, key, "v", thread(HOUR)).unwrap();
    }
    cluster.servers[2].kill();
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    for caller in callers() {
        for _ in 0..20 {
            let found = wait(redis.get_many(&names, caller)).unwrap();
            assert_eq!(found[..2].iter().flatten().map(text).collect::<Vec<_>>(), ["v", "v"]);
            let Some(Content::Unknown(why)) = &found[2] else { panic!("{found:?}") };
            assert!(why.is_partial(), "{why}");
            let error = get(&redis, &keys[2], caller).unwrap_err();
            assert!(error.is_partial(), "{error}");
            assert!(set(&redis, &keys[2], "w", caller).unwrap_err().is_partial());
            set(&redis, &keys[1], "v", caller).unwrap();
            wait(redis.ping(caller)).unwrap();
        }
    }
    cluster.servers[2].restart();
    for caller in callers() {
        poll_until("the server is found again", || set(&redis, &keys[2], "w", caller).ok());
        assert_eq!(get(&redis, &keys[2], caller).unwrap().as_deref(), Some("w"));
    }
}

#[test]
fn a_server_that_hangs_holds_up_nobody_who_asks_the_others_as_well() {
    let cluster = RedisCluster::start();
    let redis = connect(&cluster);
    let keys: Vec<String> = (0..3).map(|place| key_of(&cluster, place)).collect();
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    for caller in callers() {
        let puts: Vec<_> = names.iter().map(|key| (*key, content("v"))).collect();
        let puts: Vec<_> = puts.iter().map(|(key, content)| Put { key, content, keep: None }).collect();
        wait(redis.set_many(&puts, caller)).unwrap();
    }
    cluster.servers[0].stop();
    for caller in [thread(Duration::from_millis(200)), crate::support::task(Duration::from_millis(200))] {
        for _ in 0..5 {
            let found = wait(redis.get_many(&names, caller)).unwrap();
            assert!(matches!(&found[0], Some(Content::Unknown(why)) if why.is_partial()), "{found:?}");
            assert_eq!(found[1..].iter().flatten().map(text).collect::<Vec<_>>(), ["v", "v"]);
        }
    }
    cluster.servers[0].resume();
    for caller in callers() {
        poll_until("the server answers again", || get(&redis, names[0], caller).ok());
    }
}

#[test]
fn a_slot_that_is_handed_over_is_followed_through_every_step() {
    let cluster = RedisCluster::start();
    let redis = connect(&cluster);
    for (number, caller) in callers().into_iter().enumerate() {
        let key = format!("{{{}}}:{number}", key_of(&cluster, 0));
        let (other, lent) = (format!("{key} of the same slot"), format!("{key} that is lent"));
        let (slot, token) = (cluster.slot(&key), Token(7));
        set(&redis, &key, "v", caller).unwrap();
        assert!(is_granted(&acquire(&redis, &lent, token, HOUR, caller)));
        let handover = Handover { slot, from: 0, to: 1 };
        cluster.begin(handover);
        // It is still where it was.
        assert_eq!(get(&redis, &key, caller).unwrap().as_deref(), Some("v"));
        cluster.hand_over(handover, &format!("{key}:value{{}}"));
        // And then where it goes.
        assert_eq!(get(&redis, &key, caller).unwrap().as_deref(), Some("v"));
        let both = wait(redis.get_many(&[&key, &other], caller)).unwrap();
        assert_eq!(both.iter().map(|found| found.as_ref().map(text)).collect::<Vec<_>>(), [Some("v".into()), None]);
        cluster.end(handover);
        assert_eq!(get(&redis, &key, caller).unwrap().as_deref(), Some("v"));
        set(&redis, &other, "w", caller).unwrap();
        assert!(commit(&redis, &lent, "computed", token, caller).unwrap(), "the lease has come along");
        wait(redis.delete(&key, caller)).unwrap();
        assert_eq!(get(&redis, &key, caller).unwrap(), None);
        // And back again, so that the next caller begins as this one.
        let back = Handover { slot, from: 1, to: 0 };
        cluster.begin(back);
        cluster.end(back);
        assert_eq!(get(&redis, &other, caller).unwrap().as_deref(), Some("w"));
    }
}

#[test]
fn what_has_to_wait_for_the_end_of_a_handover_waits() {
    let cluster = RedisCluster::start();
    let redis = connect(&cluster);
    for (number, caller) in callers().into_iter().enumerate() {
        let key = format!("{{{}}}:waits {number}", key_of(&cluster, 0));
        let handover = Handover { slot: cluster.slot(&key), from: 0, to: 1 };
        cluster.begin(handover);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| acquire(&redis, &key, Token(7), HOUR, caller));
            // The servers count what they could not do.
            poll_until("it is asked for in vain", || {
                let stats = cluster.servers[1].command(&["INFO", "errorstats"]);
                stats.contains("errorstat_TRYAGAIN").then_some(())
            });
            cluster.end(handover);
            assert!(is_granted(&waits.join().unwrap()));
        });
        let back = Handover { from: 1, to: 0, ..handover };
        cluster.begin(back);
        cluster.end(back);
        cluster.servers[1].command(&["CONFIG", "RESETSTAT"]);
    }
}

#[test]
fn what_is_in_a_slot_that_stays_between_two_servers_is_forgotten_all_the_same() {
    let cluster = RedisCluster::start();
    let redis = connect(&cluster);
    for (number, caller) in callers().into_iter().enumerate() {
        let key = |name: &str| format!("{{{}}}:{name} {number}", key_of(&cluster, 0));
        let (here, there, lent) = (key("here"), key("there"), key("lent"));
        for key in [&here, &there] {
            set(&redis, key, "v", caller).unwrap();
        }
        assert!(is_granted(&acquire(&redis, &lent, Token(7), HOUR, caller)));
        let handover = Handover { slot: cluster.slot(&here), from: 0, to: 1 };
        cluster.begin(handover);
        cluster.hand_over(handover, &format!("{there}:value{{}}"));
        for key in [&here, &there, &lent] {
            wait(redis.delete(key, caller)).unwrap();
            assert_eq!(get(&redis, key, caller).unwrap(), None, "{key}");
        }
        cluster.end(handover);
        assert!(!commit(&redis, &lent, "computed before", Token(7), caller).unwrap());
        let back = Handover { from: 1, to: 0, ..handover };
        cluster.begin(back);
        cluster.end(back);
    }
}

#[test]
fn values_of_other_kinds_count_as_nothing_and_are_overwritten() {
    let cluster = RedisCluster::start();
    let redis = connect(&cluster);
    for (number, caller) in callers().into_iter().enumerate() {
        let key = format!("list {number}");
        let place = cluster.place_of(&key);
        cluster.servers[place].command(&["RPUSH", &key, "one"]);
        assert_eq!(get(&redis, &key, caller).unwrap(), None);
        assert!(wait(redis.get_many(&[&key, "another"], caller)).unwrap().iter().all(Option::is_none));
        set(&redis, &key, "v", caller).unwrap();
        assert_eq!(get(&redis, &key, caller).unwrap().as_deref(), Some("v"));
    }
}

#[test]
fn a_replica_that_takes_over_is_found() {
    let mut cluster = RedisCluster::start();
    cluster.add(Some(0));
    let redis = connect(&cluster);
    let key = key_of(&cluster, 0);
    set(&redis, &key, "v", thread(HOUR)).unwrap();
    poll_until("the replica has it", || {
        cluster.servers[3]
            .command(&["CLUSTER", "COUNTKEYSINSLOT", &cluster.slot(&key).to_string()])
            .starts_with(":1")
            .then_some(())
    });
    cluster.servers[0].kill();
    for caller in callers() {
        let found = poll_until("the replica takes over", || get(&redis, &key, caller).ok());
        assert_eq!(found.as_deref(), Some("v"));
        set(&redis, &key, "v", caller).unwrap();
    }
}

#[test]
fn a_server_that_is_no_part_of_a_cluster_is_told_and_one_that_is_is_not_asked_by_itself() {
    let server = RedisServer::start();
    let none = Redis::cluster([format!("127.0.0.1:{}", server.port())]).connect().unwrap();
    let cluster = RedisCluster::start();
    let single = crate::support::through(cluster.servers[0].port());
    for caller in callers() {
        let error = wait(none.ping(caller)).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("no part of a cluster"), "{error}");
        let error = get(&single, &key_of(&cluster, 1), caller).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("Redis::cluster"), "{error}");
    }
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let cluster = RedisCluster::start();
    for server in &cluster.servers {
        server.command(&["CONFIG", "SET", "requirepass", "right"]);
    }
    let of = |password: &str| Redis::cluster(cluster.addresses()).password(password).connect().unwrap();
    let (right, wrong) = (of("right"), of("hunter2"));
    for caller in callers() {
        set(&right, "k", "v", caller).unwrap();
        let error = wait(wrong.ping(caller)).unwrap_err();
        assert!(error.is_refused() && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_user_who_may_do_no_more_than_the_documentation_says_can_do_it_all() {
    const RIGHTS: &str = "on >secret resetkeys ~* resetchannels -@all +ping +select +get +mget +set +del +unlink \
                          +getrange +setrange +strlen +exists +pttl +pexpire +persist +eval +evalsha +cluster|slots +asking";
    let cluster = RedisCluster::start();
    for server in &cluster.servers {
        let words: Vec<&str> = ["ACL", "SETUSER", "app"].into_iter().chain(RIGHTS.split_whitespace()).collect();
        assert_eq!(server.command(&words), "+OK\r\n");
    }
    let redis = Redis::cluster(cluster.addresses()).login("app", "secret").connect().unwrap();
    for (number, caller) in callers().into_iter().enumerate() {
        wait(redis.ping(caller)).unwrap();
        let key = format!("{{{}}}:of a user {number}", key_of(&cluster, 0));
        assert!(is_granted(&acquire(&redis, &key, Token(7), HOUR, caller)));
        assert!(commit(&redis, &key, "v", Token(7), caller).unwrap());
        let handover = Handover { slot: cluster.slot(&key), from: 0, to: 1 };
        cluster.begin(handover);
        cluster.hand_over(handover, &format!("{key}:value{{}}"));
        assert_eq!(get(&redis, &key, caller).unwrap().as_deref(), Some("v"));
        wait(redis.delete(&key, caller)).unwrap();
        cluster.end(handover);
        let back = Handover { from: 1, to: 0, ..handover };
        cluster.begin(back);
        cluster.end(back);
    }
}

#[test]
fn a_cluster_that_cannot_be_reached_is_told_and_found_when_it_is_there() {
    let mut cluster = RedisCluster::start();
    let redis = connect(&cluster);
    let keys: Vec<String> = (0..3).map(|place| key_of(&cluster, place)).collect();
    cluster.servers.iter_mut().for_each(RedisServer::kill);
    for caller in callers() {
        let error = get(&redis, "k", caller).unwrap_err();
        assert!(error.is_backend() && !error.is_refused(), "{error}");
    }
    cluster.servers.iter_mut().for_each(RedisServer::restart);
    for caller in callers() {
        poll_until("the cluster is found", || set(&redis, "k", "v", caller).ok());
    }
    // Whoever knows the servers is told that none of them is there: not that it is a part.
    cluster.servers.iter_mut().for_each(RedisServer::kill);
    for caller in callers() {
        poll_until("nobody is left", || {
            let lost = keys.iter().map(|key| get(&redis, key, caller).unwrap_err());
            lost.filter(|error| !error.is_partial()).count().eq(&3).then_some(())
        });
    }
    cluster.servers.iter_mut().for_each(RedisServer::restart);
    for caller in callers() {
        poll_until("the cluster is found", || set(&redis, "k", "v", caller).ok());
    }
}

#[test]
fn settings_that_name_no_cluster_are_refused() {
    let refused = |cluster: Cluster| cluster.connect().unwrap_err().to_string();
    assert!(refused(Redis::cluster([""; 0])).contains("no servers"));
    assert!(refused(Redis::cluster(["host:port"])).contains("URL"));
    assert!(refused(Redis::cluster(["unix:///tmp/socket"])).contains("a host and a port"));
    assert!(refused(Redis::cluster(["redis://:hunter2@host/3"])).contains("database"));
    assert!(refused(Redis::cluster(["host", "redis://:hunter2@other"])).contains("asked alike"));
    #[cfg(feature = "tls")]
    assert!(refused(Redis::cluster(["redis://host", "rediss://other"])).contains("asked alike"));
}
