use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[cache_on_arguments(region = "users")]
fn load(id: u64, page: u32) -> u64 {
    id + u64::from(page)
}

#[cache_multi_on_arguments(entries_of = load)]
fn load_many(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    load_many(&[1]);
}
