//! What a store holds that the region cannot read: each is a miss, counted, and overwritten by the next computation.

use std::time::Duration;

use cachekit::backend::{Backend, Content, Context, Put};
use cachekit::codec::{Json, MessagePack};
use cachekit::{Codec, Record, Region, record};
use pollster::block_on;
use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize};

use crate::support::{Counted, Processes};

const CONTEXT: fn(Duration) -> Context = Context::blocking;

/// Puts some bytes under the key `k` of the region, as somebody else would.
fn put(processes: &Processes, region: &Region, bytes: Vec<u8>) {
    let content = Content::Bytes(bytes);
    let put = Put { key: &region.backend_key("k"), content: &content, keep: None };
    block_on(processes.store.set(put, CONTEXT(Duration::from_secs(1)))).unwrap();
}

/// What is stored under the key `k`.
fn stored(processes: &Processes, region: &Region) -> Vec<u8> {
    let found = block_on(processes.store.get(&region.backend_key("k"), CONTEXT(Duration::from_secs(1)))).unwrap();
    found.and_then(|content| content.as_bytes().map(<[u8]>::to_vec)).expect("something is stored")
}

/// A record that the region has made of a value.
fn record_of<T: Clone + Send + Sync + Serialize + for<'a> Deserialize<'a> + 'static>(
    processes: &Processes,
    region: &Region,
    value: &T,
) -> Vec<u8> {
    region.set("k", value).unwrap();
    stored(processes, region)
}

/// The bytes are a miss, which is counted once per look-up, and the next computation is stored over them.
fn assert_a_miss(processes: &Processes, region: &Region, bytes: Vec<u8>, counted: bool) {
    put(processes, region, bytes);
    let before = region.stats().unreadable;
    assert_eq!(region.get::<u64>("k").unwrap(), None);
    assert_eq!(region.stats().unreadable - before, u64::from(counted));
    let made = Counted::default();
    assert_eq!(region.get_or_create("k", || made.run() + 1_000), 1_001);
    assert_eq!(region.get::<u64>("k").unwrap(), Some(1_001), "it was overwritten");
}

#[test]
fn foreign_torn_and_newer_bytes_are_misses() {
    let processes = Processes::new();
    let region = processes.region();
    let whole = record_of(&processes, &region, &7_u64);
    assert_eq!(Record::read(whole.clone()).unwrap().envelope().codec, MessagePack.id());
    let mut newer = whole.clone();
    newer[2] += 1;
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let torn = whole[..whole.len() - 1].to_vec();
    for bytes in [b"".to_vec(), b"ck".to_vec(), b"{\"id\":5}".to_vec(), newer, flipped, torn] {
        assert_a_miss(&processes, &region, bytes, true);
    }
}

#[test]
fn a_value_of_another_type_is_a_miss() {
    let processes = Processes::new();
    let region = processes.region();
    let text = record_of(&processes, &region, &"text".to_owned());
    assert_a_miss(&processes, &region, text, true);
}

#[test]
fn a_value_of_another_codec_is_a_miss() {
    let processes = Processes::new();
    let (region, other) = (processes.region(), processes.with(|region| region.codec(Json)));
    let json = record_of(&processes, &other, &7_u64);
    assert_a_miss(&processes, &region, json, true);
}

#[test]
fn a_record_past_its_physical_end_is_a_miss_and_nothing_to_count() {
    let processes = Processes::new();
    let region = processes.region();
    let record = Record::read(record_of(&processes, &region, &7_u64)).unwrap();
    let envelope = record::Envelope { keep_until: 1, ..record.envelope().clone() };
    assert_a_miss(&processes, &region, Record::new(envelope, record.value()).into_bytes(), false);
}

/// A value whose reading panics.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Explosive(u64);

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        assert!(number != 13, "13 cannot be read");
        Ok(Self(number))
    }
}

#[test]
fn a_value_whose_reading_panics_is_a_miss() {
    let processes = Processes::new();
    let region = processes.region();
    region.set("k", &Explosive(13)).unwrap();
    assert_eq!(region.get::<Explosive>("k").unwrap(), None);
    assert_eq!(region.get_or_create("k", || Explosive(5)), Explosive(5));
    assert_eq!(region.get::<Explosive>("k").unwrap(), Some(Explosive(5)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn whatever_is_stored_nothing_but_a_whole_value_is_served(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let processes = Processes::new();
        let region = processes.region();
        put(&processes, &region, bytes);
        prop_assert_eq!(region.get::<u64>("k").unwrap(), None);
        let mut whole = record_of(&processes, &region, &7_u64);
        let at = cut.index(whole.len());
        put(&processes, &region, whole[..at].to_vec());
        prop_assert_eq!(region.get::<u64>("k").unwrap(), None);
        if at != record::EXPIRED_AT {
            whole[at] ^= 1 << bit;
            put(&processes, &region, whole);
            prop_assert_eq!(region.get::<u64>("k").unwrap(), None);
        }
    }
}
