//! What operations do to the server.

use std::time::Duration;

use cachekit::backend::{Acquired, Backend, Claim, Lease, Patch, Put, Token};
use cachekit_test_servers::{MemcachedServer, Proxy, poll_until};

use crate::support::{
    LIMIT, acquire, callers, commit, connect, content, get, is_granted, item, set, text, through, wait,
};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_value_is_under_its_key_for_others_to_find() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        set(&memcached, "user:5", "Ada", caller).unwrap();
        assert_eq!(server.command("get user:5\r\n"), "VALUE user:5 1 3\r\nAda\r\nEND\r\n");
        wait(memcached.delete("user:5", caller)).unwrap();
        assert_eq!(server.command("get user:5\r\n"), "END\r\n");
        // Stored by somebody else, without marks.
        server.command("set user:6 0 0 5\r\nGrace\r\n");
        assert_eq!(get(&memcached, "user:6", caller).unwrap().as_deref(), Some("Grace"));
    }
}

#[test]
fn keys_of_every_kind_hold_values_and_leases_of_their_own() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    let long = "l".repeat(240);
    let longer = [format!("{long}l"), format!("{long}m"), "é".repeat(3_000)];
    let keys = ["", "k", "ck%", "ck%l:k", "ck%v:k", "a b", "a_b", "a\tb", "\r\n\0 ü", "\r\nmn\r\n", &long];
    let keys: Vec<&str> = keys.into_iter().chain(longer.iter().map(String::as_str)).collect();
    for caller in callers() {
        for (number, key) in (1..).zip(&keys) {
            assert!(is_granted(&acquire(&memcached, key, Token(number), MINUTE, caller)), "{key:?}");
        }
        for (number, key) in (1..).zip(&keys) {
            assert!(commit(&memcached, key, &format!("of {key}"), Token(number), caller).unwrap(), "{key:?}");
        }
        let found = wait(memcached.get_many(&keys, caller)).unwrap();
        for (key, found) in keys.iter().zip(found) {
            assert_eq!(text(&found.unwrap()), format!("of {key}"));
        }
        wait(memcached.delete_many(&keys, caller)).unwrap();
        assert!(wait(memcached.get_many(&keys, caller)).unwrap().iter().all(Option::is_none));
    }
}

#[test]
fn operations_are_one_round_trip_each() {
    let server = MemcachedServer::start();
    let proxy = Proxy::before(server.port());
    let memcached = through(proxy.port());
    let (lease, content) = (Lease { token: Token(1), length: MINUTE }, content("v"));
    let unseen = Claim::Unseen(&[]);
    let put = |key| Put { key, content: &content, keep: Some(MINUTE) };
    let puts = [put("a"), put("b"), put("c")];
    for caller in callers() {
        let leases = [("a", lease, unseen), ("b", lease, unseen)];
        let all: [(&str, u64, &dyn Fn()); 15] = [
            ("set", 1, &|| wait(memcached.set(put("a"), caller)).unwrap()),
            ("set_many", 1, &|| wait(memcached.set_many(&puts, caller)).unwrap()),
            ("get", 1, &|| drop(wait(memcached.get("a", caller)).unwrap())),
            ("get_many", 1, &|| drop(wait(memcached.get_many(&["a", "b", "d"], caller)).unwrap())),
            ("add", 1, &|| drop(wait(memcached.add(put("a"), caller)).unwrap())),
            // It reads what it changes.
            ("patch", 2, &|| assert!(wait(memcached.patch("a", Patch::new(0, b"w"), caller)).unwrap())),
            // The lease is given back.
            ("acquire of what is stored", 2, &|| {
                let acquired = wait(memcached.acquire("a", lease, unseen, caller)).unwrap();
                assert!(matches!(acquired, Acquired::Stored(_)), "{acquired:?}");
            }),
            // Somebody may have computed who was slow.
            ("acquire over what is old", 2, &|| {
                let seen = Claim::Unseen(b"w");
                assert!(is_granted(&wait(memcached.acquire("a", lease, seen, caller)).unwrap()));
            }),
            ("delete_many", 1, &|| wait(memcached.delete_many(&["a", "b", "d"], caller)).unwrap()),
            ("add of what is missing", 1, &|| drop(wait(memcached.add(put("d"), caller)).unwrap())),
            ("acquire_many", 1, &|| {
                assert!(wait(memcached.acquire_many(&leases, caller)).unwrap().iter().all(is_granted));
            }),
            ("renew", 1, &|| assert!(wait(memcached.renew("a", lease, caller)).unwrap())),
            ("commit", 1, &|| assert!(wait(memcached.commit(put("a"), lease.token, caller)).unwrap())),
            ("abandon", 1, &|| wait(memcached.abandon("b", lease.token, caller)).unwrap()),
            ("delete", 1, &|| wait(memcached.delete("d", caller)).unwrap()),
        ];
        // The connection.
        wait(memcached.ping(caller)).unwrap();
        for (name, expected, operation) in all {
            let before = proxy.round_trips();
            operation();
            assert_eq!(proxy.round_trips() - before, expected, "{name}, {caller:?}");
        }
    }
}

#[test]
fn nothing_is_asked_about_no_keys() {
    let memcached = through(1);
    for caller in callers() {
        assert!(wait(memcached.get_many(&[], caller)).unwrap().is_empty());
        wait(memcached.set_many(&[], caller)).unwrap();
        wait(memcached.delete_many(&[], caller)).unwrap();
        assert!(wait(memcached.acquire_many(&[], caller)).unwrap().is_empty());
    }
}

#[test]
fn thousands_of_keys_at_once_are_no_more_than_a_connection_takes() {
    let server = MemcachedServer::start_with(["-m", "512"]);
    let memcached = connect(&server.url());
    let keys: Vec<String> = (0..5_000).map(|number| format!("{number}{}", "k".repeat(200))).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let content = cachekit::backend::Content::Bytes(vec![7; 20_000]);
    let puts: Vec<_> = keys.iter().map(|key| Put { key, content: &content, keep: None }).collect();
    for caller in callers() {
        wait(memcached.set_many(&puts, caller)).unwrap();
        let found = wait(memcached.get_many(&keys, caller)).unwrap();
        assert!(found.iter().all(|found| found.as_ref().and_then(|found| found.as_bytes()) == content.as_bytes()));
        wait(memcached.delete_many(&keys, caller)).unwrap();
    }
}

#[test]
fn what_is_stored_is_told_even_if_it_is_empty() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        set(&memcached, "k", "", caller).unwrap();
        assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), Some(""));
        let lease = Lease { token: Token(1), length: MINUTE };
        let seen = wait(memcached.acquire("k", lease, Claim::Unseen(b"seen"), caller)).unwrap();
        assert!(matches!(seen, Acquired::Stored(content) if text(&content).is_empty()));
        assert!(is_granted(&acquire(&memcached, "k", Token(1), MINUTE, caller)), "the empty one was seen");
        let added = wait(memcached.add(Put { key: "k", content: &content("v"), keep: None }, caller)).unwrap();
        assert_eq!(text(&added), "");
    }
}

#[test]
fn a_lease_lapses_and_its_holder_stores_nothing() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        assert!(is_granted(&acquire(&memcached, "k", Token(1), Duration::from_millis(20), caller)));
        poll_until("the lease lapses", || match acquire(&memcached, "k", Token(2), MINUTE, caller) {
            Acquired::Granted => Some(()),
            Acquired::Busy(left) => {
                assert!(left <= Duration::from_secs(2), "{left:?}");
                None
            }
            Acquired::Stored(content) => panic!("{content:?}"),
        });
        assert!(!commit(&memcached, "k", "late", Token(1), caller).unwrap());
        assert!(commit(&memcached, "k", "v", Token(2), caller).unwrap());
        wait(memcached.delete("k", caller)).unwrap();
    }
}

#[test]
fn an_abandoned_lease_leaves_nothing_behind() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        assert!(is_granted(&acquire(&memcached, "k", Token(1), MINUTE, caller)));
        assert_eq!(item(&server, "ck%l:k").as_deref(), Some("00000000000000000000000000000001"));
        assert_eq!(item(&server, "k").as_deref(), Some(""), "what holds its place");
        assert_eq!(get(&memcached, "k", caller).unwrap(), None, "which is no value");
        wait(memcached.abandon("k", Token(1), caller)).unwrap();
        assert_eq!((item(&server, "k"), item(&server, "ck%l:k")), (None, None));
        // Of a lease that was granted unheard nothing is known here.
        server.command("ms ck%l:k 32 T60\r\n00000000000000000000000000000002\r\n");
        wait(memcached.abandon("k", Token(3), caller)).unwrap();
        assert!(matches!(acquire(&memcached, "k", Token(3), MINUTE, caller), Acquired::Busy(_)));
        wait(memcached.abandon("k", Token(2), caller)).unwrap();
        assert!(is_granted(&acquire(&memcached, "k", Token(3), MINUTE, caller)));
        wait(memcached.abandon("k", Token(3), caller)).unwrap();
    }
}

#[test]
fn how_long_a_value_is_kept_is_lengthened_never_shortened() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    let left = || {
        let answer = server.command("mg k t\r\n");
        answer["HD t".len()..].split_whitespace().next().unwrap().parse::<i64>().unwrap()
    };
    for caller in callers() {
        let content = content("v");
        let put = |keep| Put { key: "k", content: &content, keep };
        wait(memcached.set(put(Some(MINUTE)), caller)).unwrap();
        assert!((50..=61).contains(&left()));
        wait(memcached.add(put(Some(LIMIT)), caller)).unwrap();
        assert!(left() > 11);
        wait(memcached.add(put(Some(MINUTE * 2)), caller)).unwrap();
        assert!((110..=121).contains(&left()));
        assert!(wait(memcached.patch("k", Patch::new(0, b"w"), caller)).unwrap());
        assert!((110..=121).contains(&left()));
        assert!(!wait(memcached.patch("k", Patch::new(1, b"w"), caller)).unwrap(), "it would be longer than it was");
        assert!((110..=121).contains(&left()));
        assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), Some("w"));
        assert!(is_granted(
            &wait(memcached.acquire("k", Lease { token: Token(1), length: MINUTE }, Claim::Always, caller)).unwrap()
        ));
        assert!(left() > 80_000, "whoever computes stores over it, so it stays until then");
        wait(memcached.add(put(None), caller)).unwrap();
        assert_eq!(left(), -1);
        wait(memcached.add(put(Some(MINUTE)), caller)).unwrap();
        assert_eq!(left(), -1);
        let days = 24 * 60 * MINUTE;
        for (keep, expected) in [(29 * days, 29 * 86_400), (31 * days, 31 * 86_400), (400 * days, 400 * 86_400)] {
            wait(memcached.set(put(Some(keep)), caller)).unwrap();
            assert!((expected - 60..=expected + 60).contains(&left()), "{keep:?}: {}", left());
            assert!(wait(memcached.patch("k", Patch::new(0, b"w"), caller)).unwrap());
            assert!((expected - 60..=expected + 60).contains(&left()), "{keep:?}: {}", left());
        }
        wait(memcached.set(put(Some(Duration::MAX)), caller)).unwrap();
        assert_eq!(left(), -1);
        wait(memcached.delete("k", caller)).unwrap();
        wait(memcached.add(put(Some(MINUTE)), caller)).unwrap();
        assert!((50..=61).contains(&left()));
    }
}

#[test]
fn an_added_value_stays_and_what_is_computed_meanwhile_is_not_stored_over_it() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for caller in callers() {
        assert!(is_granted(&acquire(&memcached, "k", Token(1), MINUTE, caller)));
        let added = wait(memcached.add(Put { key: "k", content: &content("added"), keep: None }, caller)).unwrap();
        assert_eq!(text(&added), "added");
        assert!(!commit(&memcached, "k", "computed", Token(1), caller).unwrap());
        assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), Some("added"));
        wait(memcached.delete("k", caller)).unwrap();
    }
}

#[test]
fn a_value_that_is_kept_no_longer_may_be_renewed_all_the_same() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    for (number, caller) in (1..).zip(callers()) {
        let key = |name: &str| format!("{name} {number}");
        let content = content("old");
        let put = |key| Put { key, content: &content, keep: Some(Duration::from_secs(1)) };
        let (lent, canary) = (key("lent"), key("canary"));
        wait(memcached.set(put(&lent), caller)).unwrap();
        let lease = Lease { token: Token(number), length: MINUTE };
        assert!(is_granted(&wait(memcached.acquire(&lent, lease, Claim::Unseen(b"old"), caller)).unwrap()));
        wait(memcached.set(put(&canary), caller)).unwrap();
        poll_until("what was stored after it is gone", || {
            get(&memcached, &canary, caller).unwrap().is_none().then_some(())
        });
        assert!(commit(&memcached, &lent, "new", Token(number), caller).unwrap());
        assert_eq!(get(&memcached, &lent, caller).unwrap().as_deref(), Some("new"));
    }
}

#[test]
fn a_server_without_room_is_told_as_that_and_lends_no_lease() {
    let server = MemcachedServer::start_with(["-M", "-m", "2"]);
    let memcached = connect(&server.url());
    let large = "v".repeat(100_000);
    for (number, caller) in (1..).zip(callers()) {
        let mut fills = (0..10_000).map(|round| set(&memcached, &format!("{number} {round}"), &large, caller));
        let error = fills.find_map(Result::err).expect("there is room for two megabytes only");
        assert!(error.is_backend() && !error.is_refused(), "{error}");
        // Small items take other room, until that is full too.
        let error = (0..200_000)
            .find_map(|round| {
                let key = format!("lent-{number}-{round}");
                let lease = Lease { token: Token(7), length: MINUTE };
                let acquired = wait(memcached.acquire(&key, lease, Claim::Unseen(&[]), caller));
                let error = acquired.err()?;
                assert_eq!(item(&server, &format!("ck%l:{key}")), None, "nobody waits for a lease that was not lent");
                Some(error)
            })
            .expect("there is no room for all of them");
        assert!(error.is_backend() && !error.is_refused() && error.to_string().contains("out of memory"), "{error}");
        server.command("flush_all\r\n");
    }
}
