use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = USERS)]
#[cfg(any())]
fn absent(id: Missing) -> Missing {
    id
}

#[cache_on_arguments(region = USERS)]
#[cfg_attr(all(), cfg(any()))]
fn absent(id: Missing) -> Missing {
    id
}

#[cache_on_arguments(region = USERS)]
#[cfg(all())]
fn absent(id: u64) -> u64 {
    id
}

fn main() {
    assert_eq!(absent(1), 1);
}
