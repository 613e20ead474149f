use std::future::Future;
use std::pin::pin;
use std::task::{Context as Polled, Poll, Waker};
use std::thread;
use std::time::Duration;

use cachekit::backend::{Answer, Backend, Content, Context, Put};
use cachekit::testing::{Chaos, ManualClock};
use cachekit::{Error, Proxy, Region};
use cachekit_backends::memory::Memory;

use crate::support::until;

const SECOND: Duration = Duration::from_secs(1);

fn poll<T>(answer: &mut Answer<'_, T>) -> Poll<Result<T, Error>> {
    pin!(answer).poll(&mut Polled::from_waker(Waker::noop()))
}

fn context() -> Context {
    Context::task(SECOND)
}

fn put(content: &Content) -> Put<'_> {
    Put { key: "k", content, keep: None }
}

/// What becomes of a hundred operations: whether the answer is there, and what it tells.
fn fates(chaos: &Chaos) -> Vec<Option<String>> {
    let memory = Memory::new();
    let told = (0..100).map(|_| match poll(&mut chaos.get(&memory, "k", context())) {
        Poll::Ready(told) => Some(told.map_or_else(|error| error.to_string(), |_| "spared".to_owned())),
        Poll::Pending => None,
    });
    told.collect()
}

#[test]
fn one_seed_is_one_chaos() {
    let chaos = |seed| {
        let clock = ManualClock::new();
        Chaos::new(seed).errors(0.3).hangs(0.1).lost_answers(0.1).delays(0.2, SECOND).clock(clock)
    };
    let (one, same, other) = (chaos(7), chaos(7), chaos(8));
    assert_eq!(fates(&one), fates(&same));
    assert_eq!(one.havoc(), same.havoc());
    assert_ne!(fates(&chaos(7)), fates(&other));
    assert_ne!(fates(&one), fates(&chaos(7)), "it goes on where it was");
}

#[test]
fn as_many_are_hit_as_is_said() {
    let chaos = Chaos::new(1).errors(0.05).hangs(0.02).lost_answers(0.05).delays(0.1, SECOND).clock(ManualClock::new());
    for _ in 0..100 {
        fates(&chaos);
    }
    let havoc = chaos.havoc();
    assert_eq!(havoc.operations, 10_000);
    let hit = [(havoc.errors, 500), (havoc.hangs, 200), (havoc.lost_answers, 500), (havoc.delays, 1_000)];
    for (count, expected) in hit {
        assert!(count.abs_diff(expected) < expected / 4, "{havoc:?}");
    }
}

#[test]
fn what_fails_is_not_carried_out_and_what_loses_its_answer_is() {
    let (memory, content) = (Memory::new(), Content::Bytes(vec![1]));
    let stored = || poll(&mut memory.get("k", context())).map(|found| found.unwrap().is_some());
    let failing = Chaos::new(1).errors(1.0);
    let Poll::Ready(Err(error)) = poll(&mut failing.set(&memory, put(&content), context())) else { panic!("it fails") };
    assert!(error.is_backend() && !error.is_timeout() && error.to_string().contains("operation 1, `set`"), "{error}");
    assert_eq!(stored(), Poll::Ready(false));
    let losing = Chaos::new(1).lost_answers(1.0);
    let Poll::Ready(Err(error)) = poll(&mut losing.set(&memory, put(&content), context())) else { panic!("it fails") };
    assert!(error.is_timeout(), "{error}");
    assert_eq!(stored(), Poll::Ready(true));
}

#[test]
fn a_delay_passes_by_the_clock_and_a_silence_never() {
    let (clock, memory, content) = (ManualClock::new(), Memory::new(), Content::Bytes(vec![1]));
    let chaos = Chaos::new(1).delays(1.0, SECOND).clock(clock.clone());
    let mut answer = chaos.set(&memory, put(&content), context());
    assert!(poll(&mut answer).is_pending());
    assert!(
        poll(&mut memory.get("k", context())).map(|found| found.unwrap().is_none()) == Poll::Ready(true),
        "not yet"
    );
    clock.advance(SECOND);
    assert!(poll(&mut answer).is_ready());
    assert!(poll(&mut memory.get("k", context())).map(|found| found.unwrap().is_some()) == Poll::Ready(true));
    let silent = Chaos::new(1).hangs(1.0);
    let mut answer = silent.get(&memory, "k", context());
    silent.calm();
    assert!(poll(&mut answer).is_pending(), "who hangs goes on to");
    assert!(poll(&mut silent.get(&memory, "k", context())).is_ready());
    assert_eq!((silent.havoc().operations, silent.havoc().hangs), (1, 1), "what is calm is not counted");
    silent.rage();
    assert!(poll(&mut silent.get(&memory, "k", context())).is_pending());
}

#[test]
#[should_panic(expected = "no parts of a whole")]
fn parts_of_more_than_the_whole_are_a_mistake() {
    let _ = Chaos::new(1).errors(0.6).hangs(0.6);
}

/// Calls while somebody moves the clock: a lease whose answer was lost lapses, and limits pass.
fn called(region: &Region, clock: &ManualClock, id: u64) -> u64 {
    thread::scope(|scope| {
        let caller = scope.spawn(|| region.get_or_create(id.to_string(), || id));
        until("the call returns", || {
            clock.advance(SECOND / 10);
            caller.is_finished()
        });
        caller.join().unwrap()
    })
}

#[test]
fn no_value_is_lost_or_taken_for_another_in_a_chaos() -> Result<(), Error> {
    for seed in 0..10 {
        let clock = ManualClock::new();
        let store = Memory::new().clock(clock.clone());
        let chaos = Chaos::new(seed).errors(0.1).lost_answers(0.1).hangs(0.02).delays(0.1, SECOND).clock(clock.clone());
        let region = Region::builder("disturbed").clock(clock.clone()).ttl(SECOND * 10);
        let region = region.backend(store).wrap(chaos.clone()).build()?;
        for round in 0..50 {
            assert_eq!(called(&region, &clock, round % 7), round % 7);
        }
        let havoc = chaos.havoc();
        assert!(havoc.errors > 0 && havoc.lost_answers > 0, "{havoc:?}");
    }
    Ok(())
}

#[test]
fn a_limit_ends_what_hangs() -> Result<(), Error> {
    let (clock, chaos) = (ManualClock::new(), Chaos::new(1).hangs(1.0));
    let region = Region::builder("silent").clock(clock.clone()).backend(Memory::new()).wrap(chaos).build()?;
    assert_eq!(called(&region, &clock, 5), 5);
    Ok(())
}
