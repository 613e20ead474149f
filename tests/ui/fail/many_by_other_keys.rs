use std::collections::HashMap;

use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &[u64]) -> HashMap<String, u64> {
    ids.iter().map(|id| (id.to_string(), *id)).collect()
}

fn main() {
    load(&[1]);
}
