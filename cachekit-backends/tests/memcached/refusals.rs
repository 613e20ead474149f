//! What can never work, and what one value is too large for.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::SystemTime;

use cachekit::backend::{Backend, Content, Live, Put, Token};
use cachekit::record::{Envelope, NEVER};
use cachekit::{Breaker, Region};
use cachekit_backends::memcached::Memcached;
use cachekit_test_servers::MemcachedServer;

use crate::support::{LIMIT, acquire, callers, connect, content, get, is_granted, set, through, wait};

#[test]
fn what_is_no_address_is_refused_and_says_what_is() {
    let of = |address: &str| {
        let error = Memcached::connect(address).expect_err(address);
        assert!(error.is_refused(), "{error}");
        error.to_string()
    };
    assert!(of("redis://host").contains("memcached://"));
    assert!(of("host:0").contains("11211"));
    assert!(of("").contains("host:port"));
    assert!(!of("memcached://me:hunter2@host").contains("hunter2"));
    let none: [&str; 0] = [];
    let error = Memcached::servers(none).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("servers = ["), "{error}");
}

#[test]
fn a_server_of_another_protocol_is_refused() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let memcached = through(listener.local_addr().unwrap().port());
    // It ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    for caller in callers() {
        let error = get(&memcached, "k", caller).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("not one of memcached"), "{error}");
        assert!(wait(memcached.ping(caller)).unwrap_err().is_refused());
    }
}

#[test]
fn a_server_that_gives_items_no_versions_is_refused() {
    let server = MemcachedServer::start_with(["-C"]);
    let memcached = connect(&server.url());
    for caller in callers() {
        let error = wait(memcached.ping(caller)).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("without `-C`"), "{error}");
    }
}

/// As a memcached does that was started with `-Y`: it answers everything that comes at once with one line, and waits.
#[test]
fn a_server_that_wants_a_password_is_refused_at_once() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"CLIENT_ERROR unauthenticated\r\n");
            open.push(stream);
        }
    });
    let memcached = through(port);
    for caller in callers() {
        let error = wait(memcached.ping(caller)).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("allow it without"), "{error}");
    }
}

#[test]
fn one_server_that_can_never_be_used_is_told_whatever_the_others_say() {
    let (good, wrong) = (MemcachedServer::start(), MemcachedServer::start_with(["-C"]));
    let memcached = Memcached::servers([good.address(), wrong.address()]).unwrap();
    for caller in callers() {
        assert!(wait(memcached.ping(caller)).unwrap_err().is_refused());
    }
}

#[test]
fn what_is_too_large_is_refused_and_what_was_there_stays() {
    let server = MemcachedServer::start_with(["-I", "512k"]);
    let memcached = connect(&server.url());
    for caller in callers() {
        set(&memcached, "k", "old", caller).unwrap();
        let large = "x".repeat(512 << 10);
        let error = set(&memcached, "k", &large, caller).unwrap_err();
        assert!(error.is_partial() && error.to_string().contains("`k` has 524288 bytes"), "{error}");
        assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), Some("old"));
        assert!(is_granted(&acquire(&memcached, "l", Token(1), LIMIT, caller)));
        let put = Put { key: "l", content: &content(&large), keep: None };
        assert!(wait(memcached.commit(put, Token(1), caller)).unwrap_err().is_partial());
        assert!(is_granted(&acquire(&memcached, "l", Token(2), LIMIT, caller)), "nobody waits for what will not come");
        wait(memcached.abandon("l", Token(2), caller)).unwrap();
        let small = content("v");
        let puts = [put, Put { key: "m", content: &small, keep: None }];
        assert!(wait(memcached.set_many(&puts, caller)).unwrap_err().is_partial());
        assert_eq!(get(&memcached, "m", caller).unwrap().as_deref(), Some("v"), "the others are stored");
    }
}

#[test]
fn all_that_is_not_refused_as_too_large_fits() {
    // Less than the first is none that version 1.6.18 bears.
    for kibibytes in [512, 1024, 4 * 1024] {
        let server = MemcachedServer::start_with(["-m", "512", "-I", &format!("{kibibytes}k")]);
        let memcached = connect(&server.url());
        let most = kibibytes << 10;
        for key in ["k".to_owned(), "k".repeat(240), "k".repeat(400)] {
            for caller in callers() {
                let mut fitted = 0;
                for spared in [0, 100, 130, 140, 150, 160, 350, 400, 500, 600] {
                    let large = "x".repeat(most - spared);
                    match set(&memcached, &key, &large, caller) {
                        Ok(()) => {
                            fitted += 1;
                            assert_eq!(get(&memcached, &key, caller).unwrap().as_deref(), Some(large.as_str()));
                        }
                        Err(error) => {
                            assert!(error.to_string().contains("bytes, and the server takes"), "{spared}: {error}");
                        }
                    }
                }
                assert!(fitted > 0, "{kibibytes} KiB");
            }
        }
    }
}

#[test]
fn what_is_too_large_is_counted_and_everything_else_goes_on() {
    let server = MemcachedServer::start_with(["-I", "512k"]);
    let region = Region::builder("memcached-large").backend(connect(&server.url()));
    let region = region.breaker(Breaker::new().failures(1)).read_timeout(LIMIT).write_timeout(LIMIT);
    let region = region.build().unwrap();
    for round in 0..10 {
        let error = region.set("large", &"x".repeat(600_000)).unwrap_err();
        assert!(error.to_string().contains("bytes, and the server takes"), "{error}");
        let computed = region.get_or_create(format!("large {round}").as_str(), || "y".repeat(600_000));
        assert_eq!(computed.len(), 600_000, "the caller has it all the same");
        region.set("small", &round).unwrap();
    }
    assert!(region.stats().backend_errors >= 20, "{:?}", region.stats());
    // The server is asked, rather than what is kept here while it cannot be used.
    wait(connect(&server.url()).delete(&region.backend_key("small"), callers()[0])).unwrap();
    assert_eq!(region.get::<u32>("small").unwrap(), None);
}

#[test]
fn a_live_object_is_refused() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    let created = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (fresh_until, keep_until) = (NEVER, NEVER);
    let envelope =
        Envelope { expired: false, created, fresh_until, keep_until, cost: 0, region: [0, 0], codec: 0, tags: vec![] };
    let (live, bytes) = (Content::Live(Live::new(envelope, 5_u32)), content("v"));
    for caller in callers() {
        let put = |content| Put { key: "k", content, keep: None };
        assert!(wait(memcached.set(put(&live), caller)).unwrap_err().is_refused());
        assert!(wait(memcached.set_many(&[put(&bytes), put(&live)], caller)).unwrap_err().is_refused());
        assert_eq!(get(&memcached, "k", caller).unwrap(), None);
    }
}
