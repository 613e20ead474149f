use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[cache_on_arguments(region = "users")]
async fn load(id: u64, page: u32) -> u64 {
    id + u64::from(page)
}

#[cache_multi_on_arguments(entries_of = load, coalesce = "2ms")]
async fn load_many(ids: &[u64], page: u32) -> Vec<u64> {
    ids.iter().map(|id| id + u64::from(page)).collect()
}

fn main() {
    drop(load_many(&[1], 1));
}
