use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

use std::sync::atomic::{AtomicU64, Ordering};

static CALLS: AtomicU64 = AtomicU64::new(0);

#[cache_on_arguments(region = USERS)]
fn fibonacci(n: u64) -> u64 {
    CALLS.fetch_add(1, Ordering::Relaxed);
    if n < 2 {
        return n;
    }
    fibonacci(n - 1) + fibonacci(n - 2)
}

fn main() {
    assert_eq!(fibonacci(50), 12_586_269_025);
    assert_eq!(CALLS.load(Ordering::Relaxed), 51);
}
