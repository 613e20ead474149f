use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> u64 {
    id
}

#[cache_multi_on_arguments(entries_of = load, ttl = "1m")]
fn load_many(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    load_many(&[1]);
}
