use cachekit::{Region, regions};

regions! {
    static USERS = Region::builder("users");
}

mod facade {
    pub(crate) mod kit {
        pub(crate) use cachekit::*;
    }
}

#[derive(Clone, Copy, cachekit::KeyPart)]
#[key_part(crate = facade::kit)]
struct Id(u64);

#[facade::kit::cache_on_arguments(region = USERS, crate = facade::kit)]
fn next(id: Id) -> u64 {
    id.0 + 1
}

fn main() {
    assert_eq!(next(Id(1)), 2);
}
