//! Two servers, of which one is lost: what the other has is served, and nothing is kept elsewhere.

use std::time::{Duration, Instant};

use cachekit::Region;
use cachekit::backend::{Acquired, Backend, Content, Put, Token};
use cachekit_backends::memcached::Memcached;
use cachekit_test_servers::{MemcachedServer, poll_until};

use crate::support::{LIMIT, acquire, callers, content, get, is_granted, item, set, task, thread, wait};

const SHORT: Duration = Duration::from_millis(200);

/// Far more than a limit, and far less than what a system waits for.
const BOUND: Duration = Duration::from_secs(5);

/// Two servers, with keys of each.
struct Both {
    servers: [MemcachedServer; 2],
    memcached: Memcached,
    keys: [Vec<String>; 2],
}

impl Both {
    fn start() -> Self {
        let servers = [(); 2].map(|()| MemcachedServer::start());
        let memcached = Memcached::servers(servers.each_ref().map(MemcachedServer::address)).unwrap();
        let mut keys = [Vec::new(), Vec::new()];
        for number in 0..40 {
            let key = format!("k{number}");
            set(&memcached, &key, "v", thread(LIMIT)).unwrap();
            let of = servers.iter().position(|server| item(server, &key).is_some()).unwrap();
            keys[of].push(key);
        }
        assert!(keys.iter().all(|keys| keys.len() > 4), "{keys:?}");
        Self { servers, memcached, keys }
    }

    /// Those of the first, which is lost, and those of the second.
    fn keys(&self) -> [Vec<&str>; 2] {
        self.keys.each_ref().map(|keys| keys.iter().map(String::as_str).collect())
    }
}

fn is_unknown(found: Option<&Content>) -> bool {
    matches!(found, Some(Content::Unknown(error)) if error.is_partial())
}

#[test]
fn what_the_other_has_is_served_while_one_is_gone() {
    for caller in callers() {
        let mut both = Both::start();
        both.servers[0].kill();
        let [lost, kept] = both.keys();
        for _ in 0..20 {
            let error = get(&both.memcached, lost[0], caller).unwrap_err();
            assert!(error.is_partial(), "{error}");
            assert_eq!(get(&both.memcached, kept[0], caller).unwrap().as_deref(), Some("v"));
            let found = wait(both.memcached.get_many(&[lost[0], kept[0], lost[1], kept[1]], caller)).unwrap();
            let unknown: Vec<_> = found.iter().map(|found| is_unknown(found.as_ref())).collect();
            assert_eq!(unknown, [true, false, true, false]);
            assert!(wait(both.memcached.get_many(&lost, caller)).unwrap_err().is_partial());
            wait(both.memcached.ping(caller)).unwrap();
        }
        for key in &lost {
            assert!(set(&both.memcached, key, "new", caller).unwrap_err().is_partial());
            assert_eq!(item(&both.servers[1], key), None, "nothing is kept elsewhere");
        }
        let content = content("new");
        let puts = [lost[0], kept[0]].map(|key| Put { key, content: &content, keep: None });
        assert!(wait(both.memcached.set_many(&puts, caller)).unwrap_err().is_partial());
        assert_eq!(get(&both.memcached, kept[0], caller).unwrap().as_deref(), Some("new"));
    }
}

#[test]
fn a_server_that_stands_still_costs_its_own_keys_the_limit() {
    let both = Both::start();
    let [lost, kept] = both.keys();
    for caller in [thread(SHORT), task(SHORT)] {
        both.servers[0].stop();
        for round in 0..6 {
            let begun = Instant::now();
            let found = wait(both.memcached.get_many(&[lost[0], kept[0]], caller)).unwrap();
            assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
            assert!(is_unknown(found[0].as_ref()) && !is_unknown(found[1].as_ref()), "{round}: {found:?}");
            assert_eq!(get(&both.memcached, kept[1], caller).unwrap().as_deref(), Some("v"));
        }
        both.servers[0].resume();
        poll_until("the server answers again", || get(&both.memcached, lost[0], caller).ok());
    }
}

#[test]
fn a_server_that_is_back_is_used_again_and_has_its_keys() {
    let mut both = Both::start();
    both.servers[0].kill();
    for caller in callers() {
        let key = both.keys[0][0].clone();
        assert!(get(&both.memcached, &key, caller).is_err());
        both.servers[0].restart();
        poll_until("the server is used", || set(&both.memcached, &key, "again", caller).ok());
        assert_eq!(item(&both.servers[0], &key).as_deref(), Some("again"));
        both.servers[0].kill();
    }
}

#[test]
fn a_region_computes_what_is_lost_and_finds_the_rest() {
    let mut both = Both::start();
    let region = Region::builder("memcached-several").backend(both.memcached.clone());
    let region = region.read_timeout(LIMIT).write_timeout(LIMIT).build().unwrap();
    let keys: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
    for key in &keys {
        assert_eq!(region.get_or_create(key.as_str(), || 1_u32), 1);
    }
    let is_kept = |key: &String| item(&both.servers[1], &region.backend_key(key)).is_some();
    let (kept, lost): (Vec<_>, Vec<_>) = keys.iter().partition(|key| is_kept(key));
    assert!(kept.len() > 4 && lost.len() > 4);
    both.servers[0].kill();
    for _ in 0..3 {
        for key in &kept {
            assert_eq!(region.get_or_create(key.as_str(), || 2_u32), 1, "{key} is found");
        }
        for key in &lost {
            assert_eq!(region.get_or_create(key.as_str(), || 2_u32), 2, "{key} is computed");
        }
    }
}

#[test]
fn leases_are_where_their_keys_are() {
    let both = Both::start();
    for caller in callers() {
        for (server, keys) in both.servers.iter().zip(&both.keys) {
            let key = &keys[0];
            wait(both.memcached.delete(key, caller)).unwrap();
            assert!(is_granted(&acquire(&both.memcached, key, Token(1), LIMIT, caller)));
            assert!(matches!(acquire(&both.memcached, key, Token(2), LIMIT, caller), Acquired::Busy(_)));
            assert!(item(server, &format!("ck%l:{key}")).is_some());
            wait(both.memcached.abandon(key, Token(1), caller)).unwrap();
        }
    }
}
