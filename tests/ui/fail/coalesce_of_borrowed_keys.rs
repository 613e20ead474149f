use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[cache_on_arguments(region = "users")]
async fn load(name: &str) -> usize {
    name.len()
}

#[cache_multi_on_arguments(entries_of = load, coalesce = "2ms")]
async fn load_many(names: &[&str]) -> Vec<usize> {
    names.iter().map(|name| name.len()).collect()
}

fn main() {
    drop(load_many(&["a"]));
}
