//! A store that takes no writes: a replica, or one that is full. What it can do is still asked of it.

use cachekit::Region;
use cachekit_test_servers::{RedisServer, poll_until};

use crate::support::{Callers, Counted, process, until_shared};

#[test]
fn a_replica_is_read_and_what_cannot_be_written_is_kept_in_the_process() {
    for callers in Callers::both() {
        let (primary, replica) = (RedisServer::start(), RedisServer::start());
        let (one, other) = (process(primary.port()).build().unwrap(), process(replica.port()).build().unwrap());
        replica.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
        callers.set(&one, "k", 1).unwrap();
        let exists = ["EXISTS", &one.backend_key("k")];
        poll_until("the replica has it", || (replica.command(&exists) == ":1\r\n").then_some(()));
        assert_eq!(callers.get(&other, "k").unwrap(), Some(1));
        assert_eq!(other.stats().backend_errors, 0, "reads are no failures");

        degrades(&callers, &other);
        assert!(callers.set(&other, "mine", 1).unwrap_err().is_backend());
        assert!(callers.delete(&other, "mine").unwrap_err().is_backend());
        callers.set(&one, "later", 2).unwrap();
        poll_until("other entries are read as before", || callers.get(&other, "later").ok().flatten());

        replica.command(&["REPLICAOF", "NO", "ONE"]);
        until_shared(&callers, &other, &other);
    }
}

#[test]
fn a_full_store_is_read_and_invalidated_and_what_cannot_be_written_is_kept_in_the_process() {
    for callers in Callers::both() {
        let server = RedisServer::start();
        let (one, other) = (process(server.port()).build().unwrap(), process(server.port()).build().unwrap());
        until_shared(&callers, &one, &other);
        callers.set(&one, "k", 1).unwrap();
        callers.set(&one, "gone", 1).unwrap();
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);

        degrades(&callers, &other);
        assert_eq!(callers.get(&other, "k").unwrap(), Some(1));
        callers.delete(&other, "gone").unwrap();
        assert_eq!(callers.get(&one, "gone").unwrap(), None);

        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        until_shared(&callers, &other, &one);
    }
}

/// Values are computed once, errors are counted.
fn degrades(callers: &Callers, region: &Region) {
    let errors = region.stats().backend_errors;
    for number in 0..10 {
        let (made, key) = (Counted::default(), format!("new {number}"));
        for _ in 0..3 {
            assert_eq!(callers.get_or_create(region, key.as_str(), || made.run()), 1);
        }
    }
    assert!(region.stats().backend_errors >= errors + 5, "{}", region.stats());
}
