//! What `check()` finds, in a process of its own, since what it declares is wrong on purpose.

use std::panic::catch_unwind;
use std::time::Duration;

use cachekit::{Region, cache_multi_on_arguments, cache_on_arguments, regions};

regions! {
    static BACKED = Region::builder("backed").backend(cachekit_backends::memory::Memory::new());
    static FINE = Region::builder("fine");
    static ONE_OF_TWO = Region::builder("declared twice");
    static OTHER_OF_TWO = Region::builder("declared twice");
    static SENSELESS = Region::builder("senseless").capacity(0);
    static FINE_TOO = Region::builder("fine").capacity(0);
    static CONTRADICTING = Region::builder("contradicting")
        .jitter(0.1)
        .stale_while_revalidate(Duration::from_secs(60))
        .stale_if_error(Duration::from_secs(30))
        .wait_timeout(Duration::from_secs(60));
    static UNUSED_PAUSE = Region::builder("unused pause").retry_after(Duration::from_secs(1), Duration::from_secs(2));
    static AGING = Region::builder("aging").ttl(Duration::from_secs(60)).refresh_ahead(0.9);
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = "fine", refresh_ahead = 0.5)]
fn never_due(id: u64) -> u64 {
    id
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = AGING, ttl = "0s", deadline = "1s", wait_timeout = "2s")]
fn never_stored(id: u64) -> u64 {
    id
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = AGING, jitter = 0.1, stale_while_revalidate = "1m", stale_if_error = "1h")]
async fn in_order(id: u64) -> u64 {
    id
}

#[cache_on_arguments(region = "nowhere")]
fn homeless(id: u64) -> u64 {
    id
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = "no where either")]
async fn homeless_too(id: u64) -> u64 {
    id
}

#[cache_on_arguments(region = "fine")]
fn at_home(id: u64) -> u64 {
    id
}

#[cache_on_arguments(region = BACKED)]
fn generic<T: Clone + Send + Sync + 'static>(id: u64) -> Vec<T> {
    Vec::with_capacity(usize::try_from(id).unwrap_or_default())
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = BACKED, in_memory)]
fn generic_in_memory<T: Clone + Send + Sync + 'static>(id: u64) -> Option<T> {
    (id > 0).then(|| unreachable!())
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = BACKED, key("a name of its own", id))]
fn generic_with_a_key<T>(id: u64, _: &T) -> u64 {
    id
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = BACKED, skip(_log))]
fn generic_of_no_matter<T>(id: u64, _log: &T) -> u64 {
    id
}

struct Repo;

trait Find {
    fn find(&self, id: u64) -> u64;
    fn find_owned(&self, id: u64) -> u64;
}

impl Find for Repo {
    #[cache_on_arguments(region = BACKED, companion = none)]
    fn find(&self, id: u64) -> u64 {
        id
    }

    #[cache_on_arguments(region = BACKED, companion = none, owner = Repo)]
    fn find_owned(&self, id: u64) -> u64 {
        id
    }
}

struct Other;

impl Find for Other {
    #[cache_on_arguments(region = "fine", companion = none)]
    fn find(&self, id: u64) -> u64 {
        id
    }

    fn find_owned(&self, id: u64) -> u64 {
        id
    }
}

struct Third;

impl Find for Third {
    #[cache_on_arguments(region = "fine", companion = none)]
    fn find(&self, id: u64) -> u64 {
        id
    }

    fn find_owned(&self, id: u64) -> u64 {
        id
    }
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = "fine", ttl = "1m", stale_if_error = "1h")]
fn never_failing(id: u64) -> u64 {
    id
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = "fine", ttl = "1m", stale_if_error = "1h", wait_timeout = "1s")]
fn impatient(id: u64) -> u64 {
    id
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_on_arguments(region = "fine", ttl = "1m", stale_if_error = "1h")]
fn failing(id: u64) -> Result<u64, String> {
    if id > 0 { Ok(id) } else { Err("there is none".to_owned()) }
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_multi_on_arguments(region = AGING, entries_of = at_home)]
fn elsewhere(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_multi_on_arguments(region = "nowhere at all", entries_of = at_home)]
fn nowhere(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[expect(dead_code, reason = "it is enough that it is there")]
#[cache_multi_on_arguments(region = "aging", entries_of = never_stored)]
fn with_it(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn one_body() -> u64 {
    #[cache_on_arguments(region = "fine")]
    fn twin(id: u64) -> u64 {
        id
    }
    twin(1)
}

fn another_body() -> u64 {
    #[cache_on_arguments(region = "fine")]
    fn twin(id: u64) -> u64 {
        id + 1
    }
    twin(1)
}

#[test]
fn check_lists_everything_that_is_wrong_in_one_error() {
    let _: (Vec<u8>, Vec<u16>) = (generic(1), generic(1));
    assert_eq!(Repo.find(1) + Repo.find_owned(1), 2);
    assert_eq!(Other.find(1) + Other.find_owned(1) + Third.find(1) + Third.find_owned(1), 4);
    let error = cachekit::check().unwrap_err();
    assert!(error.is_check());
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(lines.len(), 20, "{text}");
    let line = |parts: &[&str]| {
        let found = lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).count();
        assert_eq!(found, 1, "{parts:?} in:\n{text}");
    };
    line(&["check.rs:", "check::generic`", "stay in this process", "`key(…)`", "`in_memory`"]);
    line(&["check.rs:", "check::find`", "stay in this process", "`owner = Type`"]);
    line(&["check.rs:", "check::homeless`", "`nowhere`", "`fine`"]);
    line(&["check.rs:", "check::homeless_too`", "`no where either`"]);
    line(&["`declared twice`", "`ONE_OF_TWO` at ", "`OTHER_OF_TWO` at ", "check.rs:"]);
    line(&["two regions", "`fine`", "`FINE` at ", "`FINE_TOO` at "]);
    line(&["capacity", "`fine`", "`FINE_TOO` at "]);
    line(&["`senseless`", "`SENSELESS` at ", "check.rs:", ".capacity(1)"]);
    line(&["check::twin|", "`namespace = \"…\"`"]);
    line(&["check::find|", "write `owner = Type` on each"]);
    line(&["check.rs:", "check::never_failing`", "`stale_if_error` has no effect", "`wait_timeout`"]);
    line(&["check.rs:", "check::elsewhere`", "`check::at_home`", "region `fine`", "`aging`"]);
    line(&["check.rs:", "check::nowhere`", "`nowhere at all`"]);
    line(&["in region `contradicting`", "`jitter`", "`ttl`", "`CONTRADICTING` at "]);
    line(&["in region `contradicting`", "`stale_while_revalidate` has no effect without a `ttl`"]);
    line(&["in region `contradicting`", "`stale_if_error` (30s)", "`stale_while_revalidate` (60s)"]);
    line(&["in region `contradicting`", "`wait_timeout` (60s)", "`deadline` (60s)"]);
    line(&["in region `unused pause`", "`retry_after`", "`stale_if_error`"]);
    line(&["check.rs:", "check::never_due`", "`refresh_ahead` has no effect without a `ttl`"]);
    line(&["check.rs:", "check::never_stored`", "`wait_timeout` (2s)", "`deadline` (1s)"]);
}

#[test]
fn what_check_finds_is_refused_when_it_is_used() {
    assert!(cachekit::region("declared twice").unwrap_err().is_check());
    let message = |payload: Box<dyn std::any::Any + Send>| payload.downcast_ref::<String>().unwrap().clone();
    let panic = message(catch_unwind(|| homeless(1)).unwrap_err());
    assert!(panic.contains("homeless") && panic.contains("`fine`"), "{panic}");
    let panic = message(catch_unwind(|| SENSELESS.stats()).unwrap_err());
    assert!(panic.contains("`senseless`"), "{panic}");
    assert_eq!(at_home(1), 1);
    assert_eq!((one_body(), another_body()), (1, 2), "functions with one key never share an entry");
}
