use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, waiting};
use cachekit::{CallOptions, Error, Region, cache_on_arguments, regions};

use crate::support::{AtLast, Gate, Later, until};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Counts computations: every value is the number of its computation.
type Count = Arc<AtomicU64>;

fn next(count: &Count) -> u64 {
    count.fetch_add(1, Ordering::SeqCst) + 1
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_tag_reaches_an_entry_by_whatever_way_it_was_stored() -> Result<(), Error> {
    regions! { static TAGGED = Region::builder("tagged by the attribute"); }
    #[cache_on_arguments(region = TAGGED, skip(value), tags = ["user:{id}", "all-users"])]
    fn user(id: u64, value: u64) -> u64 {
        id + value
    }

    let store = |way, id| -> Result<u64, Error> {
        match way {
            "call" => Ok(user(id, 1)),
            "fetch" => Ok(user::fetch(id, 1).into_value()),
            "with" => Ok(user::with(|options| options.ttl(TTL), id, 1)),
            "refresh" => Ok(user::refresh(id, 1)),
            "set" => user::set(id, id + 1).map(|()| id + 1),
            "entry" => user::entry(id).set(id + 1).map(|()| id + 1),
            _ => TAGGED.set(user::key(id), &(id + 1)).map(|()| id + 1),
        }
    };
    for way in ["call", "fetch", "with", "refresh", "set", "entry", "key"] {
        assert_eq!((store(way, 5)?, store(way, 6)?), (6, 7), "{way}");
        TAGGED.invalidate_tag("user:5")?;
        assert_eq!((user::get(5)?, user::get(6)?), (None, Some(7)), "{way}");
        TAGGED.invalidate_tag("all-users")?;
        assert_eq!(user::get(6)?, None, "{way}");
    }
    Ok(())
}

#[test]
fn a_tag_reaches_the_entries_of_an_async_fn() -> Result<(), Error> {
    regions! { static TAGGED_ASYNC = Region::builder("tagged by the attribute, async"); }
    #[cache_on_arguments(region = TAGGED_ASYNC, tags = ["name:{name}"])]
    async fn length(name: &str) -> Result<usize, String> {
        Ok(name.len())
    }

    block_on(async {
        for way in ["call", "fetch", "with", "refresh", "set", "entry"] {
            match way {
                "call" => drop(length("ann").await),
                "fetch" => drop(length::fetch("ann").await),
                "with" => drop(length::with(|options| options.ttl(TTL), "ann").await),
                "refresh" => drop(length::refresh("ann").await),
                "set" => length::set("ann", 3).await?,
                _ => length::entry("ann").set(3).await?,
            }
            assert_eq!(length::get("ann").await?, Some(3), "{way}");
            TAGGED_ASYNC.invalidate_tag("name:ann")?;
            assert_eq!(length::get("ann").await?, None, "{way}");
        }
        Ok(())
    })
}

#[test]
fn a_tag_shows_arguments_as_format_does() -> Result<(), Error> {
    regions! { static SHOWN = Region::builder("tags that show arguments"); }
    #[cache_on_arguments(
        region = SHOWN,
        tags = ["{id:04}", "{name:?}", "{{{a}}}", "{_page}", "{type:>width$}"]
    )]
    fn shown(id: u64, name: Option<&str>, (a, _): (u8, u8), _page: u32, r#type: char, width: usize) -> usize {
        name.map_or(0, str::len) + usize::from(a) + width + usize::from(r#type.is_alphabetic() && id > 0)
    }

    let call = || shown(7, Some("x"), (1, 2), 3, 't', 4);
    for tag in ["0007", "Some(\"x\")", "{1}", "3", "   t"] {
        call();
        SHOWN.invalidate_tag(tag)?;
        assert_eq!(shown::get(7, Some("x"), (1, 2), 3, 't', 4)?, None, "{tag}");
    }
    call();
    SHOWN.invalidate_tags(["7", "x", "1", "{a}", "t"])?;
    assert!(shown::get(7, Some("x"), (1, 2), 3, 't', 4)?.is_some());
    Ok(())
}

#[test]
fn a_tag_shows_what_the_expressions_of_a_key_mention() -> Result<(), Error> {
    regions! { static MENTIONED = Region::builder("tags with a key"); }
    #[cache_on_arguments(region = MENTIONED, key(name.len(), page + 1), tags = ["{name}"])]
    fn mentioned(log: &[&str], name: &str, page: u32) -> usize {
        log.len() + name.len() + page as usize
    }

    mentioned(&[], "ab", 1);
    MENTIONED.invalidate_tag("cd")?;
    assert_eq!(mentioned::get("cd", 1)?, Some(3), "an entry has the tags of the call that made it");
    MENTIONED.invalidate_tag("ab")?;
    assert_eq!(mentioned::get("cd", 1)?, None);
    Ok(())
}

#[test]
fn with_asks_for_this_call_alone() -> Result<(), Error> {
    regions! { static OPTIONS = Region::builder("options of a call").ttl(TTL); }
    #[cache_on_arguments(region = OPTIONS, skip(count))]
    fn counted(options: u64, count: &Count) -> u64 {
        next(count) + options
    }

    let count = Count::default();
    assert_eq!(counted::with(CallOptions::no_store, 0, &count), 1);
    assert_eq!(counted::get(0)?, None);
    assert_eq!(counted::with(|options| options.ttl(SECOND), 0, &count), 2);
    assert_eq!(counted::entry(0).peek()?.and_then(|peek| peek.ttl_left()), Some(SECOND));
    assert_eq!(counted::with(CallOptions::force_refresh, 0, &count), 3);
    assert_eq!(counted(0, &count), 3);
    assert_eq!(counted::entry(0).peek()?.map(|peek| peek.ttl_left() > Some(SECOND)), Some(true));
    assert_eq!(counted::with(|options| options.force_refresh().no_store(), 0, &count), 4);
    assert_eq!(counted::with(CallOptions::no_store, 0, &count), 3, "a value that is there is served");
    Ok(())
}

#[test]
fn a_refresh_that_stores_nothing_leaves_what_others_compute() -> Result<(), Error> {
    regions! { static LEFT = Region::builder("left to others"); }
    #[cache_on_arguments(region = LEFT, skip(compute))]
    fn load(compute: &dyn Fn() -> u64) -> u64 {
        compute()
    }

    let (begun, gate) = (Gate::new(), Gate::new());
    let held = || {
        begun.open();
        gate.wait();
        1
    };
    thread::scope(|scope| {
        let _at_last = AtLast(&gate);
        let other = scope.spawn(|| load(&held));
        begun.wait();
        assert_eq!(load::with(|options| options.force_refresh().no_store(), &|| 2), 2);
        gate.open();
        assert_eq!(other.join().unwrap(), 1);
    });
    assert_eq!(load::get()?, Some(1));
    Ok(())
}

#[test]
fn with_asks_for_this_call_alone_async() -> Result<(), Error> {
    regions! { static OPTIONS_ASYNC = Region::builder("options of a call, async").ttl(TTL); }
    #[cache_on_arguments(region = OPTIONS_ASYNC, skip(count))]
    async fn counted(count: &Count) -> Result<u64, String> {
        Ok(next(count))
    }

    block_on(async {
        let count = Count::default();
        assert_eq!(counted::with(CallOptions::no_store, &count).await, Ok(1));
        assert_eq!(counted::with(|options| options, &count).await, Ok(2));
        assert_eq!(counted::with(CallOptions::force_refresh, &count).await, Ok(3));
        assert_eq!(counted(&count).await, Ok(3));
        Ok(())
    })
}

#[test]
fn who_must_have_a_fresh_value_gets_no_old_one() -> Result<(), Error> {
    regions! { static FRESH = Region::builder("must be fresh").ttl(TTL); }
    #[cache_on_arguments(region = FRESH, stale_while_revalidate = "1h", skip(count))]
    fn counted(count: &Count) -> u64 {
        next(count)
    }

    let (clock, later, count) = (ManualClock::new(), Later::default(), Count::default());
    FRESH.configure(|r| r.ttl(TTL).clock(clock.clone()).runner(later.clone()))?;
    counted(&count);
    clock.advance(TTL);
    assert_eq!(counted::with(CallOptions::must_be_fresh, &count), 2);
    assert_eq!((counted(&count), later.run_all()), (2, 0));
    Ok(())
}

#[test]
fn an_error_comes_back_for_as_long_as_error_ttl_says() -> Result<(), Error> {
    regions! { static ERRORS = Region::builder("remembered errors").ttl(TTL); }
    #[cache_on_arguments(region = ERRORS, error_ttl = "5s", skip(count))]
    fn cloned(id: u64, count: &Count) -> Result<u64, String> {
        Err(format!("{id}:{}", next(count)))
    }
    #[cache_on_arguments(
        region = ERRORS,
        error_ttl = SECOND * 5,
        share_error = |error| io::Error::other(error.to_string()),
        skip(count)
    )]
    async fn shared(id: u64, count: &Count) -> io::Result<u64> {
        Err(io::Error::other(format!("{id}:{}", next(count))))
    }

    let (clock, count) = (ManualClock::new(), Count::default());
    ERRORS.configure(|r| r.clock(clock.clone()))?;
    let cloned = |id| cloned(id, &count).unwrap_err();
    let shared = |id| block_on(shared(id, &count)).unwrap_err().to_string();
    for _ in 0..5 {
        assert_eq!((cloned(1), shared(1)), ("1:1".to_owned(), "1:2".to_owned()));
        clock.advance(SECOND);
    }
    assert_eq!((cloned(1), shared(1)), ("1:3".to_owned(), "1:4".to_owned()));
    cloned::invalidate(1)?;
    block_on(shared::invalidate(1))?;
    assert_eq!((cloned(1), shared(1)), ("1:5".to_owned(), "1:6".to_owned()));
    assert_eq!((cloned(2), shared(2)), ("2:7".to_owned(), "2:8".to_owned()), "another entry");
    Ok(())
}

#[test]
fn a_tag_reaches_a_remembered_error() -> Result<(), Error> {
    regions! { static TAGGED_ERRORS = Region::builder("remembered errors with tags"); }
    #[cache_on_arguments(region = TAGGED_ERRORS, error_ttl = "1h", tags = ["{id}"], skip(count))]
    fn failing(id: u64, count: &Count) -> Result<u64, u64> {
        Err(next(count) * id)
    }

    let count = Count::default();
    assert_eq!((failing(1, &count), failing(1, &count)), (Err(1), Err(1)));
    TAGGED_ERRORS.invalidate_tag("1")?;
    assert_eq!(failing(1, &count), Err(2));
    Ok(())
}

#[test]
fn a_renewal_in_the_background_works_on_copies_of_what_was_borrowed() -> Result<(), Error> {
    regions! { static COPIES = Region::builder("copies of arguments").ttl(TTL); }
    #[cache_on_arguments(region = COPIES, stale_while_revalidate = "1h", skip(count))]
    fn joined(count: &Count, name: &str, parts: &[String], (mark, _): (char, u8), _: &[u8; 16]) -> String {
        format!("{name}{mark}{}{mark}{}", parts.concat(), next(count))
    }

    let (clock, later, count) = (ManualClock::new(), Later::default(), Count::default());
    COPIES.configure(|r| r.ttl(TTL).clock(clock.clone()).runner(later.clone()))?;
    let call = || joined(&count.clone(), &String::from("name"), &["a".to_owned(), "b".to_owned()], ('/', 1), &[2; 16]);
    assert_eq!(call(), "name/ab/1");
    clock.advance(TTL);
    assert_eq!((call(), call()), ("name/ab/1".to_owned(), "name/ab/1".to_owned()), "served at once");
    assert_eq!(later.run_all(), 1);
    assert_eq!(call(), "name/ab/2");
    let stats = COPIES.stats();
    assert_eq!((stats.creations, stats.stale_hits), (2, 2));
    Ok(())
}

#[test]
fn a_renewal_in_the_background_of_an_async_fn_works_on_copies_too() -> Result<(), Error> {
    regions! { static TASKS = Region::builder("copies of arguments, async").ttl(TTL); }
    #[cache_on_arguments(region = TASKS, refresh_ahead = 0.5, skip(count), tags = ["{name}"])]
    async fn named(count: &Count, name: &str, owned: Vec<u8>) -> Result<String, String> {
        tokio::task::yield_now().await;
        Ok(format!("{name}{}{}", owned.len(), next(count)))
    }

    let (clock, later, count) = (ManualClock::new(), Later::default(), Count::default());
    TASKS.configure(|r| r.ttl(TTL).clock(clock.clone()).runner(later.clone()))?;
    let call = || block_on(async { named(&count, &String::from("x"), vec![1, 2]).await }).unwrap();
    assert_eq!(call(), "x21");
    clock.advance(TTL / 2);
    assert_eq!((call(), later.run_all(), call()), ("x21".to_owned(), 1, "x22".to_owned()));
    TASKS.invalidate_tag("x")?;
    assert_eq!(call(), "x23", "a renewal tags its value");
    Ok(())
}

#[test]
fn background_is_for_what_the_region_asks_for() -> Result<(), Error> {
    regions! { static ASKED = Region::builder("the region asks"); }
    #[cache_on_arguments(region = ASKED, background, skip(count))]
    fn behind(count: &Count) -> u64 {
        next(count)
    }
    #[cache_on_arguments(region = ASKED, skip(count))]
    fn in_front(count: &Count) -> u64 {
        next(count)
    }
    #[cache_on_arguments(region = ASKED, refresh_ahead = "xfetch", skip(count))]
    fn at_random(count: &Count) -> u64 {
        next(count)
    }

    let (clock, later, count) = (ManualClock::new(), Later::default(), Count::default());
    ASKED.configure(|r| {
        r.ttl(TTL).stale_while_revalidate(TTL).refresh_ahead(0.5).clock(clock.clone()).runner(later.clone())
    })?;
    assert_eq!((behind(&count), in_front(&count), at_random(&count)), (1, 2, 3));
    clock.advance(TTL / 2);
    assert_eq!((behind(&count), in_front(&count)), (1, 4));
    assert_eq!(at_random(&count), 3, "a computation that took no time is not due before its ttl");
    assert_eq!((later.run_all(), behind(&count)), (1, 5));
    Ok(())
}

#[test]
fn a_renewal_that_fails_in_the_background_is_nobodys_error() -> Result<(), Error> {
    regions! { static FAILING = Region::builder("failing renewals").ttl(TTL); }
    #[cache_on_arguments(region = FAILING, stale_while_revalidate = "1h", skip(count))]
    fn once(count: &Count) -> Result<u64, io::Error> {
        if next(count) == 1 { Ok(1) } else { Err(io::Error::other("down")) }
    }

    let (clock, later, count) = (ManualClock::new(), Later::default(), Count::default());
    FAILING.configure(|r| r.ttl(TTL).clock(clock.clone()).runner(later.clone()))?;
    assert_eq!(once(&count).unwrap(), 1);
    clock.advance(TTL);
    assert_eq!((once(&count).unwrap(), later.run_all(), once(&count).unwrap()), (1, 1, 1));
    assert_eq!(FAILING.stats().creation_failures, 1);
    Ok(())
}

#[test]
fn a_function_limits_how_long_its_callers_wait() -> Result<(), Error> {
    regions! { static LIMITED = Region::builder("limits of a function"); }
    #[cache_on_arguments(region = LIMITED, wait_timeout = "2s", skip(compute))]
    fn impatient(compute: &dyn Fn() -> u64) -> u64 {
        compute()
    }
    #[cache_on_arguments(region = LIMITED, deadline = "30s", skip(compute))]
    fn overdue(compute: &dyn Fn() -> u64) -> u64 {
        compute()
    }

    let clock = ManualClock::new();
    LIMITED.configure(|r| r.clock(clock.clone()))?;
    let while_held = |call: &(dyn Fn(&dyn Fn() -> u64) -> u64 + Sync), other: &dyn Fn()| {
        let (gate, begun) = (Gate::new(), Gate::new());
        let held = || {
            begun.open();
            gate.wait();
            1
        };
        thread::scope(|scope| {
            let leader = scope.spawn(|| call(&held));
            begun.wait();
            other();
            gate.open();
            assert_eq!(leader.join().unwrap(), 1);
        });
    };
    while_held(&|compute| impatient(compute), &|| {
        thread::scope(|scope| {
            let other = scope.spawn(|| impatient(&|| 2));
            until("the other waits", || waiting(&LIMITED, impatient::key()) == 1);
            clock.advance(SECOND * 2);
            assert_eq!(other.join().unwrap(), 2);
        });
    });
    while_held(&|compute| overdue(compute), &|| {
        clock.advance(SECOND * 30);
        assert_eq!(overdue(&|| 2), 2, "at once");
    });
    Ok(())
}
