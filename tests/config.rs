//! Regions set up from a file, in a process of its own, since two of its backends have one name on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachekit::backend::{Answer, Backend, Content, Context, Put};
use cachekit::config::Settings;
use cachekit::testing::ManualClock;
use cachekit::{Config, Error, Region, backend_factory, configure, reconfigure, region, regions};
use serde::Deserialize;

/// A backend of a third party: it keeps nothing.
#[derive(Debug)]
#[expect(dead_code, reason = "a test reads them by `Debug`")]
struct Shelf {
    number: usize,
    room: u64,
    pause: Option<Duration>,
}

impl Backend for Shelf {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShelfSettings {
    room: u64,
    #[serde(default, deserialize_with = "cachekit::config::duration")]
    pause: Option<Duration>,
    #[serde(default)]
    url: String,
    #[serde(default)]
    boards: Vec<Board>,
    #[serde(default)]
    wood: Option<Wood>,
}

/// Does not say that it denies unknown keys.
#[derive(Deserialize)]
struct Board {
    length: u8,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wood {
    Oak,
    Painted { color: String },
}

fn shelf(settings: Settings) -> Result<Shelf, Error> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let shown = format!("{settings:?}");
    assert!(shown.contains("Settings {") && !shown.contains("hunter2"), "{shown}");
    let ShelfSettings { room, pause, url, boards, wood } = settings.read()?;
    if url.contains("nowhere") {
        return Err(Error::refused(format_args!("`{url}` is no address, nor is {url:?}")));
    }
    let lengths: u64 = boards.iter().map(|board| u64::from(board.length)).sum();
    let colors = match wood {
        None | Some(Wood::Oak) => 0,
        Some(Wood::Painted { color }) => color.len() as u64,
    };
    Ok(Shelf { number: NUMBER.fetch_add(1, Ordering::Relaxed), room: room + lengths + colors, pause })
}

backend_factory! {
    "shelf" => shelf,
    "bare" => |settings| {
        settings.read::<NoSettings>()?;
        Ok(Arc::new(Shelf { number: 0, room: 0, pause: None }) as Arc<dyn Backend>)
    },
}

#[derive(Deserialize)]
struct NoSettings {}

backend_factory! { "twin" => shelf }
backend_factory! { "twin" => shelf }
backend_factory! { "ttl" => shelf }

fn toml(text: &str) -> Config {
    toml::from_str(text).expect("the text is TOML")
}

fn json(text: &str) -> Config {
    serde_json::from_str(text).expect("the text is JSON")
}

fn settings(region: &str) -> String {
    format!("{:?}", cachekit::region(region).expect("the region is declared"))
}

/// The faults of a configuration, of which nothing is applied.
fn faults(text: &str) -> (Error, Vec<String>) {
    let error = configure(toml(text)).expect_err("the configuration is faulty");
    let lines = error.to_string().lines().skip(1).map(|line| line.trim_start().to_owned()).collect();
    (error, lines)
}

/// The only fault of a configuration.
fn fault(text: &str) -> String {
    let (_, mut lines) = faults(text);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

#[test]
fn every_setting_reaches_its_region() -> Result<(), Error> {
    regions! { static ALL = Region::builder("all settings"); }
    configure(toml(
        r#"
        [regions."all settings"]
        ttl = "10m"
        stale_while_revalidate = "1m"
        stale_if_error = "6h"
        retry_after = { first = "2s", longest = "20s" }
        refresh_ahead = 0.9
        jitter = 0.25
        wait_timeout = "3s"
        deadline = "40s"
        max_disowned = 7
        capacity = 12345
        version = 3
        key_prefix = "myapp:"
        codec = "json"
        near = "5s"
        lock = false
        lease = "11s"
        on_backend_error = "propagate"
        read_timeout = "70ms"
        write_timeout = "80ms"
        breaker = { failures = 9, pause = "4s", near = "6s" }
        backend = "shelf"
        [regions."all settings".shelf]
        room = 30
        pause = "1m 30s"
        "#,
    ))?;
    let text = settings("all settings");
    for setting in [
        "ttl: Some(600s)",
        "stale_while_revalidate: Some(60s)",
        "stale_if_error: Some(21600s)",
        "retry_after: Some((2s, 20s))",
        "refresh_ahead: Some(Fraction(0.9))",
        "jitter: Some(0.25)",
        "wait_timeout: Some(3s)",
        "deadline: Some(40s)",
        "max_disowned: 7",
        "capacity: 12345",
        "version: Some(3)",
        "key_prefix: \"myapp:\"",
        "codec: Json",
        "near: Some(5s)",
        "lock: false",
        "lease: 11s",
        "on_error: Propagate",
        "read_timeout: 70ms",
        "write_timeout: 80ms",
        "breaker: Breaker { failures: 9, pause: 4s, near: 6s }",
        "room: 30",
        "pause: Some(90s)",
    ] {
        assert!(text.contains(setting), "{setting} in {text}");
    }
    assert_eq!(ALL.backend_key("k"), "myapp:all settings:k");
    Ok(())
}

#[test]
fn a_ttl_of_a_file_counts_for_the_calls_that_start_after_it() -> Result<(), Error> {
    static CLOCK: std::sync::LazyLock<ManualClock> = std::sync::LazyLock::new(ManualClock::new);
    regions! {
        static AGING = Region::builder("aging").ttl(Duration::from_secs(3_600)).clock(CLOCK.clone());
    }
    configure(toml("[regions.aging]\nttl = '1m'"))?;
    AGING.set("k", &1_u8)?;
    CLOCK.advance(Duration::from_secs(59));
    assert_eq!(AGING.get::<u8>("k")?, Some(1));
    CLOCK.advance(Duration::from_secs(2));
    assert_eq!(AGING.get::<u8>("k")?, None);
    Ok(())
}

#[test]
fn what_a_file_does_not_say_stays_as_it_is_declared() -> Result<(), Error> {
    regions! {
        static PARTIAL = Region::builder("partial")
            .ttl(Duration::from_secs(77))
            .capacity(88)
            .retry_after(Duration::from_secs(1), Duration::from_secs(99))
            .breaker(cachekit::Breaker::new().failures(66));
        static UNNAMED = Region::builder("unnamed").capacity(55);
    }
    configure(toml(
        "[regions.partial]
         capacity = 44
         retry_after = { first = '2s' }
         breaker = { pause = '9s' }",
    ))?;
    let text = settings("partial");
    for setting in ["ttl: Some(77s)", "capacity: 44", "(2s, 99s)", "failures: 66, pause: 9s", "backend: None"] {
        assert!(text.contains(setting), "{setting} in {text}");
    }
    assert!(settings("unnamed").contains("capacity: 55"));
    assert!(UNNAMED.configure(|r| r).is_ok(), "a region that is not named is not configured");
    assert!(PARTIAL.configure(|r| r).is_err_and(|error| error.is_already_configured()));
    Ok(())
}

#[test]
fn settings_have_more_than_one_spelling() -> Result<(), Error> {
    regions! {
        static RANDOM = Region::builder("random");
        static NAMED = Region::builder("named");
        static TEXTS = Region::builder("texts");
    }
    configure(json(
        r#"{ "regions": {
            "random": { "refresh_ahead": { "xfetch": 1.5 }, "capacity": "unlimited", "deadline": "unlimited", "jitter": 1 },
            "named": { "refresh_ahead": "xfetch", "codec": "messagepack", "on_backend_error": "degrade" },
            "texts": { "capacity": "123", "lock": "false", "jitter": "0.5", "refresh_ahead": "0.75" }
        } }"#,
    ))?;
    let text = settings("random");
    let limits = [format!("capacity: {}", usize::MAX), format!("deadline: Some({:?})", Duration::MAX)];
    assert!(text.contains("XFetch(1.5)") && text.contains("jitter: Some(1.0)"), "{text}");
    assert!(limits.iter().all(|limit| text.contains(limit)), "{text}");
    let text = settings("named");
    assert!(text.contains("XFetch(1.0)") && text.contains("MessagePack") && text.contains("Degrade"), "{text}");
    let text = settings("texts");
    let numbers = ["capacity: 123", "lock: false", "jitter: Some(0.5)", "Fraction(0.75)"];
    assert!(numbers.iter().all(|number| text.contains(number)), "{text}");
    Ok(())
}

#[test]
fn a_configuration_is_a_part_of_that_of_a_program() -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Program {
        port: u16,
        cache: Config,
        #[serde(default)]
        other_cache: Config,
    }
    regions! { static NESTED = Region::builder("nested"); }
    let program: Program = toml::from_str("port = 80\n[cache.regions.nested]\nkey_prefix = 'a:'").unwrap();
    assert_eq!(program.port, 80);
    configure(program.other_cache)?;
    configure(program.cache)?;
    assert_eq!(NESTED.backend_key("k"), "a:nested:k");
    Ok(())
}

#[test]
fn each_value_that_makes_no_sense_is_named_with_its_path_and_what_to_write() {
    regions! { static FAULTY = Region::builder("faulty"); }
    let told = |setting: &str, path: &str, parts: &[&str]| {
        let line = fault(&format!("[regions.faulty]\n{setting}"));
        assert!(line.starts_with(&format!("regions.faulty{path}: ")), "{setting}: {line}");
        assert!(parts.iter().all(|part| line.contains(part)), "{setting}: {parts:?} in {line}");
    };
    told("ttl = 600", ".ttl", &["\"600s\"", "\"10m\""]);
    told("ttl = '10 minuts'", ".ttl", &["`10 minuts`", "minuts", "\"1h 30s\""]);
    told("ttl = true", ".ttl", &["a duration such as \"10m\"", "a truth value"]);
    told("stale_while_revalidate = '-1s'", ".stale_while_revalidate", &["`-1s` is no duration"]);
    told("stale_if_error = ['6h']", ".stale_if_error", &["a duration such as \"10m\"", "a list"]);
    told("wait_timeout = 2.5", ".wait_timeout", &["a duration such as \"10m\"", "a number"]);
    told("deadline = '0s'", ".deadline", &["`deadline` is 0"]);
    told("deadline = 'never'", ".deadline", &["`never` is no duration"]);
    told("retry_after = '5s'", ".retry_after", &["a table with one of `first`, `longest`"]);
    told("retry_after = { first = '0s' }", ".retry_after", &["begins with 0"]);
    told("retry_after = { first = '9m' }", ".retry_after", &["longer than its longest pause"]);
    told("retry_after = { fist = '9m' }", ".retry_after.fist", &["not known", "`first`"]);
    told("retry_after = { longest = 9 }", ".retry_after.longest", &["\"9s\""]);
    told("refresh_ahead = 1.5", ".refresh_ahead", &["`refresh_ahead` is 1.5", "between 0 and 1"]);
    told("refresh_ahead = 'often'", ".refresh_ahead", &["0.9", "xfetch", "`often`"]);
    told("refresh_ahead = { xfetch = -1.0 }", ".refresh_ahead", &["-1", "positive"]);
    told("refresh_ahead = { xfetch = 'x' }", ".refresh_ahead.xfetch", &["positive", "`x`"]);
    told("refresh_ahead = { fetch = 1.0 }", ".refresh_ahead", &["{ xfetch = 1.0 }"]);
    told("jitter = 2", ".jitter", &["`jitter` is 2", "from 0 to 1"]);
    told("jitter = 'some'", ".jitter", &["a number from 0 to 1", "`some`"]);
    told("jitter = nan", ".jitter", &["a number from 0 to 1"]);
    told("max_disowned = -1", ".max_disowned", &["a whole number", "`-1`"]);
    told("version = 1.5", ".version", &["a whole number", "`1.5`"]);
    told("capacity = 0", ".capacity", &["from 1", "\"unlimited\"", "`0`"]);
    told("capacity = 'endless'", ".capacity", &["\"unlimited\"", "`endless`"]);
    told("key_prefix = 5", ".key_prefix", &["a text", "`5`"]);
    told("codec = 'bson'", ".codec", &["`bson`", "\"messagepack\"", "\"json\""]);
    told("near = 5", ".near", &["\"5s\""]);
    told("lock = 'perhaps'", ".lock", &["true or false", "`perhaps`"]);
    told("lease = '0s'", ".lease", &["`lease` is zero"]);
    told("read_timeout = '0s'", ".read_timeout", &["`read_timeout` is zero"]);
    told("lease = {}", ".lease", &["a duration such as \"10m\"", "a table"]);
    told("on_backend_error = 'panic'", ".on_backend_error", &["\"degrade\" or \"propagate\"", "`panic`"]);
    told("read_timeout = 100", ".read_timeout", &["\"100s\""]);
    told("write_timeout = '250'", ".write_timeout", &["`250` is no duration"]);
    told("breaker = 5", ".breaker", &["a table with one of `failures`, `pause`, `near`"]);
    told("breaker = { failures = 'many' }", ".breaker.failures", &["a whole number", "`many`"]);
    told("breaker = { pauses = '5s' }", ".breaker.pauses", &["not known", "`pause`"]);
    told("time_to_live = '5m'", ".time_to_live", &["not known", "`ttl`", "`backend`"]);
    told("clock = 'system'", ".clock", &["code", "declared"]);
    told("backend = 5", ".backend", &["a text", "`5`"]);
    told("backend = 'bookcase'", ".backend", &["`bookcase`", "`bare`, `shelf`", "use cachekit_backends as _;"]);
    told("backend = 'twin'", ".backend", &["two backends", "`twin`", "config.rs:", " and "]);
    told("backend = 'ttl'", ".backend", &["`ttl` is a setting"]);
    told("[regions.faulty.shelf]\nroom = 5", ".shelf", &["not chosen", "backend = \"shelf\""]);
    told("[regions.faulty.bookcase]\nroom = 5", ".bookcase", &["not known"]);
    told("backend = 'none'\n[regions.faulty.none]", ".none", &["not known"]);
    told("backend = 'bare'\n[regions.faulty.shelf]\nroom = 5", ".shelf", &["not chosen"]);
    assert!(settings("faulty").contains("ttl: None"));
    assert!(FAULTY.configure(|r| r).is_ok(), "nothing of all that was applied");
}

#[test]
fn settings_of_a_backend_are_named_with_their_path() {
    regions! { static STRICT = Region::builder("strict"); }
    let told = |settings: &str, path: &str, parts: &[&str]| {
        let line = fault(&format!("[regions.strict]\nbackend = 'shelf'\n[regions.strict.shelf]\n{settings}"));
        assert!(line.starts_with(&format!("regions.strict.shelf{path}: ")), "{settings}: {line}");
        assert!(parts.iter().all(|part| line.contains(part)), "{settings}: {parts:?} in {line}");
    };
    told("", "", &["`room` is missing"]);
    told("room = 1\nrom = 2", ".rom", &["not known", "one of `room`, `pause`, `url`"]);
    told("room = 'large'", ".room", &["u64", "a text"]);
    told("room = -1", ".room", &["u64", "another number"]);
    told("room = 1\npause = 5", ".pause", &["\"5s\""]);
    told("room = 1\nboards = [{ length = 5 }, { length = 256 }]", ".boards[1].length", &["u8", "another number"]);
    told("room = 1\nboards = [{ length = 5, width = 1 }]", ".boards[0].width", &["not known"]);
    told("room = 1\nboards = 5", ".boards", &["a sequence", "a number"]);
    told("room = 1\nwood = 'teak'", ".wood", &["one of `oak`, `painted`"]);
    told("room = 1\nwood = { painted = { colour = 'red' } }", ".wood.painted.colour", &["not known"]);
    told("room = 1\nwood = 5", ".wood", &["a text, or a table with one key", "a number"]);
    let line = fault("[regions.strict]\nbackend = 'shelf'\nshelf = 'large'");
    assert!(line.starts_with("regions.strict.shelf: expected the table of the backend's settings"), "{line}");
    let line = fault("[regions.strict]\nbackend = 'bare'\nbare = { room = 1 }");
    assert!(line.starts_with("regions.strict.bare.room: this key is not known"), "{line}");
    assert!(!STRICT.backend_key("k").is_empty() && settings("strict").contains("backend: None"));
}

#[test]
fn settings_of_a_backend_have_any_shape_that_serde_reads() -> Result<(), Error> {
    regions! { static SHAPES = Region::builder("shapes"); static OAK = Region::builder("oak"); }
    configure(json(
        r#"{ "regions": {
            "shapes": { "backend": "shelf", "shelf": {
                "room": "100", "boards": [{ "length": 20 }, { "length": 3 }], "wood": { "painted": { "color": "blue" } }
            } },
            "oak": { "backend": "shelf", "shelf": { "room": 41, "wood": "oak" } }
        } }"#,
    ))?;
    assert!(settings("shapes").contains("room: 127") && settings("oak").contains("room: 41"));
    assert!(SHAPES.name() != OAK.name());
    Ok(())
}

#[test]
fn all_faults_of_a_configuration_are_in_one_error() {
    regions! { static SEVERAL = Region::builder("several"); static OTHER = Region::builder("several more"); }
    let (error, lines) = faults(
        r#"
        [regions.several]
        ttl = "soon"
        capacity = 0
        colour = "red"
        backend = "shelf"
        [regions.several.shelf]
        rom = 30
        [regions."several more"]
        backend = "bookcase"
        [regions.severel]
        ttl = 5
        [region.several]
        ttl = "10m"
        "#,
    );
    assert!(error.is_settings() && !error.is_unknown_region());
    let paths: Vec<&str> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "region",
            "regions.\"several more\".backend",
            "regions.several.capacity",
            "regions.several.colour",
            "regions.several.shelf.rom",
            "regions.several.ttl",
            "regions.severel",
            "regions.severel.ttl",
        ]
    );
    assert!(SEVERAL.configure(|r| r).is_ok() && OTHER.configure(|r| r).is_ok());
}

#[test]
fn an_error_is_of_the_kind_of_its_faults() {
    let (error, lines) = faults("[regions.nobody]\nttl = '5m'\n[regions.no-one]");
    assert!(error.is_unknown_region(), "{error}");
    assert!(lines[0].starts_with("regions.no-one: there is no region `no-one`; declared are "), "{error}");

    regions! { static REFUSING = Region::builder("refusing"); }
    let (error, lines) =
        faults("[regions.refusing]\nbackend = 'shelf'\n[regions.refusing.shelf]\nroom = 1\nurl = 'nowhere'");
    assert!(error.is_refused() && error.is_backend(), "{error}");
    assert!(lines[0].starts_with("regions.refusing.shelf: the backend cannot be used: "), "{error}");
    assert!(REFUSING.configure(|r| r).is_ok());

    let error = configure(json(r#"{ "regions": ["users"] }"#)).unwrap_err();
    assert!(error.is_settings() && error.to_string().contains("regions: expected a table"), "{error}");
    let error = configure(json(r#"{ "regions": { "refusing": 5 } }"#)).unwrap_err();
    assert!(error.to_string().contains("regions.refusing: expected a table of settings, found a number"), "{error}");
}

#[test]
fn where_one_region_is_faulty_none_is_changed() -> Result<(), Error> {
    regions! {
        static FIRST = Region::builder("a, whole").capacity(11);
        static SECOND = Region::builder("b, faulty").capacity(22);
    }
    let text = "[regions.'a, whole']\ncapacity = 33\n[regions.'b, faulty']\ncapacity = ";
    let line = fault(&format!("{text}0"));
    assert!(line.starts_with("regions.\"b, faulty\".capacity: "), "{line}");
    assert!(settings("a, whole").contains("capacity: 11"));

    SECOND.configure(|r| r.capacity(44))?;
    let (error, lines) = faults(&format!("{text}55"));
    assert!(error.is_already_configured(), "{error}");
    assert!(lines[0].starts_with("regions.\"b, faulty\": ") && lines[0].contains("`reconfigure`"), "{error}");
    assert!(settings("a, whole").contains("capacity: 11") && settings("b, faulty").contains("capacity: 44"));

    reconfigure(toml(&format!("{text}55")))?;
    assert!(settings("a, whole").contains("capacity: 33") && settings("b, faulty").contains("capacity: 55"));
    assert!(FIRST.configure(|r| r).is_err_and(|error| error.is_already_configured()));
    Ok(())
}

#[test]
fn reconfigure_starts_from_what_is_declared() -> Result<(), Error> {
    regions! { static AGAIN = Region::builder("again").capacity(11); }
    reconfigure(toml("[regions.again]\ncapacity = 22\nbackend = 'bare'"))?;
    assert!(settings("again").contains("capacity: 22") && settings("again").contains("Shelf"));
    reconfigure(toml("[regions.again]\nttl = '5s'"))?;
    assert!(settings("again").contains("capacity: 11") && !settings("again").contains("Shelf"));
    let error = reconfigure(toml("[regions.again]\nttl = '5'")).unwrap_err();
    assert!(error.is_settings() && settings("again").contains("ttl: Some(5s)"), "{error}");
    assert!(AGAIN.configure(|r| r).is_err_and(|error| error.is_already_configured()));
    Ok(())
}

#[test]
fn of_many_who_configure_at_once_one_succeeds_and_wholly() {
    regions! {
        static LEFT = Region::builder("left");
        static RIGHT = Region::builder("right");
    }
    let configured = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=16)
            .map(|number| {
                // TOML and JSON name them in another order.
                let text = format!(
                    r#"{{ "regions": {{ "left": {{ "version": {number} }}, "right": {{ "version": {number} }} }} }}"#
                );
                scope.spawn(move || configure(json(&text)).map_err(|error| assert!(error.is_already_configured())))
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).count()
    });
    assert_eq!(configured, 1);
    let version =
        |region: &str| settings(region).split("version: ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    assert_eq!(version("left"), version("right"));
    assert!(LEFT.name() != RIGHT.name());
}

#[test]
fn regions_of_equal_settings_share_one_backend() -> Result<(), Error> {
    regions! {
        static ONE = Region::builder("sharing one");
        static TWO = Region::builder("sharing two");
        static THREE = Region::builder("not sharing");
    }
    configure(toml(
        r#"
        [regions."sharing one"]
        backend = "shelf"
        shelf = { room = 1, pause = "1s" }
        [regions."sharing two"]
        backend = "shelf"
        shelf = { pause = "1s", room = 1 }
        [regions."not sharing"]
        backend = "shelf"
        shelf = { room = 2 }
        "#,
    ))?;
    let number =
        |region: &str| settings(region).split("number: ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    assert_eq!(number("sharing one"), number("sharing two"));
    assert_ne!(number("sharing one"), number("not sharing"));
    for region in [&ONE, &TWO, &THREE] {
        region.set("k", &1_u8)?;
        assert_eq!(region.get::<u8>("k")?, None, "asked of the backend, which keeps nothing");
    }
    Ok(())
}

#[test]
fn no_backend_is_a_choice_where_one_is_declared() -> Result<(), Error> {
    regions! {
        static REMOTE = Region::builder("remote").backend(Shelf { number: 0, room: 0, pause: None });
        static KEPT = Region::builder("kept").backend(Shelf { number: 0, room: 0, pause: None });
    }
    configure(toml("[regions.remote]\nbackend = 'none'\n[regions.kept]\nttl = '5s'"))?;
    assert!(settings("remote").contains("backend: None"));
    assert!(settings("kept").contains("Shelf"));
    for region in [&REMOTE, &KEPT] {
        region.set("k", &1_u8)?;
    }
    assert_eq!(REMOTE.get::<u8>("k")?, Some(1), "kept in this process");
    assert_eq!(KEPT.get::<u8>("k")?, None, "asked of the backend, which keeps nothing");
    Ok(())
}

#[test]
fn nobody_is_shown_a_secret() {
    regions! { static SECRET = Region::builder("secret"); }
    let text = r#"
        [regions.secret]
        ttl = "10m"
        backend = "shelf"
        url = "redis://misplaced:hunter2@host"
        [regions.secret.shelf]
        room = 1
        url = "redis://ann:hunter2@nowhere:6379/0"
        "#;
    let shown = format!("{:?}", toml(text));
    assert!(!shown.contains("hunter2") && !shown.contains("ann") && !shown.contains("6379"), "{shown}");
    for part in ["secret", "ttl", "10m", "shelf", "room", "url"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let keyed = "[regions.secret]\nbackend = 'shelf'\n[regions.secret.shelf]\n'redis://ann:hunter2@host' = 1";
    let shown = format!("{:?}", toml(keyed));
    assert!(!shown.contains("hunter2"), "{shown}");
    let misspelt = format!("{:?}", toml("[region.secret.shelf]\npassword = 'hunter2'"));
    assert!(!misspelt.contains("hunter2") && misspelt.contains("password"), "{misspelt}");

    for faulty in [
        text,
        keyed,
        "[regions.secret]\nttl = 'redis://ann:hunter2@host'",
        "[regions.secret]\ncodec = 'redis://ann:hunter2@host'",
        "[regions.secret]\nlock = 'redis://ann:hunter2@host'",
        "[regions.secret]\nbackend = 'redis://ann:hunter2@host'",
        "[regions.secret]\nbackend = 'shelf'\nshelf = 'redis://ann:hunter2@host'",
        "[regions.secret]\nbackend = 'shelf'\nshelf = { room = 'redis://ann:hunter2@host' }",
        "[regions.secret]\nbackend = 'shelf'\nshelf = { room = 'hunter2' }",
        "[regions.secret]\nbackend = 'shelf'\nshelf = { room = 1, pause = 'hunter2' }",
        "[regions.secret]\nbackend = 'shelf'\nshelf = { room = 1, wood = 'hunter2' }",
        "[regions.secret]\nbackend = 'shelf'\nshelf = { room = 1, wood = 'oak', password = 'hunter2' }",
        "[regions.secret]\nbackend = 'shelf'\nshelf = { room = 1, url = \"nowhere hunter2 ' \\\" \\\\\" }",
    ] {
        let error = configure(toml(faulty)).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().contains("regions.secret."), "{error}");
    }
    assert!(region("secret").is_ok() && SECRET.configure(|r| r).is_ok());
}
