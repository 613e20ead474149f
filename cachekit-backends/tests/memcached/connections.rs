//! Whose connections they are, and where they live.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use cachekit::Region;
use cachekit::backend::{Backend, Context};
use cachekit_backends::memcached::Memcached;
use cachekit_test_servers::{MemcachedServer, Proxy, poll_until};
use tokio::runtime::Builder;
use tokio::sync::{Barrier, Semaphore};

use crate::support::{LIMIT, callers, connect, content, get, set, task, text, thread, through, wait};

#[test]
fn all_of_one_address_share_their_connections_until_the_last_is_dropped() {
    let server = MemcachedServer::start();
    let proxy = Proxy::before(server.port());
    let memcached = [through(proxy.port()), through(proxy.port())];
    for memcached in memcached.iter().chain(&[memcached[0].clone()]) {
        for caller in callers() {
            set(memcached, "k", "v", caller).unwrap();
        }
    }
    assert_eq!(proxy.connections(), 2, "one of threads, one of tasks");
    drop(memcached);
    poll_until("connections end", || (proxy.open() == 0).then_some(()));
}

#[test]
fn an_address_of_ipv6_does() {
    let server = MemcachedServer::start_with(["-l", "::1"]);
    for address in [format!("[::1]:{}", server.port()), format!("memcached://[::1]:{}", server.port())] {
        let memcached = connect(&address);
        for caller in callers() {
            set(&memcached, "k", "v", caller).unwrap();
            assert_eq!(get(&memcached, "k", caller).unwrap().as_deref(), Some("v"));
        }
    }
}

#[test]
fn threads_at_the_same_time_have_a_connection_each() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    thread::scope(|scope| {
        for number in 0..8 {
            let memcached = &memcached;
            scope.spawn(move || {
                for round in 0..50 {
                    let (key, value) = (format!("k{number}"), format!("{round} of {number}"));
                    set(memcached, &key, &value, thread(LIMIT)).unwrap();
                    assert_eq!(get(memcached, &key, thread(LIMIT)).unwrap(), Some(value));
                }
            });
        }
    });
}

#[test]
fn one_backend_serves_several_runtimes_and_none() {
    let server = MemcachedServer::start();
    let proxy = Proxy::before(server.port());
    let memcached = through(proxy.port());
    let read = async |memcached: &Memcached, caller: Context| text(&memcached.get("k", caller).await.unwrap().unwrap());
    set(&memcached, "k", "v", task(LIMIT)).unwrap();
    for builder in [Builder::new_current_thread, Builder::new_current_thread, Builder::new_multi_thread] {
        // Without drivers of its own, and gone at the end.
        let runtime = builder().build().unwrap();
        for caller in callers() {
            assert_eq!(runtime.block_on(read(&memcached, caller)), "v");
        }
    }
    assert_eq!(futures::executor::block_on(read(&memcached, task(LIMIT))), "v");
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn tasks_at_the_same_time_get_their_own_answers() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks = (0..64).map(|number| {
        let memcached = memcached.clone();
        runtime.spawn(async move {
            let key = format!("k{number}");
            for round in 0..20 {
                let value = content(&format!("{round} of {number}"));
                let put = cachekit::backend::Put { key: &key, content: &value, keep: None };
                memcached.set(put, task(LIMIT)).await.unwrap();
                // Asked and not waited for.
                drop(memcached.get(&key, task(LIMIT)));
                let mut given_up = memcached.get("k0", task(LIMIT));
                let _ = futures::poll!(&mut given_up);
                drop(given_up);
                let found = memcached.get(&key, task(LIMIT)).await.unwrap().unwrap();
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
    let memcached = through(1);
    for caller in callers() {
        let error = wait(memcached.ping(caller)).unwrap_err();
        assert!(error.is_backend() && !error.is_refused(), "{error}");
        assert!(error.to_string().contains("memcached at 127.0.0.1:1, `ping`"), "{error}");
    }
    assert!(Region::builder("memcached-absent").backend(memcached).build().is_ok());
}

#[test]
fn an_answer_that_nobody_looks_at_holds_no_other_up() {
    let server = MemcachedServer::start();
    let memcached = connect(&server.url());
    set(&memcached, "k", "v", task(LIMIT)).unwrap();
    for builder in [Builder::new_current_thread, Builder::new_multi_thread] {
        let runtime = builder().worker_threads(2).build().unwrap();
        // Their answers come at once, those that are looked at last.
        server.stop();
        let (asked, is_over) = (Arc::new(Barrier::new(17)), Arc::new(Semaphore::new(0)));
        let ask = |is_looked_at: bool| {
            let (memcached, asked, is_over) = (memcached.clone(), Arc::clone(&asked), Arc::clone(&is_over));
            runtime.spawn(async move {
                let mut answer = memcached.get("k", task(LIMIT));
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
