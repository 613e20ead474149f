use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> u64 {
    id
}

#[cache_multi_on_arguments(entries_of = load)]
fn load_many(ids: &[u32]) -> Vec<u64> {
    ids.iter().map(|id| u64::from(*id)).collect()
}

fn main() {
    load_many(&[1]);
}
