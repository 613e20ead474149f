//! Counts what calls allocate: a process of its own, since an allocator that counts costs those that are timed.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    cachekit_benches::count_allocations(ALLOCATOR, &arguments);
}
