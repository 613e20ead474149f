use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = USERS)]
fn next(n: u64) -> u64 {
    #![allow(unused_variables)]
    let unused = 1;
    n + 1
}

fn main() {
    assert_eq!(next(1), 2);
}
