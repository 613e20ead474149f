use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use cachekit::{Error, Region, cache_on_arguments, regions};

regions! {
    static FUNCTIONS = Region::builder("functions");
}

type IoResult<T> = Result<T, String>;

#[test]
fn results_store_only_their_values() -> Result<(), Error> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "functions")]
    fn load(id: u64) -> Result<u64, String> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        if id == 0 { Err("zero".into()) } else { Ok(id) }
    }

    assert_eq!((load(0), load(0)), (Err("zero".into()), Err("zero".into())));
    assert_eq!((load(1), load(1)), (Ok(1), Ok(1)));
    assert_eq!(RUNS.load(Ordering::SeqCst), 3);
    load::set(2, 20)?;
    assert_eq!(load::get(2)?, Some(20), "`set` and `get` speak of the value");
    Ok(())
}

#[test]
fn aliases_of_result_are_results_and_may_be_said_not_to_be() -> Result<(), Error> {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct SearchResult(u64);
    #[cache_on_arguments(region = "functions")]
    fn alias(id: u64) -> IoResult<u64> {
        if id == 0 { Err("zero".into()) } else { Ok(id) }
    }
    type Answer = Result<u64, String>;
    #[cache_on_arguments(region = "functions", result = true)]
    fn hidden(id: u64) -> Answer {
        if id == 0 { Err("zero".into()) } else { Ok(id) }
    }
    #[cache_on_arguments(region = "functions", result = false)]
    fn whole(id: u64) -> IoResult<u64> {
        if id == 0 { Err("zero".into()) } else { Ok(id) }
    }
    #[cache_on_arguments(region = "functions", result = false)]
    fn plain(id: u64) -> SearchResult {
        SearchResult(id)
    }

    assert!(alias(0).is_err());
    assert_eq!(alias::get(0)?, None);
    assert_eq!(alias(1), Ok(1));
    assert_eq!(alias::get(1)?, Some(1));
    assert!(hidden(0).is_err());
    assert_eq!(hidden(1), Ok(1));
    assert_eq!(hidden::get(1)?, Some(1));
    assert!(whole(0).is_err());
    assert_eq!(whole::get(0)?, Some(Err("zero".into())), "the whole result is the value");
    assert_eq!(plain(1), SearchResult(1));
    assert_eq!(plain::get(1)?, Some(SearchResult(1)));
    Ok(())
}

#[test]
fn none_and_unit_are_values() -> Result<(), Error> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = "functions")]
    fn find(id: u64) -> Option<u64> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        (id > 0).then_some(id)
    }
    #[cache_on_arguments(region = "functions")]
    fn nothing() {
        RUNS.fetch_add(1, Ordering::SeqCst);
    }

    assert_eq!((find(0), find(0)), (None, None));
    assert_eq!(find::get(0)?, Some(None));
    nothing();
    nothing();
    assert_eq!(nothing::get()?, Some(()));
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    Ok(())
}

#[test]
fn values_that_stay_in_memory_need_no_serde() {
    #[derive(Clone, Debug, PartialEq)]
    struct Plain(&'static str);
    #[cache_on_arguments(region = "functions", in_memory)]
    fn load(id: u64) -> Plain {
        Plain(if id == 0 { "zero" } else { "other" })
    }

    assert_eq!((load(0), load(1)), (Plain("zero"), Plain("other")));
}

#[test]
fn the_body_is_as_it_was_written() {
    #[cache_on_arguments(region = "functions")]
    fn body(
        mut n: u64,
        (a, b): (u8, u8),
        names: &[&str],
        value: Option<&str>,
    ) -> Result<String, std::num::ParseIntError> {
        n += 1;
        if names.is_empty() {
            return Ok("early".into());
        }
        let parsed: u64 = value.unwrap_or("0").parse()?;
        Ok(format!("{n} {a}{b} {} {parsed}", names.join("+")))
    }

    assert_eq!(body(1, (2, 3), &["x", "y"], Some("7")).unwrap(), "2 23 x+y 7");
    assert_eq!(body(1, (2, 3), &[], None).unwrap(), "early");
    assert!(body(1, (2, 3), &["x"], Some("no number")).is_err());
}

#[test]
fn names_do_not_get_in_each_others_way() {
    #[cache_on_arguments(region = "functions")]
    fn user(user: u64, key: u64, value: u64, w: u64, writer: u64) -> u64 {
        user + key + value + w + writer
    }
    #[cache_on_arguments(region = "functions")]
    fn r#type(r#match: &str) -> String {
        r#match.to_owned()
    }

    assert_eq!(user(1, 2, 3, 4, 5), 15);
    assert_eq!(r#type("x"), "x");
    assert!(r#type::key("x").to_string().contains("::type|"));
    user::set(1, 2, 3, 4, 5, 100).unwrap();
    assert_eq!(user(1, 2, 3, 4, 5), 100);
}

#[test]
fn companions_can_be_renamed_or_left_out() -> Result<(), Error> {
    #[cache_on_arguments(region = "functions", companion = Loader)]
    fn renamed(id: u64) -> u64 {
        id
    }
    #[cache_on_arguments(region = "functions", companion = none)]
    fn alone(id: u64) -> u64 {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        id + RUNS.fetch_add(1, Ordering::SeqCst)
    }
    /// No companion type stands in the way of this one.
    #[allow(non_camel_case_types)]
    enum alone {}

    assert_eq!(renamed(1), 1);
    assert_eq!(Loader::get(1)?, Some(1));
    assert_eq!((size_of::<alone>(), alone(5)), (0, 5));
    Ok(())
}

#[test]
fn other_attributes_keep_their_meaning() {
    #[cache_on_arguments(region = "functions")]
    #[tracing::instrument]
    #[must_use]
    fn below(id: u64) -> u64 {
        id
    }
    #[must_use]
    #[tracing::instrument(skip(object, other))]
    #[cache_on_arguments(region = "functions", skip(object, other))]
    fn above<'a>(id: u64, object: &'a dyn Debug, other: &'a dyn Debug) -> u64 {
        let _: [&'a dyn Debug; 2] = [object, other];
        id
    }
    #[cache_on_arguments(region = "functions")]
    #[cfg(any())]
    fn absent(id: NoSuchType) -> NoSuchType {
        id
    }
    #[cfg(not(any()))]
    #[cache_on_arguments(region = "functions")]
    #[cfg_attr(not(any()), doc = "There.")]
    fn absent(id: u64) -> u64 {
        id
    }

    assert_eq!((below(1), above(1, &"x", &"y"), absent(1)), (1, 1, 1));
}

#[tokio::test]
async fn async_functions_borrow_and_are_send() {
    #[cache_on_arguments(region = "functions")]
    async fn greet<'a>(name: &'a str, titles: &[&'a str]) -> Result<String, String> {
        tokio::task::yield_now().await;
        Ok(format!("{} {name}", titles.join(" ")))
    }
    fn is_send<T: Send>(value: T) -> T {
        value
    }

    let name = String::from("ann");
    assert_eq!(is_send(greet(&name, &["dr"])).await.unwrap(), "dr ann");
    assert_eq!(greet(&name, &["dr"]).await.unwrap(), "dr ann");
}

/// Beside others of its name in the bodies of this module.
#[cache_on_arguments(region = "functions", namespace = "module level")]
fn load(id: u64) -> u64 {
    id + 1_000
}

#[test]
fn functions_of_one_name_in_two_bodies_do_not_share_entries() {
    let first = {
        #[cache_on_arguments(region = "functions")]
        fn twin(id: u64) -> u64 {
            id
        }
        twin(1)
    };
    let second = {
        #[cache_on_arguments(region = "functions")]
        fn twin(id: u64) -> u64 {
            id + 1
        }
        twin(1)
    };
    assert_eq!((first, second, load(1)), (1, 2, 1_001));
}
