//! Tags: groups of entries that one step invalidates.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{Error, Key, KeyPart, Region, cache_on_arguments, regions};

use crate::support::{AtLast, Gate, until};

fn region() -> Region {
    Region::builder("tags").build().unwrap()
}

fn tagged(key: &str, tags: &[&str]) -> Key {
    Key::from(key).tagged(tags)
}

#[test]
fn an_invalidated_tag_forgets_its_entries_and_no_others() -> Result<(), Error> {
    let region = region();
    region.set(tagged("a", &["user:5", "carts"]), &1_u64)?;
    region.set(tagged("b", &["user:6", "carts"]), &2_u64)?;
    region.set("c", &3_u64)?;
    region.invalidate_tag("user:5")?;
    region.invalidate_tag("user:7")?;
    assert_eq!(region.get_many::<u64>(["a", "b", "c"])?, [None, Some(2), Some(3)]);
    region.set(tagged("a", &["user:5", "carts"]), &4_u64)?;
    assert_eq!(region.get::<u64>("a")?, Some(4), "what is stored afterwards counts");
    region.invalidate_tags(["carts", "user:5"])?;
    assert_eq!(region.get_many::<u64>(["a", "b", "c"])?, [None, None, Some(3)]);
    assert_eq!(region.stats().invalidations, 4);
    Ok(())
}

#[test]
fn an_entry_has_the_tags_of_its_last_value() -> Result<(), Error> {
    let region = region();
    region.set(tagged("k", &["old"]), &1_u64)?;
    region.set(tagged("k", &["new"]), &2_u64)?;
    region.invalidate_tag("old")?;
    assert_eq!(region.get::<u64>("k")?, Some(2));
    region.invalidate_tag("new")?;
    assert_eq!(region.get::<u64>("k")?, None);
    Ok(())
}

#[test]
fn what_is_being_computed_reaches_those_who_came_before_and_is_not_stored() -> Result<(), Error> {
    let region = region();
    let runs = AtomicU64::new(0);
    let (gate, begun) = (Gate::new(), Gate::new());
    let key = || tagged("k", &["tag"]);
    thread::scope(|scope| {
        let slow = || {
            region.get_or_create(key(), || {
                let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
                begun.open();
                gate.wait();
                run
            })
        };
        let leader = scope.spawn(slow);
        begun.wait();
        let before = scope.spawn(slow);
        until("one more waits", || waiting(&region, "k") == 1);
        region.invalidate_tag("tag").unwrap();
        let after = region.get_or_create(key(), || runs.fetch_add(1, Ordering::SeqCst) + 1);
        assert_eq!(after, 2, "a caller after the invalidation does not join");
        gate.open();
        assert_eq!((leader.join().unwrap(), before.join().unwrap()), (1, 1));
    });
    assert_eq!(region.get::<u64>("k")?, Some(2), "what began before is not stored over it");
    Ok(())
}

#[test]
fn a_tag_is_the_regions_own() -> Result<(), Error> {
    let (one, other) = (region(), region());
    one.set(tagged("k", &["tag"]), &1_u64)?;
    other.invalidate_tag("tag")?;
    assert_eq!(one.get::<u64>("k")?, Some(1));
    Ok(())
}

#[test]
fn invalidated_entries_leave_as_others_come() -> Result<(), Error> {
    let region = Region::builder("swept").capacity(usize::MAX).build()?;
    for number in 0..1_000_u64 {
        region.set(tagged(&format!("old {number}"), &["tag"]), &number)?;
    }
    region.invalidate_tag("tag")?;
    for number in 0..2_000_u64 {
        region.set(format!("new {number}"), &number)?;
    }
    assert_eq!(region.stats().entries, 2_000);
    assert_eq!(region.stats().evictions, 0);
    Ok(())
}

#[test]
fn invalidated_entries_leave_as_others_are_replaced() -> Result<(), Error> {
    let region = Region::builder("swept by replacements").capacity(usize::MAX).build()?;
    for number in 0..1_000_u64 {
        region.set(tagged(&format!("old {number}"), &["tag"]), &number)?;
    }
    region.invalidate_tag("tag")?;
    for number in 0..2_000_u64 {
        region.set("new", &number)?;
    }
    assert_eq!(region.stats().entries, 1);
    Ok(())
}

#[test]
fn entries_that_are_too_old_for_everything_leave_as_others_come() -> Result<(), Error> {
    let clock = ManualClock::new();
    let ttl = Duration::from_secs(60);
    let region = Region::builder("swept by age").capacity(usize::MAX).ttl(ttl).clock(clock.clone()).build()?;
    for number in 0..1_000_u64 {
        region.set(format!("old {number}"), &number)?;
    }
    clock.advance(ttl * 2);
    for number in 0..2_000_u64 {
        region.set(format!("new {number}"), &number)?;
    }
    assert_eq!(region.stats().entries, 2_000);
    Ok(())
}

#[test]
fn entries_that_were_replaced_by_some_that_end_sooner_leave_as_others_come() -> Result<(), Error> {
    let clock = ManualClock::new();
    let region = Region::builder("swept after a change").capacity(usize::MAX).clock(clock.clone()).build()?;
    for number in 0..100_u64 {
        region.set(format!("old {number}"), &number)?;
    }
    let ttl = Duration::from_secs(60);
    region.reconfigure(|region| region.ttl(ttl))?;
    for number in 0..100_u64 {
        region.set(format!("old {number}"), &number)?;
    }
    clock.advance(ttl * 2);
    for number in 0..5_000_u64 {
        region.set(format!("new {number}"), &number)?;
    }
    assert_eq!(region.stats().entries, 5_000);
    Ok(())
}

/// Told that something has begun, which then waits.
#[derive(Default)]
struct Hold {
    begun: Gate,
    gate: Gate,
}

impl Hold {
    fn hold(&self) {
        self.begun.open();
        self.gate.wait();
    }
}

/// What a thread is held at.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Nothing,
    Clone,
    Tag,
}

thread_local! {
    static HELD_AT: Cell<At> = const { Cell::new(At::Nothing) };
}

static HOLDS: LazyLock<[Hold; 2]> = LazyLock::new(Default::default);

struct Copied(u64);

impl Clone for Copied {
    fn clone(&self) -> Self {
        if HELD_AT.get() == At::Clone {
            HOLDS[0].hold();
        }
        Self(self.0)
    }
}

#[derive(Clone, KeyPart)]
struct Shown(u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if HELD_AT.get() == At::Tag {
            HOLDS[1].hold();
        }
        write!(f, "{}", self.0)
    }
}

#[test]
fn who_comes_after_an_invalidation_gets_nothing_that_was_computed_before_and_comes_late() -> Result<(), Error> {
    const DEADLINE: Duration = Duration::from_secs(10);
    regions! { static LATE = Region::builder("late and tagged").deadline(DEADLINE); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = LATE, tags = ["user:{id}"], in_memory)]
    fn load(id: Shown) -> Copied {
        Copied(id.0 + RUNS.fetch_add(1, Ordering::SeqCst))
    }

    let clock = ManualClock::new();
    LATE.reconfigure(|r| r.clock(clock.clone()))?;
    let call = |at| {
        HELD_AT.set(at);
        load(Shown(5)).0
    };
    let [storing, tagging] = &*HOLDS;
    thread::scope(|scope| {
        let _at_last = (AtLast(&storing.gate), AtLast(&tagging.gate));
        let late = scope.spawn(move || call(At::Clone));
        storing.begun.wait();
        clock.advance(DEADLINE);
        // Leads, and does not know its tags yet.
        let leader = scope.spawn(move || call(At::Tag));
        tagging.begun.wait();
        LATE.invalidate_tag("user:5").unwrap();
        let follower = scope.spawn(move || call(At::Nothing));
        until("one more waits", || waiting(&LATE, load::key(Shown(5))) == 1);
        storing.gate.open();
        assert_eq!(late.join().unwrap(), 5);
        tagging.gate.open();
        assert_eq!((leader.join().unwrap(), follower.join().unwrap()), (6, 6));
    });
    Ok(())
}
