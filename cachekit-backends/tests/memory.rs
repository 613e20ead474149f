//! What is peculiar to records in the process: room, and time that a test moves.

use std::time::Duration;

use cachekit::Error;
use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Put, Token};
use cachekit::testing::ManualClock;
use cachekit_backends::memory::Memory;
use pollster::block_on;

const SECOND: Duration = Duration::from_secs(1);
fn context() -> Context {
    Context::task(SECOND)
}

/// Some bytes to be stored.
struct Bytes(Content);

impl Bytes {
    fn new(bytes: &[u8]) -> Self {
        Self(Content::from(bytes.to_vec()))
    }

    fn under<'a>(&'a self, key: &'a str) -> Put<'a> {
        Put { key, content: &self.0, keep: None }
    }

    fn until<'a>(&'a self, key: &'a str, keep: Duration) -> Put<'a> {
        Put { keep: Some(keep), ..self.under(key) }
    }
}

fn answer<T>(answer: Answer<'_, T>) -> T {
    block_on(answer).unwrap()
}

fn has(memory: &Memory, key: &str) -> bool {
    answer(memory.get(key, context())).is_some()
}

fn acquire(memory: &Memory, key: &str, token: u128) -> Acquired {
    let lease = Lease { token: Token(token), length: SECOND * 10 };
    answer(memory.acquire(key, lease, Claim::Unseen(&[]), context()))
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let (memory, bytes) = (Memory::new().capacity(3), Bytes::new(b"value"));
    for key in ["a", "b", "c"] {
        answer(memory.set(bytes.under(key), context()));
    }
    assert!(has(&memory, "a"), "and is thereby used");
    answer(memory.set(bytes.under("d"), context()));
    assert_eq!(["a", "b", "c", "d"].map(|key| has(&memory, key)), [true, false, true, true]);
    assert_eq!(memory.len(), 3);
}

#[test]
fn there_are_never_more_bytes_than_there_is_room_for() {
    let memory = Memory::new().bytes(100);
    for key in ["a", "b", "c"] {
        answer(memory.set(Bytes::new(&[7; 39]).under(key), context()));
    }
    assert_eq!(["a", "b", "c"].map(|key| has(&memory, key)), [false, true, true], "40 bytes each, with the key");
    answer(memory.set(Bytes::new(&[7; 100]).under("b"), context()));
    assert_eq!(["b", "c"].map(|key| has(&memory, key)), [false, true], "too large itself, and the old one is gone");
}

#[test]
fn room_is_made_when_the_limit_is_set_later() {
    let memory = Memory::new();
    for key in ["a", "b", "c"] {
        answer(memory.set(Bytes::new(b"value").under(key), context()));
    }
    let memory = memory.capacity(1);
    assert_eq!(["a", "b", "c"].map(|key| has(&memory, key)), [false, false, true]);
    let memory = memory.capacity(0);
    answer(memory.set(Bytes::new(b"value").under("a"), context()));
    assert!(memory.is_empty());
}

#[test]
fn epochs_outlast_values_up_to_half_of_the_room() {
    let (memory, bytes) = (Memory::new().capacity(4), Bytes::new(b"12345678"));
    answer(memory.add(bytes.under("epoch"), context()));
    for number in 0..100 {
        answer(memory.set(bytes.under(&number.to_string()), context()));
    }
    assert!(has(&memory, "epoch"));
    for number in 0..100 {
        answer(memory.add(bytes.under(&format!("epoch {number}")), context()));
    }
    assert_eq!((has(&memory, "epoch 99"), has(&memory, "99")), (true, true), "values keep the other half");
    assert!(!has(&memory, "epoch"));
}

#[test]
fn contents_end_in_the_time_of_the_clock() {
    let clock = ManualClock::new();
    let (memory, bytes) = (Memory::new().clock(clock.clone()), Bytes::new(b"value"));
    answer(memory.set(bytes.until("short", SECOND), context()));
    answer(memory.set(bytes.until("long", SECOND * 2), context()));
    answer(memory.set(bytes.until("for ever", Duration::MAX), context()));
    answer(memory.set(bytes.until("replaced", SECOND), context()));
    answer(memory.set(bytes.under("replaced"), context()));
    clock.advance(SECOND);
    assert_eq!(["short", "long", "for ever", "replaced"].map(|key| has(&memory, key)), [false, true, true, true]);
    assert_eq!(memory.len(), 3, "it was dropped, too");
    clock.advance(SECOND * 1_000_000);
    assert_eq!(["long", "for ever"].map(|key| has(&memory, key)), [false, true]);
}

#[test]
fn what_is_added_again_is_kept_at_least_as_long() {
    let clock = ManualClock::new();
    let memory = Memory::new().clock(clock.clone());
    answer(memory.add(Bytes::new(b"first").until("epoch", SECOND), context()));
    let stored = answer(memory.add(Bytes::new(b"second").until("epoch", SECOND * 5), context()));
    assert_eq!(stored.as_bytes(), Some(b"first".as_slice()));
    answer(memory.add(Bytes::new(b"third").until("epoch", SECOND), context()));
    clock.advance(SECOND * 4);
    assert!(has(&memory, "epoch"), "never shorter");
    clock.advance(SECOND);
    assert!(!has(&memory, "epoch"));
}

#[test]
fn leases_lapse_in_the_time_of_the_clock() {
    let clock = ManualClock::new();
    let memory = Memory::new().clock(clock.clone());
    assert!(matches!(acquire(&memory, "k", 1), Acquired::Granted));
    clock.advance(SECOND * 4);
    assert!(matches!(acquire(&memory, "k", 2), Acquired::Busy(left) if left == SECOND * 6));
    let renewed = Lease { token: Token(1), length: SECOND * 10 };
    assert!(answer(memory.renew("k", renewed, context())));
    clock.advance(SECOND * 9);
    assert!(matches!(acquire(&memory, "k", 2), Acquired::Busy(left) if left == SECOND));
    clock.advance(SECOND);
    assert!(!answer(memory.renew("k", renewed, context())), "it has lapsed");
    assert!(!answer(memory.commit(Bytes::new(b"late").under("k"), Token(1), context())));
    assert!(matches!(acquire(&memory, "k", 2), Acquired::Granted));
}

#[test]
fn a_lease_ends_with_what_is_stored_or_taken_meanwhile() {
    let (memory, bytes) = (Memory::new(), Bytes::new(b"value"));
    let commit = |token| answer(memory.commit(bytes.under("k"), Token(token), context()));
    assert!(matches!(acquire(&memory, "k", 1), Acquired::Granted));
    answer(memory.set(bytes.under("k"), context()));
    assert!(!commit(1));
    for token in [1, 2] {
        let lease = Lease { token: Token(token), length: SECOND };
        assert!(matches!(answer(memory.acquire("k", lease, Claim::Always, context())), Acquired::Granted));
    }
    assert!(!commit(1) && commit(2) && !commit(2));
}

#[test]
fn clones_are_one_store_and_others_are_none_of_it() {
    let memory = Memory::new();
    answer(memory.clone().set(Bytes::new(b"value").under("k"), context()));
    assert!(has(&memory, "k"));
    assert!(!has(&Memory::new(), "k"));
}

#[test]
fn a_live_object_is_refused() {
    let envelope = cachekit::record::Envelope {
        expired: false,
        created: 0,
        fresh_until: 0,
        keep_until: 0,
        cost: 0,
        region: [0; 2],
        codec: 0,
        tags: Vec::new(),
    };
    let content = Content::Live(cachekit::backend::Live::new(envelope, 5_u32));
    let refused = block_on(Memory::new().set(Put { key: "k", content: &content, keep: None }, context()));
    assert!(refused.as_ref().is_err_and(Error::is_refused), "{refused:?}");
}
