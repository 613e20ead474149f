use std::collections::HashMap;

use cachekit::cache_multi_on_arguments;

#[derive(Clone)]
struct User;

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &[u64]) -> HashMap<u64, User> {
    ids.iter().map(|id| (*id, User)).collect()
}

fn main() {
    load(&[1]);
}
