use std::sync::atomic::{AtomicUsize, Ordering};

use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

trait Find {
    const OFFSET: u64;

    #[cache_on_arguments(region = USERS, companion = none)]
    fn find(&self, id: u64) -> u64 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        id + Self::OFFSET
    }
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

struct One;
struct Two;

impl Find for One {
    const OFFSET: u64 = 1;
}

impl Find for Two {
    const OFFSET: u64 = 2;
}

fn main() {
    assert_eq!((One.find(1), Two.find(1), One.find(1), Two.find(1)), (2, 3, 2, 3));
    assert_eq!(CALLS.load(Ordering::Relaxed), 2);
}
