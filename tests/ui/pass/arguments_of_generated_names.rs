use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = USERS)]
fn sum(key: u64, value: u64, writer: u64, function: u64) -> u64 {
    key + value + writer + function
}

fn main() {
    sum::set(1, 2, 3, 4, 5).unwrap();
    assert_eq!(sum(1, 2, 3, 4), 5);
}
