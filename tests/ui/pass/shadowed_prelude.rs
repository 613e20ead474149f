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
    pub(crate) trait Default {}
    pub(crate) trait Borrow {}
    pub(crate) trait From {}
    pub(crate) struct Box;
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

    #[crate::cache_on_arguments(region = "users", tags = ["user:{n}"], refresh_ahead = 0.9, error_ttl = "5s")]
    pub(crate) fn renewed(n: u64, name: &str) -> ::core::result::Result<u64, ::std::string::String> {
        ::core::result::Result::Ok(n + name.len() as u64)
    }

    #[crate::cache_on_arguments(region = "users", background)]
    pub(crate) async fn renewed_as_a_task(n: u64, name: &str) -> u64 {
        n + name.len() as u64
    }
}

fn main() {
    assert_eq!(users::renewed(1, "a"), Ok(2));
    drop(users::renewed_as_a_task(1, "a"));
    assert_eq!(users::next(1), 2);
    assert_eq!(users::next::refresh(1), 2);
}
