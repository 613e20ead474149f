use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[allow(dead_code)]
mod users {
    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct String;
    pub(crate) struct Duration;
    pub(crate) trait Clone {}
    pub(crate) trait FnOnce {}
    pub(crate) mod cachekit {}
    pub(crate) mod core {}
    pub(crate) mod std {}
    #[derive(Debug)]
    pub(crate) enum Shadow {
        Some,
        None,
        Ok,
        Err,
    }
    #[allow(unused_imports)]
    pub(crate) use Shadow::*;

    #[crate::cache_on_arguments(region = "users", ttl = "1h", should_cache = |n: &u64| *n > 0)]
    pub(crate) fn next(n: u64) -> u64 {
        n + 1
    }
}

fn main() {
    assert_eq!(users::next(1), 2);
    assert_eq!(users::next::refresh(1), 2);
}
