//! A run: what callers do in nodes over one backend.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cachekit::{Breaker, Invalidation, RegionBuilder};
use serde::{Deserialize, Serialize};

use crate::check::{Summary, Violation, Whose, check};
use crate::event::{Event, Nanos, Tags};
use crate::faults::Faults;
use crate::maker::Maker;
use crate::nodes::{ARGUMENTS, Act, NODES, Node, Several};

/// Callers of each node.
const CALLERS: u8 = 4;

/// What all callers of a run do together.
pub(crate) const OPERATIONS: usize = 10_000;

/// Settings that nodes have beside their backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Plain,
    /// Values are renewed in the background.
    Renewing,
    /// Callers do not wait for long, nor are they waited for.
    Impatient,
    /// Values are kept in the nodes, too.
    Near,
    /// Writing to the backend fails now and then, and nothing stands in for it.
    Failing,
    /// Every node computes for itself.
    WithoutLeases,
}

impl Kind {
    pub(crate) fn settings(self, seed: u64, region: RegionBuilder) -> RegionBuilder {
        let millis = Duration::from_millis;
        // A machine that has much to do is no failure.
        let region = region.read_timeout(millis(20_000)).write_timeout(millis(20_000));
        match self {
            Self::Plain => region,
            Self::Renewing => region.ttl(millis(4)).stale_while_revalidate(millis(20)).refresh_ahead(0.5),
            Self::Impatient => region.wait_timeout(millis(1)).deadline(millis(2)).max_disowned(usize::MAX),
            Self::Near => region.near(millis(20)),
            Self::Failing => {
                let breaker = Breaker::new().failures(u32::MAX).near(Duration::ZERO);
                // A lease that was granted unheard is in everybody's way until it lapses.
                region.breaker(breaker).lease(millis(100)).wrap(Faults::new(seed))
            }
            Self::WithoutLeases => region.lock(false),
        }
    }

    pub(crate) fn whose(self) -> Whose {
        if self == Self::Near { Whose::Own } else { Whose::Everybodys }
    }
}

/// What a node does, and for how long computations take at most.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) seed: u64,
    pub(crate) hold: Nanos,
}

/// Has the callers of a node do what they do, of even ones as threads, of odd ones as tasks.
///
/// What has happened is complete when the callers of all nodes are done: renewals may go on in the background.
pub(crate) fn run(number: u8, plan: Plan) -> Vec<Arc<Maker>> {
    let node = &NODES[usize::from(number)];
    let maker = |caller| Arc::new(Maker::new(number, caller, plan.seed, plan.hold));
    let makers: Vec<_> = (0..CALLERS).map(maker).collect();
    let each = OPERATIONS / NODES.len() / makers.len();
    if number.is_multiple_of(2) {
        thread::scope(|scope| {
            for maker in &makers {
                scope.spawn(move || (0..each).for_each(|_| drop((node.act)(next(maker), maker))));
            }
        });
    } else {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let tasks: Vec<_> = makers.iter().map(|maker| runtime.spawn(act_on(node, Arc::clone(maker), each))).collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
    makers
}

/// What has happened.
pub(crate) fn events(makers: &[Arc<Maker>]) -> Vec<Event> {
    makers.iter().flat_map(|maker| maker.events()).collect()
}

async fn act_on(node: &'static Node, maker: Arc<Maker>, times: usize) {
    for _ in 0..times {
        drop((node.act_later)(next(&maker), &maker).await);
    }
}

/// What a caller does next.
fn next(maker: &Maker) -> Act {
    let arguments = ARGUMENTS[usize::try_from(maker.random(5)).unwrap()];
    let tags = Tags { a: maker.random(2) == 0, b: maker.random(2) == 0 };
    let several = Several { places: u8::try_from(1 + maker.random(7)).unwrap(), backwards: maker.random(2) == 0 };
    match maker.random(100) {
        0..20 => Act::Call(arguments),
        20..30 => Act::CallAll(several),
        30..38 => Act::Create(arguments),
        38..46 => Act::CreateByHand(tags),
        46..53 => Act::Get(arguments),
        53..56 => Act::GetAll(several),
        56..60 => Act::GetByHand,
        60..68 => Act::GetMany,
        68..71 => Act::Set(arguments),
        71 => Act::SetAll(several),
        72..74 => Act::SetByHand(tags),
        74..77 => Act::Refresh(arguments),
        77..79 => Act::RefreshAll(several),
        79..82 => Act::Invalidate(arguments),
        82..84 => Act::InvalidateAll(several),
        84..86 => Act::DeleteByHand,
        86..90 => Act::Expire(arguments),
        90..94 => Act::InvalidateTag(if tags.a { 'a' } else { 'b' }),
        94..97 => Act::InvalidateRegion(Invalidation::Hard),
        _ => Act::InvalidateRegion(Invalidation::Soft),
    }
}

/// Makes as many runs as are wanted, of seeds from this one on, and checks each.
pub(crate) fn all_are_fine(kind: Kind, first: u64, history: impl Fn(u64) -> Vec<Event>) {
    let runs = std::env::var("CACHEKIT_HISTORIES").map_or(1, |runs| runs.parse().expect("a number of runs"));
    for seed in first..first + runs {
        let events = history(seed);
        match check(&events, kind.whose()) {
            Ok(summary) => says_something(&summary),
            Err(violation) => panic!("seed {seed}, {kind:?}: {violation}"),
        }
    }
}

/// A run in which next to nothing happens would be no test.
fn says_something(summary: &Summary) {
    println!("{summary:?}");
    assert!(summary.computed > 500 && summary.read > 3_000 && summary.forgotten > 1_000, "{summary:?}");
    assert!(summary.read_of_others > 500, "nodes have to do with one another: {summary:?}");
}

/// Makes runs until one is not fine.
pub(crate) fn one_is_not_fine(kind: Kind, at_most: u64, history: impl Fn(u64) -> Vec<Event>) {
    let found = |seed| {
        let events = history(seed);
        check(&events, kind.whose()).err().as_ref().map(Violation::to_string)
    };
    match (1..=at_most).find_map(found) {
        Some(violation) => println!("as it should be: {violation}"),
        None => panic!("nothing was found in {at_most} runs: the check is blind"),
    }
}
