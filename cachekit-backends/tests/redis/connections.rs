//! Whose connections they are, and where they live.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use cachekit::Region;
use cachekit::backend::{Backend, Context};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::{Proxy, RedisServer, poll_until};
use tokio::runtime::Builder;
use tokio::sync::{Barrier, Semaphore};

use crate::support::{LIMIT, callers, connect, content, get, set, task, text, thread, through, wait};

#[test]
fn all_of_one_url_share_their_connections_until_the_last_is_dropped() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let redis = [through(proxy.port()), through(proxy.port())];
    for redis in redis.iter().chain(&[redis[0].clone()]) {
        for caller in callers() {
            set(redis, "k", "v", caller).unwrap();
        }
    }
    assert_eq!(proxy.connections(), 2, "one of threads, one of tasks");
    let other = connect(&format!("redis://127.0.0.1:{}/1", proxy.port()));
    assert_eq!(get(&other, "k", thread(LIMIT)).unwrap(), None, "another database is another server");
    assert_eq!(proxy.connections(), 3);
    drop((redis, other));
    poll_until("connections end", || (proxy.open() == 0).then_some(()));
}

#[test]
fn a_client_of_the_crate_redis_is_taken() {
    let server = RedisServer::start_with_password("open sesame");
    server.command(&["SET", "k", "v"]);
    let url = format!("redis://:open%20sesame@127.0.0.1:{}", server.port());
    let redis = Redis::from_client(redis::Client::open(url).unwrap());
    for caller in callers() {
        assert_eq!(get(&redis, "k", caller).unwrap().as_deref(), Some("v"));
    }
}

#[test]
fn a_unix_socket_does() {
    let server = RedisServer::start();
    for scheme in ["unix", "redis+unix"] {
        let redis = connect(&format!("{scheme}://{}?db=3", server.socket().display()));
        for caller in callers() {
            set(&redis, "k", "v", caller).unwrap();
            assert_eq!(get(&redis, "k", caller).unwrap().as_deref(), Some("v"));
        }
    }
    assert_eq!(server.command(&["GET", "k"]), "$-1\r\n");
}

#[test]
fn threads_at_the_same_time_have_a_connection_each() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    thread::scope(|scope| {
        for number in 0..8 {
            let redis = &redis;
            scope.spawn(move || {
                for round in 0..50 {
                    let (key, value) = (format!("k{number}"), format!("{round} of {number}"));
                    set(redis, &key, &value, thread(LIMIT)).unwrap();
                    assert_eq!(get(redis, &key, thread(LIMIT)).unwrap(), Some(value));
                }
            });
        }
    });
}

#[test]
fn one_backend_serves_several_runtimes_and_none() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let redis = through(proxy.port());
    let read = async |redis: &Redis, caller: Context| text(&redis.get("k", caller).await.unwrap().unwrap());
    set(&redis, "k", "v", task(LIMIT)).unwrap();
    for builder in [Builder::new_current_thread, Builder::new_current_thread, Builder::new_multi_thread] {
        // Without drivers of its own, and gone at the end.
        let runtime = builder().build().unwrap();
        for caller in callers() {
            assert_eq!(runtime.block_on(read(&redis, caller)), "v");
        }
    }
    assert_eq!(futures::executor::block_on(read(&redis, task(LIMIT))), "v");
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn tasks_at_the_same_time_get_their_own_answers() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks = (0..64).map(|number| {
        let redis = redis.clone();
        runtime.spawn(async move {
            let key = format!("k{number}");
            for round in 0..20 {
                let value = content(&format!("{round} of {number}"));
                let put = cachekit::backend::Put { key: &key, content: &value, keep: None };
                redis.set(put, task(LIMIT)).await.unwrap();
                // Asked and not waited for.
                drop(redis.get(&key, task(LIMIT)));
                let mut given_up = redis.get("k0", task(LIMIT));
                let _ = futures::poll!(&mut given_up);
                drop(given_up);
                let found = redis.get(&key, task(LIMIT)).await.unwrap().unwrap();
                assert_eq!(text(&found), text(&value));
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_server_that_is_not_there_yet_is_no_error_of_connect() {
    let redis = through(1);
    for caller in callers() {
        let error = wait(redis.ping(caller)).unwrap_err();
        assert!(error.is_backend() && !error.is_refused(), "{error}");
        assert!(error.to_string().contains("Redis at 127.0.0.1:1, `ping`"), "{error}");
    }
    assert!(Region::builder("redis-absent").backend(redis).build().is_ok());
}

#[test]
fn an_answer_that_nobody_looks_at_holds_no_other_up() {
    let server = RedisServer::start();
    let redis = connect(&server.url());
    set(&redis, "k", "v", task(LIMIT)).unwrap();
    for builder in [Builder::new_current_thread, Builder::new_multi_thread] {
        let runtime = builder().worker_threads(2).build().unwrap();
        // Their answers come at once, those that are looked at last.
        server.stop();
        let (asked, is_over) = (Arc::new(Barrier::new(17)), Arc::new(Semaphore::new(0)));
        let ask = |is_looked_at: bool| {
            let (redis, asked, is_over) = (redis.clone(), Arc::clone(&asked), Arc::clone(&is_over));
            runtime.spawn(async move {
                let mut answer = redis.get("k", task(LIMIT));
                assert!(futures::poll!(&mut answer).is_pending());
                asked.wait().await;
                if !is_looked_at {
                    drop(is_over.acquire().await);
                }
                assert_eq!(text(&answer.await.unwrap().unwrap()), "v");
            })
        };
        let unseen: Vec<_> = (0..8).map(|_| ask(false)).collect();
        let dropped = ask(false);
        let seen: Vec<_> = (0..7).map(|_| ask(true)).collect();
        runtime.block_on(async {
            asked.wait().await;
            dropped.abort();
            let resumed = Instant::now();
            server.resume();
            for task in seen {
                task.await.unwrap();
            }
            assert!(resumed.elapsed() < LIMIT / 2, "sooner than their limits");
            is_over.add_permits(8);
            for task in unseen {
                task.await.unwrap();
            }
        });
    }
}
