use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cachekit::{Key, KeyPart, Region, cache_on_arguments, regions};
use proptest::prelude::*;

regions! {
    static KEYS = Region::builder("keys");
}

#[derive(Clone, Debug, PartialEq, KeyPart)]
struct Pair {
    left: i32,
    right: String,
}

#[derive(Clone, Debug, PartialEq, KeyPart)]
struct Id(u64);

#[derive(Clone, Debug, PartialEq, KeyPart)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, KeyPart)]
enum Shape<T> {
    Empty,
    Circle(f64),
    Named { name: String, inner: Option<T> },
}

/// Everything that a key can be made of.
#[derive(Clone, Debug, PartialEq)]
struct Arguments {
    number: u64,
    signed: i128,
    text: String,
    list: Vec<Option<String>>,
    bytes: Vec<u8>,
    tuple: (char, bool, ()),
    shape: Shape<Pair>,
    bits: u32,
}

fn arguments() -> impl Strategy<Value = Arguments> {
    // Small sets of values, so that tuples are often equal in all but one part.
    let number = prop_oneof![0..3_u64, any::<u64>()];
    let signed = prop_oneof![-2..3_i128, any::<i128>()];
    let text = prop_oneof![Just(String::new()), "[a-c \",|\\\\]{0,3}", any::<String>()];
    let shape = prop_oneof![
        Just(Shape::Empty),
        (0..3_i8).prop_map(|radius| Shape::Circle(f64::from(radius))),
        ("[ab]{0,2}", proptest::option::of(("[ab]{0,1}", 0..2_i32)))
            .prop_map(|(name, inner)| Shape::Named { name, inner: inner.map(|(right, left)| Pair { left, right }) }),
    ];
    let list = proptest::collection::vec(proptest::option::of("[a,]{0,2}"), 0..3);
    let bytes = proptest::collection::vec(0..2_u8, 0..40);
    let tuple = (prop_oneof![Just('\''), any::<char>()], any::<bool>(), Just(()));
    let bits = prop_oneof![Just(0.0_f32.to_bits()), Just((-0.0_f32).to_bits()), Just(f32::NAN.to_bits()), any::<u32>()];
    (number, signed, text, list, bytes, tuple, shape, bits).prop_map(
        |(number, signed, text, list, bytes, tuple, shape, bits)| Arguments {
            number,
            signed,
            text,
            list,
            bytes,
            tuple,
            shape,
            bits,
        },
    )
}

#[cache_on_arguments(region = "keys")]
#[expect(clippy::too_many_arguments)]
fn everything(
    number: u64,
    signed: i128,
    text: &str,
    list: &[Option<String>],
    bytes: &[u8],
    tuple: (char, bool, ()),
    shape: &Shape<Pair>,
    float: f32,
) -> usize {
    let _ = (number, signed, list, tuple, shape, float);
    text.len() + bytes.len()
}

fn key(a: &Arguments) -> Key {
    everything::key(a.number, a.signed, &a.text, &a.list, &a.bytes, a.tuple, &a.shape, f32::from_bits(a.bits))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn arguments_are_equal_exactly_if_their_keys_are(a in arguments(), b in arguments()) {
        prop_assert_eq!(a == b, key(&a) == key(&b));
        prop_assert_eq!(a == b, key(&a).to_string() == key(&b).to_string());
    }

    #[test]
    fn arguments_that_differ_in_one_part_have_different_keys(a in arguments(), b in arguments(), part in 0..8) {
        let mut changed = a.clone();
        match part {
            0 => changed.number = b.number,
            1 => changed.signed = b.signed,
            2 => changed.text = b.text,
            3 => changed.list = b.list,
            4 => changed.bytes = b.bytes,
            5 => changed.tuple = b.tuple,
            6 => changed.shape = b.shape,
            _ => changed.bits = b.bits,
        }
        prop_assert_eq!(a == changed, key(&a) == key(&changed));
    }

    #[test]
    fn a_key_comes_back_from_its_text(a in arguments()) {
        let key = key(&a);
        prop_assert_eq!(&key.to_string().parse::<Key>().unwrap(), &key);
    }

    #[test]
    fn any_text_is_a_key_with_that_text(text in any::<String>()) {
        prop_assert_eq!(Key::from(text.as_str()).to_string(), text);
    }

    #[test]
    fn text_like_that_of_a_call_is_a_key_with_that_text(arguments in "[-0-9a-z(){}\\[\\],.\"'#\\\\]{0,12}") {
        let text = format!("keys:app::f|{arguments}");
        prop_assert_eq!(Key::from(text.as_str()).to_string(), text);
    }

    #[test]
    fn neighbours_never_run_together(a: String, b: String, c: String, d: String) {
        prop_assert_eq!((&a, &b) == (&c, &d), two::key(&a, &b) == two::key(&c, &d));
        prop_assert_eq!((two(&a, &b), two(&c, &d)), (a.len() + b.len(), c.len() + d.len()));
    }

    #[test]
    fn cached_values_are_those_of_their_arguments(a in arguments(), b in arguments()) {
        for a in [&a, &b] {
            let cached =
                everything(a.number, a.signed, &a.text, &a.list, &a.bytes, a.tuple, &a.shape, f32::from_bits(a.bits));
            prop_assert_eq!(cached, a.text.len() + a.bytes.len());
        }
    }
}

#[cache_on_arguments(region = "keys")]
fn two(a: &str, b: &str) -> usize {
    a.len() + b.len()
}

#[test]
fn the_classic_collisions_do_not_happen() {
    assert_ne!(two::key("x y", "z"), two::key("x", "y z"));
    assert_ne!(two::key("a", "b c"), two::key("a b", "c"));
    assert_ne!(two::key("", "a"), two::key("a", ""));
}

mod first {
    use cachekit::cache_on_arguments;

    #[cache_on_arguments(region = "keys")]
    pub(super) fn f(a: Option<u8>) -> u8 {
        a.unwrap_or(1)
    }

    #[cache_on_arguments(region = "keys", namespace = "other")]
    pub(super) fn g(a: u8) -> u8 {
        a
    }
}

mod second {
    use cachekit::cache_on_arguments;

    #[cache_on_arguments(region = "keys")]
    pub(super) fn f(a: u8) -> u8 {
        a + 100
    }

    #[cache_on_arguments(region = "keys")]
    pub(super) fn g(a: &str) -> u8 {
        a.len().try_into().unwrap()
    }
}

#[test]
fn functions_namespaces_and_types_are_told_apart() {
    let keys = [
        first::f::key(Some(1)),
        first::f::key(None),
        second::f::key(1),
        first::g::key(1),
        second::g::key("1"),
        second::g::key(""),
    ];
    for (at, a) in keys.iter().enumerate() {
        for b in &keys[..at] {
            assert_ne!(a, b);
            assert_ne!(a.to_string(), b.to_string());
        }
    }
    assert_eq!((first::f(Some(1)), second::f(1), first::g(1), second::g("1")), (1, 101, 1, 1));
    let tail = |key: Key| key.to_string().split_once('|').unwrap().1.to_owned();
    assert_ne!(tail(first::f::key(Some(1))), tail(second::f::key(1)), "`Some(1)` and `1`");
    assert_ne!(tail(second::f::key(1)), tail(second::g::key("1")), "`1` and `\"1\"`");
}

#[test]
fn one_value_is_one_key_however_it_is_held() {
    #[cache_on_arguments(region = "keys")]
    fn held(text: Cow<'_, str>, number: Arc<u64>, boxed: Box<[u8]>, id: &Id, optional: Option<&str>) -> usize {
        let _ = (number, boxed, id, optional);
        text.len()
    }

    let owned = held::key(Cow::Owned("a".into()), Arc::new(1), vec![1].into(), &Id(7), Some("x"));
    let borrowed = held::key(Cow::Borrowed("a"), Arc::new(1), [1].into(), &Id(7), Some(&String::from("x")));
    assert_eq!(owned, borrowed);
    assert_eq!(held("abc".into(), Arc::new(1), [].into(), &Id(7), None), 3);
    assert!(owned.to_string().ends_with(r#"|"a",1,x"01",7,some("x")"#), "{owned}");
}

#[test]
fn keys_read_well() {
    #[cache_on_arguments(region = "keys", version = 2)]
    #[expect(clippy::too_many_arguments)]
    fn readable(
        duration: Duration,
        address: IpAddr,
        socket: SocketAddr,
        path: &Path,
        map: &BTreeMap<u8, bool>,
        pair: &Pair,
        nothing: Nothing,
        array: [i8; 2],
    ) -> u8 {
        let _ = (duration, address, socket, path, map, pair, nothing, array);
        0
    }

    let duration = Duration::from_millis(1_500);
    let (address, socket) = ("::1".parse().unwrap(), "127.0.0.1:80".parse().unwrap());
    let (map, pair) = (BTreeMap::from([(1, true)]), Pair { left: -1, right: "r".into() });
    let key = readable::key(duration, address, socket, Path::new("a"), &map, &pair, Nothing, [-1, 1]);
    assert_eq!(readable(duration, address, socket, Path::new("a"), &map, &pair, Nothing, [-1, 1]), 0);
    let expected = format!(
        "keys:{}::readable@2|{}",
        module_path!(),
        r#"(1,500000000),"::1","127.0.0.1:80",x"61",[(1,true)],(-1,"r"),(),[-1,1]"#
    );
    assert_eq!(key.to_string(), expected);
    assert_eq!(expected.parse::<Key>().unwrap(), key);
}

#[test]
fn types_of_other_crates_are_parts_of_keys() {
    #[cache_on_arguments(region = "keys")]
    fn foreign(id: uuid::Uuid, day: chrono::NaiveDate, at: chrono::DateTime<chrono::Utc>) -> u8 {
        let _ = (id, day, at);
        0
    }

    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
    let at = |seconds| chrono::DateTime::from_timestamp(seconds, 5).unwrap();
    assert_ne!(foreign::key(uuid::Uuid::from_u128(1), day, at(1)), foreign::key(uuid::Uuid::from_u128(2), day, at(1)));
    assert_ne!(foreign::key(uuid::Uuid::nil(), day, at(1)), foreign::key(uuid::Uuid::nil(), day, at(2)));
    assert_eq!(foreign(uuid::Uuid::nil(), day, at(1)), 0);
}

#[test]
fn a_key_may_be_long() {
    #[cache_on_arguments(region = "keys")]
    fn long(text: &str) -> usize {
        text.len()
    }

    for len in [0, 1, 29, 30, 31, 32, 33, 100, 103, 104, 105, 127, 128, 129, 10_000] {
        let (one, other) = ("a".repeat(len), "a".repeat(len) + "b");
        assert_ne!(long::key(&one), long::key(&other));
        assert_eq!((long(&one), long(&other)), (len, len + 1));
        assert_eq!((long(&one), long(&other)), (len, len + 1));
        assert_eq!(long::key(&one).to_string().parse::<Key>().unwrap(), long::key(&one));
    }
}
