use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

struct Repo;

impl Repo {
    #[cache_on_arguments(region = USERS, companion = none)]
    fn next(n: u64) -> u64 {
        n + 1
    }
}

fn main() {
    assert_eq!(Repo::next(1), 2);
}
