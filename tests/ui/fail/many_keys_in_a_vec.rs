use std::collections::HashMap;

use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users")]
fn load(ids: Vec<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

fn main() {
    load(vec![1]);
}
