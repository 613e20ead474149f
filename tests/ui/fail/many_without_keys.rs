use std::collections::HashMap;

use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users")]
fn load(id: u64) -> HashMap<u64, u64> {
    HashMap::from([(id, id)])
}

fn main() {
    load(1);
}
