//! The suite that every backend passes, third-party ones too.
//!
//! It goes through the [rules](crate::backend) by their numbers, each for callers that are threads and for callers that are
//! tasks, with bytes and, where the backend keeps them, with live objects.
//! What it cannot see it does not test: that an answer ends by itself when the store hangs, that an error holds no secret,
//! that a process which died loses its leases sooner than by their length. These are a backend's own tests.

mod callers;
mod changes;
mod commits;
mod drive;
mod fault;
mod keys;
mod leases;
mod nothing;
mod shared;
mod time;
mod trial;
mod values;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use self::drive::{Caller, message};
use self::fault::{Fault, Outcome, RULES};
use self::trial::{Stage, Trial};
use super::ManualClock;
use crate::backend::{Backend, IntoBackend};

/// Tests a backend against every rule of [the contract](crate::backend).
///
/// `make` is called twice. Where both backends open one store, as two processes do, the suite notices and lets them meet;
/// where each has a store of its own, the first is tested. The keys are random ones, but for the empty key and one of a
/// single byte, and are deleted in the end, so a server may be used by others meanwhile, though no memory should be short.
/// Leases lapse by the system's time, which takes a few seconds; see [`Conformance::clock`].
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use cachekit::backend::{Answer, Backend, Content, Context, Put};
///
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<HashMap<String, Content>>);
///
/// impl Backend for Shelf {
///     fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
///         Ok(self.0.lock().unwrap().get(key).cloned()).into()
///     }
///
///     fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
///         self.0.lock().unwrap().insert(put.key.to_owned(), put.content.clone());
///         Ok(()).into()
///     }
///
///     fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
///         self.0.lock().unwrap().remove(key);
///         Ok(()).into()
///     }
/// }
///
/// // In a test:
/// cachekit::testing::conformance(|| Shelf::default());
/// ```
///
/// # Panics
///
/// If the backend breaks a rule. The message names each that is broken, with the first operation that showed it.
#[track_caller]
pub fn conformance<B: IntoBackend>(make: impl Fn() -> B) {
    Conformance::new(make).run();
}

/// The suite with variations; see [`conformance`].
///
/// ```
/// # use std::sync::Arc;
/// use cachekit::backend::Backend;
/// use cachekit::testing::{Conformance, ManualClock};
///
/// # fn test(open: impl Fn(&ManualClock) -> Arc<dyn Backend>) {
/// // A store whose time moves by hand is tested without waiting.
/// let clock = ManualClock::new();
/// Conformance::new(|| open(&clock)).clock(&clock).run();
/// # }
/// ```
#[must_use = "the suite begins with `run`"]
pub struct Conformance {
    stage: Stage,
    demands_sharing: bool,
    keeps_nothing: bool,
}

impl Conformance {
    /// A suite for the backends that `make` opens; it is called twice.
    pub fn new<B: IntoBackend>(make: impl Fn() -> B) -> Self {
        let handles: [Arc<dyn Backend>; 2] = [make().into_backend(), make().into_backend()];
        Self { stage: Stage::new(handles), demands_sharing: false, keeps_nothing: false }
    }

    /// The clock by which the backend's leases lapse and its contents are dropped. Default: the system's time.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.stage.clock = Some(clock.clone());
        self
    }

    /// Both backends open one store: it is a fault if one does not see what the other has stored. Default: found out.
    pub fn shared(mut self) -> Self {
        self.demands_sharing = true;
        self
    }

    /// The store keeps nothing, but perhaps what is [added](Backend::add). Default: what is stored is found, though
    /// [rule 4](crate::backend) does not ask for it, since otherwise there is little to see.
    pub fn keeps_nothing(mut self) -> Self {
        self.keeps_nothing = true;
        self
    }

    /// How long an answer may take. Default: 5 s.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.stage.limit = limit;
        self
    }

    /// What stands around all that is asked of the backend, in each thread of the suite: a scope, or a runtime.
    ///
    /// `around` calls what it is handed once, on the same thread. Several threads are within it at a time.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use cachekit::backend::Backend;
    /// # use cachekit::testing::Conformance;
    /// # fn test(open: impl Fn() -> Arc<dyn Backend>) {
    /// // Blocking callers live within runtimes too.
    /// let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// let handle = runtime.handle().clone();
    /// Conformance::new(open)
    ///     .around(move |test| {
    ///         let _entered = handle.enter();
    ///         test();
    ///     })
    ///     .run();
    /// # }
    /// ```
    pub fn around(mut self, around: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) -> Self {
        self.stage.around = Some(Box::new(around));
        self
    }

    /// Runs the suite.
    ///
    /// # Panics
    ///
    /// If the backend breaks a rule, as [`conformance`] does.
    #[track_caller]
    pub fn run(self) {
        let faults = self.faults();
        assert!(faults.is_empty(), "{}", report(&faults));
    }

    /// The first fault of each rule that is broken.
    fn faults(mut self) -> BTreeMap<usize, Fault> {
        let mut faults = BTreeMap::new();
        if let Err(fault) = self.find_out_whether_they_share() {
            faults.insert(fault.rule, fault);
            return faults;
        }
        let leases = self.stage.handles[0].has_leases();
        let parts = if self.keeps_nothing { nothing::PARTS } else { PARTS };
        for part in parts.iter().filter(|part| leases || !part.needs_leases) {
            for live in [false, true] {
                if live && !(part.takes_live && self.stage.handles[0].keeps_live()) {
                    continue;
                }
                for caller in [Caller::Thread, Caller::Task] {
                    let trial = Trial::new(&self.stage, part.rule, caller, live);
                    let outcome = self.stage.enter(|| part.run(&trial));
                    self.stage.clean();
                    if let Err(fault) = outcome {
                        let hangs = fault.hangs;
                        faults.entry(fault.rule).or_insert(fault);
                        if hangs {
                            return faults;
                        }
                    }
                }
            }
        }
        faults
    }

    /// Lets the second handle go where it opens another store than the first.
    fn find_out_whether_they_share(&mut self) -> Outcome {
        let part = Part::new(2, shared::see_each_other);
        let outcome = self.stage.enter(|| part.run(&Trial::new(&self.stage, part.rule, Caller::Thread, false)));
        self.stage.clean();
        match outcome {
            Err(fault) if fault.hangs || fault.rule == part.rule && self.demands_sharing => return Err(fault),
            Err(_) => self.stage.handles.truncate(1),
            Ok(()) => {}
        }
        Ok(())
    }
}

impl fmt::Debug for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conformance").field("backend", &self.stage.handles[0]).finish_non_exhaustive()
    }
}

/// A part of the suite: one rule, or what can be seen of it at one go.
struct Part {
    rule: usize,
    needs_leases: bool,
    /// Whether it makes sense with live objects too.
    takes_live: bool,
    test: fn(&Trial<'_>) -> Outcome,
}

impl Part {
    const fn new(rule: usize, test: fn(&Trial<'_>) -> Outcome) -> Self {
        Self { rule, needs_leases: false, takes_live: true, test }
    }

    /// Of bytes only: it looks at them.
    const fn of_bytes(self) -> Self {
        Self { takes_live: false, ..self }
    }

    /// What panics was asked without a net below it.
    fn run(&self, trial: &Trial<'_>) -> Outcome {
        let run = catch_unwind(AssertUnwindSafe(|| (self.test)(trial)));
        run.unwrap_or_else(|panic| Err(trial.panicked("an operation", &message(&*panic))))
    }

    const fn of_leases(self) -> Self {
        Self { needs_leases: true, takes_live: false, ..self }
    }
}

const PARTS: &[Part] = &[
    Part::new(1, values::what_was_stored_is_found),
    Part::new(1, values::odd_contents_come_back_byte_for_byte).of_bytes(),
    Part::new(1, keys::the_shortest_keys_are_keys).of_bytes(),
    Part::new(1, keys::odd_keys_are_told_apart).of_bytes(),
    Part::new(2, shared::who_has_written_reads),
    Part::new(3, shared::nobody_sees_half_a_content).of_bytes(),
    Part::new(4, values::however_long_it_is_kept_it_is_found_at_first),
    Part::new(5, values::many_are_as_one),
    Part::new(5, commits::many_end_their_leases).of_leases(),
    Part::new(5, commits::many_leases_are_as_one).of_leases(),
    Part::new(6, changes::add_stores_where_nothing_is_stored),
    Part::new(6, changes::those_who_add_at_once_are_told_the_same).of_leases(),
    Part::new(7, changes::patch_overwrites_some_bytes).of_bytes(),
    Part::new(7, changes::patch_marks_a_live_object),
    Part::new(4, time::contents_are_kept_as_long_as_asked),
    Part::new(8, leases::one_lease_per_key).of_leases(),
    Part::new(8, leases::of_many_at_once_one_is_granted).of_leases(),
    Part::new(8, keys::a_lease_is_of_one_key).of_leases(),
    Part::new(8, time::leases_lapse).of_leases(),
    Part::new(9, leases::newer_content_ends_the_search).of_leases(),
    Part::new(9, leases::who_takes_it_in_any_case_ends_a_running_one).of_leases(),
    Part::new(10, commits::commit_stores_while_the_lease_stands).of_leases(),
    Part::new(11, commits::writes_end_the_lease).of_leases(),
    Part::new(11, commits::writes_and_commits_at_once).of_leases(),
    Part::new(12, leases::renew_and_abandon_touch_ones_own).of_leases(),
    Part::new(13, callers::every_operation_answers),
    Part::new(13, callers::answers_do_not_block).of_bytes(),
    Part::new(13, callers::many_answers_at_once),
    Part::new(14, callers::any_limit_will_do).of_bytes(),
    Part::new(14, callers::what_is_dropped_harms_no_other).of_bytes(),
    Part::new(15, values::what_is_too_large_is_refused_aloud).of_bytes(),
];

fn report(faults: &BTreeMap<usize, Fault>) -> String {
    let mut text = String::from("the backend breaks what `cachekit::backend` asks for:");
    for (&rule, fault) in faults {
        let _ = write!(text, "\n  rule {rule}, {}: {fault}", RULES[rule - 1]);
    }
    text
}
