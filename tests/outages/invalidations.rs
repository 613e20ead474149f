//! Errors that the caller is told of, and invalidations that the store has not heard of.

use cachekit::{Error, Invalidation, OnBackendError, cache_on_arguments, regions};
use cachekit_test_servers::{Proxy, RedisServer, poll_until};

use crate::support::{Callers, Counted, process, until_shared};

regions! {
    static TOLD = cachekit::Region::builder("told");
}

#[cache_on_arguments(region = TOLD)]
fn tenfold(n: u64) -> u64 {
    n * 10
}

#[test]
fn reads_tell_of_errors_where_the_region_says_so_and_functions_answer() {
    let mut server = RedisServer::start();
    let backend = crate::support::redis(server.port());
    TOLD.configure(|region| region.backend(backend).on_backend_error(OnBackendError::Propagate)).unwrap();
    assert_eq!((tenfold(1), tenfold::get(1).unwrap()), (10, Some(10)));
    server.kill();
    for callers in Callers::both() {
        // The store is asked at first, and left alone later.
        for _ in 0..10 {
            tells(callers.get(&TOLD, "k"));
            tells(callers.get_many(&TOLD, &["a".to_owned(), "b".to_owned()]));
            tells(tenfold::get(1));
            tells(tenfold::entry(1).peek());
        }
    }
    assert_eq!((tenfold(1), tenfold(2)), (10, 20));
}

#[test]
fn writes_tell_of_errors_whatever_the_region_says() {
    for callers in Callers::both() {
        for policy in [OnBackendError::Degrade, OnBackendError::Propagate] {
            let mut server = RedisServer::start();
            let region = process(server.port()).on_backend_error(policy).build().unwrap();
            callers.set(&region, "k", 1).unwrap();
            server.kill();
            for _ in 0..10 {
                tells(callers.set(&region, "k", 2));
                tells(callers.delete(&region, "k"));
                tells(callers.invalidate(&region, Invalidation::Hard));
                tells(callers.invalidate(&region, Invalidation::Soft));
                tells(callers.invalidate_tag(&region, "tag"));
            }
            if policy == OnBackendError::Degrade {
                assert_eq!(callers.get(&region, "k").unwrap(), None);
            }
        }
    }
}

#[test]
fn what_could_not_be_deleted_is_never_served_again() {
    type Forget = fn(&Callers, &cachekit::Region) -> Result<(), Error>;

    let ways: [Forget; 5] = [
        |callers, region| callers.delete(region, "k"),
        |callers, region| callers.set(region, "k", 77),
        |callers, region| callers.invalidate(region, Invalidation::Hard),
        |callers, region| callers.invalidate(region, Invalidation::Soft),
        |callers, region| callers.invalidate_tag(region, "tag"),
    ];
    for callers in Callers::both() {
        for (number, forget) in ways.iter().enumerate() {
            let server = RedisServer::start();
            let (one, other) = (process(server.port()).build().unwrap(), process(server.port()).build().unwrap());
            let made = Counted::default();
            let key = || cachekit::Key::from("k").tagged(["tag"]);
            assert_eq!(callers.get_or_create(&one, key(), || made.run()), 1);
            until_shared(&callers, &one, &other);
            server.stop();
            tells(forget(&callers, &one));
            assert_ne!(callers.get_or_create(&one, key(), || made.run()), 1, "way {number}, during the outage");
            server.resume();
            poll_until("the process has paid", || {
                assert_ne!(callers.get_or_create(&one, key(), || made.run()), 1, "way {number}, after it");
                (callers.get(&other, "k").unwrap() != Some(1)).then_some(())
            });
            assert_ne!(callers.get_or_create(&other, key(), || made.run()), 1, "way {number}, in another process");
        }
    }
}

#[test]
fn what_could_not_be_deleted_goes_when_the_store_is_back_whether_or_not_anybody_calls() {
    for callers in Callers::both() {
        let server = RedisServer::start();
        let proxy = Proxy::before(server.port());
        let (one, other) = (process(proxy.port()).build().unwrap(), process(server.port()).build().unwrap());
        callers.set(&one, "k", 1).unwrap();
        proxy.refuse();
        tells(callers.delete(&one, "k"));
        assert_eq!(callers.get(&other, "k").unwrap(), Some(1));
        proxy.forward();
        poll_until("it is gone", || callers.get(&other, "k").unwrap().is_none().then_some(()));
    }
}

fn tells<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert!(error.is_backend() && !error.is_refused(), "{error}");
}
