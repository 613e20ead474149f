use std::collections::HashSet;

use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &[u64]) -> HashSet<u64> {
    ids.iter().copied().collect()
}

fn main() {
    load(&[1]);
}
