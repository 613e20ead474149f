//! What every backend promises, of each store of this crate.

use cachekit::testing::{Conformance, ManualClock};
use cachekit_backends::file::FileStore;
use cachekit_backends::memory::Memory;
use cachekit_backends::null::Null;
use cachekit_backends::scoped::{Scope, Scoped};

#[test]
fn nothing_is_kept() {
    Conformance::new(|| Null).keeps_nothing().run();
}

#[test]
fn records_in_the_process() {
    let memory = Memory::new();
    Conformance::new(|| memory.clone()).shared().run();
}

#[test]
fn records_in_the_process_in_virtual_time() {
    let clock = ManualClock::new();
    let memory = Memory::new().clock(clock.clone());
    Conformance::new(|| memory.clone()).shared().clock(&clock).run();
}

#[test]
fn files_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    Conformance::new(|| FileStore::new(folder.path())).shared().run();
}

#[test]
fn files_in_a_folder_in_virtual_time() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    Conformance::new(|| FileStore::new(folder.path()).clock(clock.clone())).shared().clock(&clock).run();
}

#[test]
fn objects_of_a_session() {
    let (store, scope) = (Scoped::new(), Scope::new());
    Conformance::new(|| store.clone()).shared().around(move |test| scope.enter(test)).run();
}

#[test]
fn objects_of_no_session() {
    Conformance::new(Scoped::new).keeps_nothing().run();
}
