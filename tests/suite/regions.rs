use std::time::Duration;

use cachekit::{Error, Region, cache_on_arguments, region, regions};

regions! {
    /// Documented.
    pub(crate) static FOUND = Region::builder("found").ttl(Duration::from_secs(60));
    /// Its settings look for another region, and for itself.
    static CURIOUS = {
        let ttl = if region("found").is_ok() && region("curious").is_err() { 1 } else { 2 };
        Region::builder("curious").ttl(Duration::from_secs(ttl))
    };
}

#[test]
fn regions_are_found_by_name() -> Result<(), Error> {
    assert_eq!(region("found")?.name(), FOUND.name());
    assert!(cachekit::regions().iter().any(|region| region.name() == "found"));
    Ok(())
}

#[test]
fn an_unknown_region_is_an_error_that_names_those_that_exist() {
    let error = region("nowhere").unwrap_err();
    assert!(error.is_unknown_region());
    assert!(error.to_string().contains("`nowhere`") && error.to_string().contains("`found`"), "{error}");
}

#[test]
fn the_settings_of_a_region_may_look_for_regions() -> Result<(), Error> {
    assert!(format!("{:?}", region("curious")?).contains("1s"));
    Ok(())
}

#[test]
fn the_settings_of_a_region_may_call_a_cached_function_of_another() {
    #[cache_on_arguments(region = "found")]
    fn seconds(n: u64) -> u64 {
        n
    }
    regions! { static ASKING = Region::builder("asks a function").ttl(Duration::from_secs(seconds(1))); }

    // The first call looks for the region by name, which reads the settings of all.
    assert_eq!(seconds(2), 2);
    assert!(format!("{ASKING:?} {:?}", *ASKING).contains("1s"));
}

#[test]
fn a_region_is_declared_under_a_condition_and_with_a_type() {
    regions! {
        #[cfg(any())]
        static ABSENT = Region::builder("absent");
        #[cfg(not(any()))]
        static PRESENT: Region = Region::builder("present")
    }
    assert!(region("absent").is_err());
    assert_eq!(region("present").unwrap().name(), PRESENT.name());
}

#[test]
fn a_region_is_named_by_path_too() -> Result<(), Error> {
    #[cache_on_arguments(region = FOUND)]
    fn by_path(id: u64) -> u64 {
        id
    }
    static BY_HAND: std::sync::LazyLock<Region> =
        std::sync::LazyLock::new(|| Region::builder("by hand, static").build().unwrap());
    #[cache_on_arguments(region = BY_HAND)]
    fn in_a_lazy_lock(id: u64) -> u64 {
        id
    }

    assert_eq!(by_path(1), 1);
    assert_eq!(by_path::get(1)?, Some(1));
    assert_eq!(in_a_lazy_lock(1), 1);
    assert_eq!(BY_HAND.stats().entries, 1);
    assert!(region("by hand, static").is_err(), "a region made by hand is not in the registry");
    Ok(())
}

#[test]
fn configure_takes_effect_once_and_reconfigure_replaces() -> Result<(), Error> {
    let region = Region::builder("configured").ttl(Duration::from_secs(1)).build()?;
    region.set("k", &1_u8)?;
    region.configure(|r| r.key_prefix("a:").ttl(Duration::from_secs(600)))?;
    assert_eq!(region.backend_key("k"), "a:configured:k");
    assert_eq!(region.get::<u8>("k")?, Some(1), "what was stored stays");
    let error = region.configure(|r| r).unwrap_err();
    assert!(error.is_already_configured(), "{error}");
    region.reconfigure(|r| r.key_prefix("b:"))?;
    assert_eq!(region.backend_key("k"), "b:configured:k");
    region.reconfigure(|r| r)?;
    assert_eq!(region.backend_key("k"), "configured:k", "each starts from the declared settings");
    Ok(())
}

#[test]
fn settings_that_make_no_sense_are_refused_and_change_nothing() -> Result<(), Error> {
    assert!(Region::builder("").build().unwrap_err().is_settings());
    let error = Region::builder("full").capacity(0).build().unwrap_err();
    assert!(error.is_settings() && error.to_string().contains("`full`"), "{error}");

    let region = Region::builder("kept").key_prefix("kept:").build()?;
    assert!(region.configure(|r| r.capacity(0)).unwrap_err().is_settings());
    assert!(region.configure(|_| Region::builder("renamed")).unwrap_err().is_settings());
    assert_eq!(region.backend_key("k"), "kept:kept:k");
    region.configure(|r| r)
}

#[test]
fn a_ttl_of_the_function_overrides_the_regions() -> Result<(), Error> {
    let clock = cachekit::testing::ManualClock::new();
    regions! { static TTLS = Region::builder("ttls").ttl(Duration::from_secs(10)); }
    TTLS.configure(|r| r.clock(clock.clone()).ttl(Duration::from_secs(10)))?;
    const MINUTE: Duration = Duration::from_secs(60);
    #[cache_on_arguments(region = "ttls")]
    fn of_the_region(id: u64) -> u64 {
        id
    }
    #[cache_on_arguments(region = "ttls", ttl = "1m 30s")]
    fn in_words(id: u64) -> u64 {
        id
    }
    #[cache_on_arguments(region = "ttls", ttl = MINUTE * 2)]
    fn as_an_expression(id: u64) -> u64 {
        id
    }

    assert_eq!(of_the_region(1) + in_words(1) + as_an_expression(1), 3);
    let left = |peek: Option<cachekit::Peek<u64>>| peek.unwrap().ttl_left().unwrap().as_secs();
    assert_eq!(left(of_the_region::entry(1).peek()?), 10);
    assert_eq!(left(in_words::entry(1).peek()?), 90);
    assert_eq!(left(as_an_expression::entry(1).peek()?), 120);
    Ok(())
}

#[test]
fn regions_are_clones_of_one() -> Result<(), Error> {
    fn shared<T: Clone + Send + Sync>(value: &T) -> T {
        value.clone()
    }
    let region = Region::builder("cloned").build()?;
    shared(&region).set("k", &1_u8)?;
    assert_eq!(region.get::<u8>("k")?, Some(1));
    Ok(())
}
