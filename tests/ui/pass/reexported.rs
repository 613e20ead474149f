use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

mod users {
    use super::*;

    #[cache_on_arguments(region = USERS)]
    pub(crate) fn next(n: u64) -> u64 {
        n + 1
    }
}

mod named {
    pub(crate) use super::users::next;
}

mod globbed {
    pub(crate) use super::users::*;
}

use users::next as following;

fn main() {
    assert_eq!(named::next(1) + globbed::next(1) + following(1), 6);
    assert_eq!(named::next::get(1).unwrap(), globbed::next::get(1).unwrap());
    assert_eq!(following::get(1).unwrap(), Some(2));
}
