//! What can never work, and that no secret is told.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::SystemTime;

use cachekit::backend::{Backend, Content, Live, Put};
use cachekit::record::{Envelope, NEVER};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::{RedisServer, poll_until};

use crate::support::{LIMIT, callers, connect, content, get, set, task, text, through, wait};

const SECRET: &str = "hunter2";

#[test]
fn a_password_is_shown_nowhere() {
    let server = RedisServer::start_with_password("another");
    let url = format!("redis://:{SECRET}@127.0.0.1:{}", server.port());
    let redis = connect(&url);
    let client = Redis::from_client(redis::Client::open(url).unwrap());
    let mut shown = vec![format!("{redis:?} {redis:#?} {client:?}")];
    for caller in callers() {
        let error = wait(redis.ping(caller)).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("WRONGPASS"), "{error}");
        // Told by the gate.
        let again = wait(client.ping(caller)).unwrap_err();
        assert!(again.is_refused(), "{again}");
        shown.push(format!("{error} {error:?} {again}"));
    }
    let urls = [
        format!("redis://:{SECRET}@"),
        format!("redis://:{SECRET}@host:port"),
        format!("redis://:{SECRET}@host/database"),
        format!("redis://:{SECRET}/@host"),
        format!("redis://:{SECRET}@host?protocol=4"),
        format!("rediss://:{SECRET}@"),
        format!("redis-sentinel://:{SECRET}@host/name"),
        format!("redis+cluster://:{SECRET}@host"),
        format!("http://:{SECRET}@host"),
        format!("unix:{SECRET}"),
        SECRET.to_owned(),
    ];
    for url in urls {
        let error = Redis::connect(&url).expect_err(&url);
        assert!(error.is_refused(), "{error}");
        shown.push(format!("{error} {error:?}"));
    }
    for shown in shown {
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

#[test]
fn what_is_not_supported_yet_is_said() {
    let of = |url| Redis::connect(url).unwrap_err().to_string();
    assert!(of("redis-cluster://host").contains("clusters"));
    assert!(of("redis-sentinel://host").contains("Redis::sentinels"));
}

#[test]
fn who_has_no_password_or_the_wrong_one_is_refused_until_it_is_right() {
    let server = RedisServer::start_with_password("right");
    let (none, wrong) = (through(server.port()), connect(&format!("redis://:wrong@127.0.0.1:{}", server.port())));
    for caller in callers() {
        for redis in [&none, &wrong] {
            let error = get(redis, "k", caller).unwrap_err();
            assert!(error.is_refused(), "{error}");
        }
    }
    server.command(&["CONFIG", "SET", "requirepass", "wrong"]);
    for caller in callers() {
        poll_until("the password is right", || get(&wrong, "k", caller).ok());
    }
}

#[test]
fn who_may_do_nothing_is_refused() {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "nobody", "on", ">p", "~*", "-@all"]);
    server.command(&["ACL", "SETUSER", "reader", "on", ">p", "~*", "+@all", "-set"]);
    server.command(&["ACL", "SETUSER", "elsewhere", "on", ">p", "~other:*", "+@all"]);
    let of = |user| connect(&format!("redis://{user}:p@127.0.0.1:{}", server.port()));
    for caller in callers() {
        let error = get(&of("nobody"), "k", caller).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("NOPERM"), "{error}");
        assert!(wait(of("nobody").ping(caller)).unwrap_err().is_refused());
        let error = set(&of("reader"), "k", "v", caller).unwrap_err();
        assert!(error.is_refused(), "{error}");
        assert_eq!(get(&of("reader"), "k", caller).unwrap(), None);
        let error = set(&of("elsewhere"), "k", "v", caller).unwrap_err();
        assert!(error.is_refused(), "{error}");
        set(&of("elsewhere"), "other:k", "v", caller).unwrap();
    }
}

#[test]
fn what_one_task_may_not_read_is_no_others_refusal() {
    let server = RedisServer::start();
    server.command(&["SET", "ours:k", "v"]);
    server.command(&["ACL", "SETUSER", "us", "on", ">p", "~ours:*", "+@all"]);
    let redis = connect(&format!("redis://us:p@127.0.0.1:{}", server.port()));
    get(&redis, "ours:k", task(LIMIT)).unwrap();
    // While it stands still, what is asked for is gathered.
    server.stop();
    let mut asked: Vec<_> =
        (0..40).map(|n| redis.get(if n % 2 == 0 { "ours:k" } else { "theirs:k" }, task(LIMIT))).collect();
    for answer in &mut asked {
        assert!(futures::FutureExt::now_or_never(answer).is_none());
    }
    server.resume();
    for (n, answer) in asked.into_iter().enumerate() {
        match wait(answer) {
            Ok(found) => assert_eq!((n % 2, found.as_ref().map(text).as_deref()), (0, Some("v"))),
            Err(error) => assert!(n % 2 == 1 && error.to_string().contains("NOPERM"), "{n}: {error}"),
        }
    }
}

#[test]
fn a_database_that_is_none_is_refused() {
    let server = RedisServer::start();
    let redis = connect(&format!("{}/99", server.url()));
    for caller in callers() {
        let error = get(&redis, "k", caller).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("DB index"), "{error}");
    }
}

#[test]
fn a_server_of_another_protocol_is_refused() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let redis = through(listener.local_addr().unwrap().port());
    // It ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    for caller in callers() {
        let error = get(&redis, "k", caller).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("not one of Redis"), "{error}");
    }
}

#[test]
fn a_live_object_is_refused() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    let created = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (fresh_until, keep_until) = (NEVER, NEVER);
    let envelope =
        Envelope { expired: false, created, fresh_until, keep_until, cost: 0, region: [0, 0], codec: 0, tags: vec![] };
    let (live, bytes) = (Content::Live(Live::new(envelope, 5_u32)), content("v"));
    for caller in callers() {
        let put = |content| Put { key: "k", content, keep: None };
        assert!(wait(redis.set(put(&live), caller)).unwrap_err().is_refused());
        assert!(wait(redis.set_many(&[put(&bytes), put(&live)], caller)).unwrap_err().is_refused());
        assert_eq!(get(&redis, "k", caller).unwrap(), None);
    }
}
