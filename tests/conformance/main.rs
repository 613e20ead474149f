//! The suite of backends can fail: a store that keeps the rules passes it, and each that breaks one is found out.

mod leases;
mod model;
mod operations;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use cachekit::backend::{Answer, Backend, Content, Context, Put};
use cachekit::testing::{Conformance, ManualClock, conformance};

use self::Wrong::*;
use self::model::{Model, Store};

/// How a store is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    TrimsKeys,
    FoldsKeys,
    CutsKeys,
    /// Takes what stands in braces for the key.
    TagsKeys,
    RefusesTheEmptyKey,
    LosesEmptyContents,
    EndsContentsAtNul,
    LeavesOldEnds,
    CopiesLiveObjects,
    WritesLater,
    ReadsOnce,
    WritesHalves,
    LongKeepsArePast,
    FirstKeepCounts,
    SortsKeys,
    LeavesOutMissing,
    StoresBackwards,
    DeletesTheFirst,
    ManyKeepTheirLeases,
    /// Who is refused one lease of many is refused those after it.
    LendsUntilOneIsBusy,
    LendsManyAsOne,
    CommitsAllOrNone,
    CommitsManySilently,
    AbandonsTheFirst,
    AbandonsManyForAnybody,
    AddsManyAsTheyAre,
    AddOverwrites,
    AddTellsItsOwn,
    AddsInTwoSteps,
    AddDoesNotLengthen,
    PatchCreates,
    PatchGrows,
    PatchFillsUp,
    PatchReplaces,
    PatchLengthens,
    PatchDoesNothing,
    PatchSaysSo,
    LendsToAll,
    LendsInTwoSteps,
    BusyForItsOwner,
    CutsTokens,
    NeverLapses,
    TellsAnotherTime,
    KeepsLeasesBesideContents,
    LendsOverNewer,
    BusyBeforeStored,
    NeverInAnyCase,
    ComparesAllBytes,
    ComparesFewBytes,
    LendsToThoseItTells,
    CommitsWithoutLease,
    CommitsForAnybody,
    CommitsSilently,
    CommitKeepsTheLease,
    LapsedLeasesStand,
    SetKeepsTheLease,
    DeleteKeepsTheLease,
    PatchKeepsTheLease,
    PatchOfNothingKeepsTheLease,
    CommitsInTwoSteps,
    RenewsForAnybody,
    RenewsInWordsOnly,
    SaysItIsRenewed,
    AbandonsForAnybody,
    NeverAbandons,
    NeedsARuntime,
    BlocksTasks,
    WakesTheFirst,
    NeverComes,
    /// Wakes whoever waits for an answer that never comes.
    SpinsForEver,
    HarmsOthers,
    AddsUpLimits,
    ForgetsLargeOnes,
    FailsOddly,
}

/// A suite for a store in virtual time that is wrong in this way; each backend of it is a process's.
fn suite(wrong: Option<Wrong>, set: impl Fn(&mut Model)) -> Conformance {
    let clock = ManualClock::new();
    let store = Arc::new(Store::new(&clock));
    let make = || {
        let mut model = Model::new(&store, wrong);
        set(&mut model);
        model
    };
    Conformance::new(make).clock(&clock).limit(Duration::from_secs(1))
}

/// The rules that a store breaks which is wrong in this way, as the message of the suite names them.
fn broken_by(wrong: Wrong) -> (Vec<u8>, String) {
    let set = |model: &mut Model| {
        model.keeps_live = wrong == CopiesLiveObjects;
        model.comes_later = wrong != NeedsARuntime;
    };
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| suite(Some(wrong), set).shared().run())) else {
        return Default::default();
    };
    let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    let rules = message.lines().filter_map(|line| line.strip_prefix("  rule ")?.split_once(',')?.0.parse().ok());
    (rules.collect(), message)
}

/// Each of these stores is found to break the rule, though it may be others as well that show it.
#[track_caller]
fn break_rule(rule: u8, wrong: &[Wrong]) {
    for &wrong in wrong {
        let (broken, message) = broken_by(wrong);
        assert!(broken.contains(&rule), "{wrong:?} breaks {broken:?} in place of {rule}: {message}");
    }
}

#[test]
fn what_was_stored_is_found() {
    break_rule(
        1,
        &[
            TrimsKeys,
            FoldsKeys,
            CutsKeys,
            TagsKeys,
            RefusesTheEmptyKey,
            LosesEmptyContents,
            EndsContentsAtNul,
            LeavesOldEnds,
            CopiesLiveObjects,
        ],
    );
}

#[test]
fn who_has_written_reads() {
    break_rule(2, &[WritesLater, ReadsOnce]);
}

#[test]
fn whole_or_not_at_all() {
    break_rule(3, &[WritesHalves]);
}

#[test]
fn dropping_early_is_no_fault() {
    break_rule(4, &[LongKeepsArePast, FirstKeepCounts]);
}

#[test]
fn many_as_one() {
    break_rule(5, &[SortsKeys, LeavesOutMissing, StoresBackwards, DeletesTheFirst, ManyKeepTheirLeases]);
    break_rule(5, &[LendsUntilOneIsBusy, LendsManyAsOne, CommitsAllOrNone, CommitsManySilently]);
    break_rule(5, &[AbandonsTheFirst, AbandonsManyForAnybody, AddsManyAsTheyAre]);
}

#[test]
fn add_stores_only_where_nothing_is_stored() {
    break_rule(6, &[AddOverwrites, AddTellsItsOwn, AddsInTwoSteps, AddDoesNotLengthen]);
}

#[test]
fn patch_overwrites_bytes_of_what_is_stored() {
    break_rule(
        7,
        &[PatchCreates, PatchGrows, PatchFillsUp, PatchReplaces, PatchLengthens, PatchDoesNothing, PatchSaysSo],
    );
}

#[test]
fn one_lease_per_key() {
    break_rule(8, &[LendsToAll, LendsInTwoSteps, BusyForItsOwner, CutsTokens, NeverLapses, TellsAnotherTime]);
}

#[test]
fn newer_content_ends_the_search() {
    break_rule(
        9,
        &[LendsOverNewer, BusyBeforeStored, NeverInAnyCase, ComparesAllBytes, ComparesFewBytes, LendsToThoseItTells],
    );
}

#[test]
fn commit_stores_only_while_the_lease_is_the_tokens_own() {
    break_rule(10, &[CommitsWithoutLease, CommitsForAnybody, CommitsSilently, CommitKeepsTheLease, LapsedLeasesStand]);
}

#[test]
fn writes_end_the_lease_of_the_key() {
    break_rule(
        11,
        &[SetKeepsTheLease, DeleteKeepsTheLease, PatchKeepsTheLease, PatchOfNothingKeepsTheLease, CommitsInTwoSteps],
    );
}

#[test]
fn renew_and_abandon_touch_the_tokens_own_lease_only() {
    break_rule(12, &[RenewsForAnybody, RenewsInWordsOnly, SaysItIsRenewed, AbandonsForAnybody, NeverAbandons]);
}

#[test]
fn threads_and_tasks() {
    break_rule(13, &[NeedsARuntime, BlocksTasks]);
}

#[test]
fn time_limits() {
    break_rule(14, &[WakesTheFirst, NeverComes, SpinsForEver, HarmsOthers, AddsUpLimits]);
}

#[test]
fn errors_are_told() {
    break_rule(15, &[ForgetsLargeOnes, FailsOddly]);
}

#[test]
fn a_store_that_keeps_the_rules_passes() {
    for comes_later in [false, true] {
        for keeps_live in [false, true] {
            suite(None, |model| (model.comes_later, model.keeps_live) = (comes_later, keeps_live)).shared().run();
        }
    }
}

#[test]
fn a_store_without_leases_passes() {
    suite(None, |model| model.has_leases = false).run();
}

#[test]
fn a_store_by_the_time_of_the_system_passes() {
    let store = Arc::new(Store::default());
    conformance(|| Model::new(&store, None));
}

#[test]
fn a_store_that_blocks_passes() {
    suite(None, |model| model.is_blocking = true).run();
}

#[test]
fn a_store_that_keeps_nothing_passes_where_that_is_said() {
    Conformance::new(|| Nothing).keeps_nothing().run();
}

#[test]
#[should_panic(
    expected = "rule 1, what was stored is found: `get` of a thread, after a `set`: expected Some(b\"one: a"
)]
fn a_store_that_keeps_nothing_fails_where_that_is_not_said() {
    conformance(|| Nothing);
}

#[test]
fn what_stands_around_the_suite_is_entered_by_each_of_its_threads() {
    thread_local! { static WITHIN: Cell<bool> = const { Cell::new(false) }; }
    let clock = ManualClock::new();
    let store = Arc::new(Store::new(&clock));
    let make = || Model::new(&store, None).on_each_operation(|| assert!(WITHIN.get(), "outside"));
    Conformance::new(make)
        .clock(&clock)
        .around(|test| {
            WITHIN.set(true);
            test();
            WITHIN.set(false);
        })
        .run();
}

#[test]
fn the_suite_runs_within_a_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    let clock = ManualClock::new();
    let store = Arc::new(Store::new(&clock));
    let make = || Model::new(&store, Some(NeedsARuntime));
    Conformance::new(make)
        .clock(&clock)
        .around(move |test| {
            let _entered = handle.enter();
            test();
        })
        .run();
}

#[test]
#[should_panic(expected = "what `around` is handed is to be called")]
fn what_stands_around_the_suite_has_to_run_it() {
    suite(None, |_| ()).around(|_| ()).run();
}

#[test]
fn stores_that_are_not_shared_are_each_ones_own() {
    conformance(|| {
        let mut model = Model::new(&Arc::default(), None);
        model.has_leases = false;
        model
    });
}

#[test]
#[should_panic(
    expected = "rule 2, who has written reads: `get` of a thread, by the second backend that `make` has made"
)]
fn stores_that_are_to_be_shared_are() {
    Conformance::new(|| Model::new(&Arc::default(), None)).shared().run();
}

/// Keeps nothing at all.
#[derive(Debug)]
struct Nothing;

impl Backend for Nothing {
    fn get<'a>(&'a self, _: &'a str, _: Context) -> Answer<'a, Option<Content>> {
        Ok(None).into()
    }

    fn set<'a>(&'a self, _: Put<'a>, _: Context) -> Answer<'a, ()> {
        Ok(()).into()
    }

    fn delete<'a>(&'a self, _: &'a str, _: Context) -> Answer<'a, ()> {
        Ok(()).into()
    }
}
