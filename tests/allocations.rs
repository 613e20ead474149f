//! A hit allocates nothing; counted by a published counting allocator, in a process of its own.

use std::alloc::System;
use std::time::Duration;

use cachekit::{Region, cache_on_arguments, regions};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region as Count, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

regions! {
    static COUNTED = Region::builder("counted").ttl(Duration::from_secs(600));
}

#[cache_on_arguments(region = "counted")]
fn square(n: u64) -> u64 {
    n * n
}

#[cache_on_arguments(region = "counted")]
fn length(text: &str, more: Option<&str>) -> usize {
    text.len() + more.map_or(0, str::len)
}

#[cache_on_arguments(region = "counted")]
async fn double(n: u64) -> u64 {
    n * 2
}

/// Allocations of a thousand calls after the first, one test at a time since the counter is the process's.
fn allocations(mut call: impl FnMut()) -> usize {
    call();
    let count = Count::new(ALLOCATOR);
    for _ in 0..1_000 {
        call();
    }
    let change = count.change();
    change.allocations + change.reallocations
}

#[test]
fn a_hit_allocates_nothing() {
    let sync = allocations(|| assert_eq!(square(7), 49));
    let text = allocations(|| assert_eq!(length("some text", Some("and more")), 17));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let task = runtime.block_on(async {
        double(4).await;
        let count = Count::new(ALLOCATOR);
        for _ in 0..1_000 {
            assert_eq!(double(4).await, 8);
        }
        count.change().allocations
    });
    assert_eq!((sync, text, task), (0, 0, 0));
    let misses = {
        let mut n = 100;
        allocations(|| {
            n += 1;
            square(n);
        })
    };
    assert!(misses >= 1_000, "the counter counts: {misses}");
    assert!(misses <= 6_500, "a cold miss allocates at most 6 times: {misses} for 1,000");
}
