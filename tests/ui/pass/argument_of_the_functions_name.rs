use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = USERS)]
fn user(user: u64) -> u64 {
    user + 1
}

fn main() {
    assert_eq!(user(1), 2);
    assert_eq!(user::get(1).unwrap(), Some(2));
}
