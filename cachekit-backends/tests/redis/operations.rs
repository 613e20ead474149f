//! What operations do to the server.

use std::time::Duration;

use cachekit::backend::{Acquired, Backend, Claim, Lease, Patch, Put, Token};
use cachekit_test_servers::{Proxy, RedisServer, poll_until};

use crate::support::{LIMIT, acquire, callers, commit, connect, content, get, is_granted, set, text, through, wait};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_value_is_under_its_key_for_others_to_find() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    for caller in callers() {
        set(&redis, "user:5", "Ada", caller).unwrap();
        assert_eq!(server.command(&["GET", "user:5"]), "$3\r\nAda\r\n");
        wait(redis.delete("user:5", caller)).unwrap();
        assert_eq!(server.command(&["DBSIZE"]), ":0\r\n");
    }
}

#[test]
fn keys_of_every_kind_hold_values_and_leases_of_their_own() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    let keys = ["", "k", "{", "}", "{}", "{}{k}", "{k}", "a{k}b", "k:lease{k}", "{k}:value{}", "k{}", "\r\n\0 ü"];
    for caller in callers() {
        for (number, key) in (1..).zip(keys) {
            assert!(is_granted(&acquire(&redis, key, Token(number), MINUTE, caller)), "{key:?}");
        }
        for (number, key) in (1..).zip(keys) {
            assert!(commit(&redis, key, &format!("of {key}"), Token(number), caller).unwrap(), "{key:?}");
        }
        let found = wait(redis.get_many(&keys, caller)).unwrap();
        for (key, found) in keys.iter().zip(found) {
            assert_eq!(text(&found.unwrap()), format!("of {key}"));
        }
        wait(redis.delete_many(&keys, caller)).unwrap();
        assert_eq!(server.command(&["DBSIZE"]), ":0\r\n");
    }
}

#[test]
fn operations_are_one_round_trip_each() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let redis = through(proxy.port());
    let (lease, content) = (Lease { token: Token(1), length: MINUTE }, content("v"));
    let put = |key| Put { key, content: &content, keep: Some(MINUTE) };
    let puts = [put("a"), put("b"), put("c")];
    for caller in callers() {
        let all: [(&str, &dyn Fn()); 11] = [
            ("set", &|| wait(redis.set(put("a"), caller)).unwrap()),
            ("set_many", &|| wait(redis.set_many(&puts, caller)).unwrap()),
            ("get", &|| drop(wait(redis.get("a", caller)).unwrap())),
            ("get_many", &|| drop(wait(redis.get_many(&["a", "b", "d"], caller)).unwrap())),
            ("add", &|| drop(wait(redis.add(put("a"), caller)).unwrap())),
            ("patch", &|| assert!(wait(redis.patch("a", Patch::new(0, b"w"), caller)).unwrap())),
            ("delete_many", &|| wait(redis.delete_many(&["a", "b"], caller)).unwrap()),
            ("acquire", &|| drop(wait(redis.acquire("a", lease, Claim::Always, caller)).unwrap())),
            ("renew", &|| assert!(wait(redis.renew("a", lease, caller)).unwrap())),
            ("commit", &|| assert!(wait(redis.commit(put("a"), lease.token, caller)).unwrap())),
            ("abandon", &|| wait(redis.abandon("a", lease.token, caller)).unwrap()),
        ];
        // The first time a server sees a script, and the connection.
        for (_, operation) in all {
            operation();
        }
        for (name, operation) in all {
            let before = proxy.round_trips();
            operation();
            assert_eq!(proxy.round_trips() - before, 1, "{name}, {caller:?}");
        }
    }
}

#[test]
fn nothing_is_asked_about_no_keys() {
    let redis = through(1);
    for caller in callers() {
        assert!(wait(redis.get_many(&[], caller)).unwrap().is_empty());
        wait(redis.set_many(&[], caller)).unwrap();
        wait(redis.delete_many(&[], caller)).unwrap();
    }
}

#[test]
fn scripts_that_the_server_forgot_are_sent_again() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    let content = content("v");
    let put = |key| Put { key, content: &content, keep: None };
    for caller in callers() {
        set(&redis, "k", "v", caller).unwrap();
        server.command(&["SCRIPT", "FLUSH"]);
        set(&redis, "k", "w", caller).unwrap();
        assert_eq!(get(&redis, "k", caller).unwrap().as_deref(), Some("w"));
        server.command(&["SCRIPT", "FLUSH"]);
        wait(redis.set_many(&[put("a"), put("b")], caller)).unwrap();
        assert_eq!(get(&redis, "b", caller).unwrap().as_deref(), Some("v"));
    }
}

#[test]
fn a_commit_after_a_delete_is_refused() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    for caller in callers() {
        assert!(is_granted(&acquire(&redis, "k", Token(1), MINUTE, caller)));
        wait(redis.delete("k", caller)).unwrap();
        assert!(!commit(&redis, "k", "old", Token(1), caller).unwrap());
        assert_eq!(get(&redis, "k", caller).unwrap(), None);
    }
}

#[test]
fn a_lease_lapses() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    for caller in callers() {
        assert!(is_granted(&acquire(&redis, "k", Token(1), Duration::from_millis(20), caller)));
        poll_until("the lease lapses", || match acquire(&redis, "k", Token(2), MINUTE, caller) {
            Acquired::Granted => Some(()),
            Acquired::Busy(left) => {
                assert!(left <= Duration::from_millis(20), "{left:?}");
                None
            }
            Acquired::Stored(content) => panic!("{content:?}"),
        });
        assert!(!commit(&redis, "k", "late", Token(1), caller).unwrap());
        assert!(commit(&redis, "k", "v", Token(2), caller).unwrap());
        wait(redis.delete("k", caller)).unwrap();
    }
}

#[test]
fn what_is_stored_is_told_even_if_it_is_empty() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    for caller in callers() {
        set(&redis, "k", "", caller).unwrap();
        assert_eq!(get(&redis, "k", caller).unwrap().as_deref(), Some(""));
        let lease = Lease { token: Token(1), length: MINUTE };
        let seen = wait(redis.acquire("k", lease, Claim::Unseen(b"seen"), caller)).unwrap();
        assert!(matches!(seen, Acquired::Stored(content) if text(&content).is_empty()));
        assert!(is_granted(&acquire(&redis, "k", Token(1), MINUTE, caller)), "the empty one was seen");
        assert_eq!(text(&wait(redis.add(Put { key: "k", content: &content("v"), keep: None }, caller)).unwrap()), "");
    }
}

#[test]
fn values_of_other_kinds_count_as_nothing_and_are_overwritten() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    for caller in callers() {
        server.command(&["DEL", "k"]);
        server.command(&["LPUSH", "k", "an", "element"]);
        assert_eq!(get(&redis, "k", caller).unwrap(), None);
        assert!(wait(redis.get_many(&["k"], caller)).unwrap()[0].is_none());
        assert!(!wait(redis.patch("k", Patch::expired(), caller)).unwrap());
        assert!(is_granted(&acquire(&redis, "k", Token(1), MINUTE, caller)));
        assert!(commit(&redis, "k", "v", Token(1), caller).unwrap());
        assert_eq!(get(&redis, "k", caller).unwrap().as_deref(), Some("v"));
        server.command(&["LPUSH", "l:lease{l}", "an", "element"]);
        let lease = Lease { token: Token(1), length: MINUTE };
        let error = wait(redis.acquire("l", lease, Claim::Unseen(&[]), caller)).unwrap_err();
        assert!(error.is_backend() && error.to_string().contains("WRONGTYPE"), "a lease is not lent out: {error}");
    }
}

#[test]
fn how_long_a_value_is_kept_is_lengthened_never_shortened() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    let left = || server.command(&["PTTL", "k"]).trim_matches([':', '\r', '\n']).parse::<i64>().unwrap();
    for caller in callers() {
        let content = content("v");
        let put = |keep| Put { key: "k", content: &content, keep };
        wait(redis.set(put(Some(MINUTE)), caller)).unwrap();
        assert!((1..=60_000).contains(&left()));
        wait(redis.add(put(Some(LIMIT)), caller)).unwrap();
        assert!(left() > 10_000);
        wait(redis.add(put(Some(MINUTE * 2)), caller)).unwrap();
        assert!((60_001..=120_000).contains(&left()));
        assert!(wait(redis.patch("k", Patch::new(0, b"w"), caller)).unwrap());
        assert!((60_001..=120_000).contains(&left()));
        assert!(!wait(redis.patch("k", Patch::new(1, b"w"), caller)).unwrap(), "it would be longer than it was");
        assert_eq!(get(&redis, "k", caller).unwrap().as_deref(), Some("w"));
        wait(redis.add(put(None), caller)).unwrap();
        assert_eq!(left(), -1);
        wait(redis.add(put(Some(MINUTE)), caller)).unwrap();
        assert_eq!(left(), -1);
        wait(redis.set(put(Some(Duration::MAX)), caller)).unwrap();
        assert!(left() > 0);
        wait(redis.delete("k", caller)).unwrap();
        wait(redis.add(put(Some(MINUTE)), caller)).unwrap();
        assert!((1..=60_000).contains(&left()));
    }
}
