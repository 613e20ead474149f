use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[cache_on_arguments(region = "users")]
async fn load(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cache_multi_on_arguments(entries_of = load, coalesce = "2ms")]
async fn load_many(ids: &[u64]) -> Result<Vec<u64>, std::fmt::Error> {
    Ok(ids.to_vec())
}

fn main() {
    drop(load_many(&[1]));
}
