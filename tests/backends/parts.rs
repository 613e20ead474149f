//! A store of several servers, of which one is lost: what the others have is served as before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use cachekit::testing::ManualClock;
use cachekit::{Breaker, Error, Invalidation, Proxy, Region, cache_multi_on_arguments, regions};
use cachekit_backends::memory::Memory;

use crate::support::{Processes, TTL, until};

/// Loses the keys that have one of these texts in them.
#[derive(Clone, Debug, Default)]
struct Parts(Arc<Mutex<Vec<&'static str>>>);

impl Parts {
    fn lose(&self, lost: &[&'static str]) {
        *self.0.lock().unwrap() = lost.to_vec();
    }

    fn has_lost(&self, key: &str) -> bool {
        self.0.lock().unwrap().iter().any(|lost| key.contains(lost))
    }

    fn ask<'a, T: Send + 'a>(&self, keys: &[&str], ask: impl FnOnce() -> Answer<'a, T>) -> Answer<'a, T> {
        if keys.iter().any(|key| self.has_lost(key)) { Err(Self::error()).into() } else { ask() }
    }

    fn error() -> Error {
        Error::partial("the server is lost")
    }
}

impl Proxy for Parts {
    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        if keys.iter().all(|key| self.has_lost(key)) {
            return Err(Self::error()).into();
        }
        Answer::later(async move {
            let mut found = next.get_many(keys, context).await?;
            for (key, found) in keys.iter().zip(&mut found) {
                if self.has_lost(key) {
                    *found = Some(Content::Unknown(Self::error()));
                }
            }
            Ok(found)
        })
    }

    fn add<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        self.ask(&[put.key], || next.add(put, context))
    }

    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.ask(&[put.key], || next.set(put, context))
    }

    fn delete<'a>(&'a self, next: &'a dyn Backend, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.ask(&[key], || next.delete(key, context))
    }

    fn delete_many<'a>(&'a self, next: &'a dyn Backend, keys: &'a [&'a str], context: Context) -> Answer<'a, ()> {
        self.ask(keys, || next.delete_many(keys, context))
    }

    fn patch<'a>(&'a self, next: &'a dyn Backend, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        self.ask(&[key], || next.patch(key, patch, context))
    }

    fn acquire<'a>(
        &'a self,
        next: &'a dyn Backend,
        key: &'a str,
        lease: Lease,
        claim: Claim<'a>,
        context: Context,
    ) -> Answer<'a, Acquired> {
        self.ask(&[key], || next.acquire(key, lease, claim, context))
    }

    fn acquire_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        leases: &'a [(&'a str, Lease, Claim<'a>)],
        context: Context,
    ) -> Answer<'a, Vec<Acquired>> {
        let keys: Vec<&str> = leases.iter().map(|(key, ..)| *key).collect();
        self.ask(&keys, || next.acquire_many(leases, context))
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.ask(&[put.key], || next.commit(put, token, context))
    }
}

/// The regions of two processes, of which the first loses parts of the store.
fn two(processes: &Processes) -> (Region, Parts, Region) {
    let parts = Parts::default();
    let region = processes.with(|region| region.wrap(parts.clone()));
    (region, parts, processes.region())
}

/// An entry whose epoch the process has seen.
fn seen(region: &Region, processes: &Processes) {
    assert_eq!(region.get_or_create("k", || 1), 1);
    processes.clock.advance(Duration::from_millis(1));
    assert_eq!(region.get_or_create("k", || 2), 1);
}

#[test]
fn what_other_servers_have_is_served_without_the_epoch_and_the_breaker_stays_shut() {
    let processes = Processes::new();
    let (region, parts, _) = two(&processes);
    seen(&region, &processes);
    parts.lose(&["%epoch", "lost"]);
    for round in 0..20 {
        let before = region.stats();
        assert_eq!(region.get_or_create(format!("lost {round}"), || round), round, "computed");
        assert_eq!(region.get_or_create(format!("lost {round}"), || 99), round, "kept in the process for a while");
        assert_eq!(region.get_or_create("k", || 3), 1, "served");
        // What the other servers store is stored there, too.
        assert_eq!(region.get_or_create(format!("new {round}"), || 4), 4);
        assert_eq!(region.get::<i32>(format!("new {round}")).unwrap(), Some(4));
        assert!(region.stats().backend_errors > before.backend_errors, "what is lost is counted");
        processes.clock.advance(Duration::from_secs(1));
    }
    assert!(region.stats().creations == 41, "{}", region.stats());
    parts.lose(&[]);
    let other = processes.region();
    assert_eq!(other.get::<i32>("new 7").unwrap(), Some(4), "it carries the epoch that stands");
    assert_eq!(other.get::<i32>("lost 7").unwrap(), None);
    processes.clock.advance(Duration::from_secs(11));
    assert_eq!(region.get_or_create("lost 7", || 5), 5, "what stood in goes after ten seconds");
    assert_eq!(other.get::<i32>("lost 7").unwrap(), Some(5));
}

#[test]
fn whoever_wants_to_know_is_told_of_the_part() {
    let (parts, store) = (Parts::default(), Memory::new());
    let region = Region::builder("telling").ttl(TTL).backend(store).wrap(parts.clone());
    let region = region.on_backend_error(cachekit::OnBackendError::Propagate).build().unwrap();
    assert_eq!((region.get_or_create("k", || 1), region.get_or_create("lost", || 1)), (1, 1));
    parts.lose(&["lost"]);
    assert!(region.get::<i32>("lost").unwrap_err().is_partial());
    assert!(region.get_many::<i32>(["k", "lost"]).unwrap_err().is_partial());
    assert_eq!(region.get_many::<i32>(["k"]).unwrap(), [Some(1)]);
}

#[test]
fn an_epoch_of_which_one_look_failed_long_ago_stands_in_for_nothing() {
    let processes = Processes::new();
    let (region, parts, other) = two(&processes);
    seen(&region, &processes);
    processes.clock.advance(Duration::from_secs(5));
    parts.lose(&["%epoch"]);
    assert_eq!(region.get_or_create("k", || 3), 1);
    parts.lose(&[]);
    other.invalidate(Invalidation::Hard).unwrap();
    processes.clock.advance(Duration::from_secs(50));
    parts.lose(&["%epoch"]);
    assert_eq!(region.get_or_create("k", || 4), 4);
}

#[test]
fn an_epoch_that_was_seen_long_before_its_loss_stands_in_for_nothing() {
    let processes = Processes::new();
    let (region, parts, other) = two(&processes);
    seen(&region, &processes);
    processes.clock.advance(Duration::from_secs(11));
    other.invalidate(Invalidation::Hard).unwrap();
    parts.lose(&["%epoch"]);
    assert_eq!(region.get_or_create("k", || 3), 3, "nobody knows whether it was invalidated");
    parts.lose(&[]);
    processes.clock.advance(Duration::from_secs(11));
    assert_eq!(region.get_or_create("k", || 4), 4);
}

#[test]
fn what_this_process_has_invalidated_is_gone_whatever_is_lost_after_that() {
    for kind in [Invalidation::Hard, Invalidation::Soft] {
        let processes = Processes::new();
        let (region, parts, _) = two(&processes);
        seen(&region, &processes);
        region.invalidate(kind).unwrap();
        parts.lose(&["%epoch"]);
        assert_eq!(region.get_or_create("k", || 3), 3, "{kind:?}");
    }
}

#[test]
fn an_invalidation_that_a_lost_server_is_owed_keeps_up_nothing_else() {
    let clock = ManualClock::new();
    let (store, parts) = (Memory::new().clock(clock.clone()), Parts::default());
    let breaker = Breaker::new().pause(Duration::from_millis(5));
    let region = Region::builder("owing").ttl(TTL).backend(store.clone()).wrap(parts.clone()).breaker(breaker);
    let region = region.build().unwrap();
    for key in ["lost", "found", "k"] {
        assert_eq!(region.get_or_create(key, || 1), 1);
    }
    parts.lose(&["lost"]);
    assert!(region.delete("lost").unwrap_err().is_partial());
    assert_eq!(region.get_or_create("lost", || 2), 2);
    assert_eq!(region.get_or_create("k", || 2), 1, "it is owed nothing");
    assert_eq!(region.get_many::<i32>(["k", "lost"]).unwrap()[0], Some(1), "nor are others that are asked for with it");
    region.delete("found").unwrap();
    assert_eq!(region.get_or_create("found", || 3), 3);
    parts.lose(&[]);
    until("it is made up for", || Region::get::<i32>(&other(&store), "lost").unwrap().is_none());
    assert_eq!(region.get_or_create("k", || 4), 1);
}

/// The region of another process.
fn other(store: &Memory) -> Region {
    Region::builder("owing").ttl(TTL).backend(store.clone()).build().unwrap()
}

#[test]
fn of_many_keys_those_of_other_servers_are_served_and_stored() {
    regions! { static PARTED = Region::builder("parted").ttl(TTL); }
    static COMPUTED: AtomicU64 = AtomicU64::new(0);
    #[cache_multi_on_arguments(region = PARTED)]
    fn load_all(ids: &[String]) -> Vec<u64> {
        COMPUTED.fetch_add(ids.len() as u64, Ordering::SeqCst);
        ids.iter().map(|id| id.len() as u64).collect()
    }

    let parts = Parts::default();
    PARTED.configure(|r| r.backend(Memory::new()).wrap(parts.clone())).unwrap();
    let ids = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(load_all(&ids(&["a", "lost"])), [1, 4]);
    parts.lose(&["lost"]);
    assert_eq!(load_all(&ids(&["a", "lost", "bcd"])), [1, 4, 3]);
    assert_eq!(COMPUTED.load(Ordering::SeqCst), 4, "the lost one and the new one");
    assert_eq!(load_all(&ids(&["a", "bcd"])), [1, 3]);
    assert_eq!(COMPUTED.load(Ordering::SeqCst), 4, "the new one was stored");
    parts.lose(&[]);
}
