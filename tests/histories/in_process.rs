//! Regions of this process, over one backend.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use cachekit::Invalidation;
use cachekit::backend::IntoBackend;
use cachekit_backends::file::FileStore;
use cachekit_backends::memory::Memory;
use cachekit_backends::redis::Redis;
use cachekit_test_servers::RedisServer;

use crate::event::Event;
use crate::nodes::NODES;
use crate::run::{Kind, Plan, all_are_fine, events, one_is_not_fine, run};

/// One run at a time: they share the regions, and the machine.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens in a run over such a backend, one for each node.
fn history<B: IntoBackend>(plan: Plan, backend: impl Fn() -> B) -> Vec<Event> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let prefix = format!("{}:", RUNS.fetch_add(1, Ordering::Relaxed));
    for node in &NODES {
        let settings =
            |region| plan.kind.settings(plan.seed, node.alike(region).key_prefix(&prefix).backend(backend()));
        node.region.reconfigure(settings).unwrap();
        // What a run before this one has left in the process goes, whatever the backend says.
        let _ = node.region.invalidate(Invalidation::Hard);
    }
    thread::scope(|scope| {
        let nodes: Vec<_> = (0..).zip(&NODES).map(|(number, _)| scope.spawn(move || run(number, plan))).collect();
        let makers: Vec<_> = nodes.into_iter().flat_map(|node| node.join().unwrap()).collect();
        events(&makers)
    })
}

fn in_memory(kind: Kind, seed: u64) -> Vec<Event> {
    let memory = Memory::new();
    history(Plan { kind, seed, hold: 100_000 }, || memory.clone())
}

#[test]
fn no_stale_fill_in_memory() {
    let _turn = turn();
    for kind in [Kind::Plain, Kind::Renewing, Kind::Impatient, Kind::Near] {
        all_are_fine(kind, 1, |seed| in_memory(kind, seed));
    }
}

#[test]
fn no_stale_fill_where_writing_fails_now_and_then() {
    let _turn = turn();
    all_are_fine(Kind::Failing, 6, |seed| in_memory(Kind::Failing, seed));
}

#[test]
fn without_leases_the_check_finds_a_stale_fill() {
    let _turn = turn();
    one_is_not_fine(Kind::WithoutLeases, 20, |seed| in_memory(Kind::WithoutLeases, seed));
}

#[test]
fn no_stale_fill_on_redis() {
    let _turn = turn();
    let server = RedisServer::start();
    for kind in [Kind::Renewing, Kind::Impatient] {
        all_are_fine(kind, 2, |seed| {
            history(Plan { kind, seed, hold: 300_000 }, || Redis::connect(&server.url()).unwrap())
        });
    }
}

#[test]
fn no_stale_fill_in_files() {
    let _turn = turn();
    let kind = Kind::Impatient;
    all_are_fine(kind, 3, |seed| {
        let folder = tempfile::tempdir().unwrap();
        history(Plan { kind, seed, hold: 300_000 }, || FileStore::new(folder.path()))
    });
}
