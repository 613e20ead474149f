//! What is told to subscribers of `tracing`, in a process of its own.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::backend::{Answer, Backend, Content, Context, Put};
use cachekit::testing::ManualClock;
use cachekit::{Error, Invalidation, Job, Region, Runner, Task, cache_on_arguments, regions};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps the events of cachekit as text.
#[derive(Clone)]
struct Listener {
    level: Level,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "cachekit" && *metadata.level() <= self.level
    }

    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Asked each time, since listeners of several levels come and go.
        Interest::sometimes()
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.heard.lock().unwrap().push(text.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

fn listen(level: Level, work: impl FnOnce()) -> Vec<String> {
    let listener = Listener { level, heard: Arc::default() };
    tracing::subscriber::with_default(listener.clone(), work);
    Arc::try_unwrap(listener.heard).unwrap_or_default().into_inner().unwrap_or_default()
}

#[test]
fn what_happens_is_told_with_region_and_function_and_the_key_at_trace_only() {
    regions! { static TOLD = Region::builder("told").ttl(Duration::from_secs(60)).stale_if_error(Duration::from_secs(600)); }
    #[cache_on_arguments(region = TOLD, skip(clock, fails))]
    fn load(id: u64, clock: &ManualClock, fails: bool) -> Result<u64, &'static str> {
        clock.advance(Duration::from_secs(2));
        if fails { Err("down") } else { Ok(id) }
    }

    let clock = ManualClock::new();
    TOLD.reconfigure(|r| r.clock(clock.clone())).unwrap();
    let scenario = || {
        load(1, &clock, false).unwrap();
        load(1, &clock, true).unwrap();
        clock.advance(Duration::from_secs(60));
        load(1, &clock, true).unwrap();
        load(1, &clock, true).unwrap();
        load::invalidate(1).unwrap();
        load(1, &clock, true).unwrap_err();
        TOLD.invalidate(Invalidation::Hard).unwrap();
    };
    let of = r#"region="told" function="load""#;
    let debug = [
        format!("DEBUG message=created {of} took=2s"),
        format!("WARN message=creation failed {of} took=2s covered=true"),
        format!(r#"DEBUG message=served stale {of} why="the last renewal failed""#),
        r#"DEBUG message=invalidated region="told" how="entry""#.to_owned(),
        format!("WARN message=creation failed {of} took=2s covered=false"),
        r#"DEBUG message=invalidated region="told" how="region, hard""#.to_owned(),
    ];
    assert_eq!(listen(Level::DEBUG, scenario), debug);
    let traced = listen(Level::TRACE, scenario);
    let keys: Vec<_> = traced.iter().filter(|event| event.contains("key=")).collect();
    assert_eq!(keys.len(), 4, "{traced:#?}");
    assert!(keys.iter().all(|event| event.starts_with("TRACE") && event.contains("::load|1")), "{keys:#?}");

    let evicting = listen(Level::TRACE, || {
        let region = Region::builder("evicting").capacity(1).build().unwrap();
        region.get_or_create("a", || 1_u8);
        region.get_or_create("b", || 1_u8);
    });
    assert_eq!(evicting.iter().filter(|event| event.contains("evicted")).count(), 1, "{evicting:#?}");

    renewals_are_told_too();
}

/// Renews while the caller waits, where its listener hears it.
#[derive(Debug)]
struct AtOnce;

impl Runner for AtOnce {
    fn run(&self, job: Job) -> bool {
        job();
        true
    }

    fn spawn(&self, _: Task) -> bool {
        false
    }
}

fn renewals_are_told_too() {
    regions! { static RENEWED = Region::builder("renewed").runner(AtOnce).clock(ManualClock::new()); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = RENEWED, background, tags = ["numbers"])]
    fn load(id: u64) -> Result<u64, &'static str> {
        match RUNS.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(id),
            1 => Err("down"),
            _ => std::panic::resume_unwind(Box::new("broken")),
        }
    }

    let heard = listen(Level::DEBUG, || {
        load(1).unwrap();
        for _ in 0..2 {
            load::expire(1).unwrap();
            assert_eq!(load(1), Ok(1), "the old value stays");
        }
        RENEWED.invalidate_tag("numbers").unwrap();
    });
    assert_eq!(RENEWED.stats().creation_failures, 2);
    let of = r#"region="renewed" function="load""#;
    let count = |what: &str| heard.iter().filter(|event| event.starts_with(what)).count();
    assert_eq!(count(&format!("WARN message=creation failed {of} took=0ns covered=true")), 2, "{heard:#?}");
    assert_eq!(count(&format!("DEBUG message=renewal in the background {of} started=true")), 2, "{heard:#?}");
    assert_eq!(count(r#"DEBUG message=invalidated region="renewed" how="tag""#), 1, "{heard:#?}");
}

#[test]
fn failures_of_a_backend_and_what_it_holds_that_is_no_record_are_told() {
    /// Holds something that is no record, or fails.
    #[derive(Debug, Default)]
    struct Moody {
        is_down: AtomicBool,
    }

    impl Backend for Moody {
        fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
            match () {
                () if self.is_down.load(Ordering::SeqCst) => Err(Error::backend("it is down")).into(),
                () if key.contains('%') => Ok(Some(Content::Bytes(vec![7; 16]))).into(),
                () => Ok(Some(Content::Bytes(b"something else".to_vec()))).into(),
            }
        }

        fn set<'a>(&'a self, _: Put<'a>, _: Context) -> Answer<'a, ()> {
            Ok(()).into()
        }

        fn delete<'a>(&'a self, _: &'a str, _: Context) -> Answer<'a, ()> {
            Ok(()).into()
        }
    }

    let backend = Arc::new(Moody::default());
    let region = Region::builder("moody").backend(Arc::clone(&backend)).build().unwrap();
    let events = listen(Level::WARN, || {
        assert_eq!(region.get::<u64>("k").unwrap(), None);
        backend.is_down.store(true, Ordering::SeqCst);
        assert_eq!(region.get::<u64>("k").unwrap(), None);
        backend.is_down.store(false, Ordering::SeqCst);
    });
    assert_eq!(
        events,
        [
            r#"WARN message=unreadable record region="moody" function="" why=something else than a record is stored under the key"#,
            r#"WARN message=backend failed region="moody" error=the backend failed: it is down"#,
        ]
    );
    assert_eq!((region.stats().unreadable, region.stats().backend_errors >= 1), (1, true));
}
