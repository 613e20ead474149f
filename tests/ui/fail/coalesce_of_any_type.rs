use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[cache_on_arguments(region = "users", skip(_log))]
async fn load(_log: &impl Fn(&str), id: u64) -> u64 {
    id
}

#[cache_multi_on_arguments(entries_of = load, skip(_log), coalesce = "2ms")]
async fn load_all<L: Fn(&str)>(_log: &L, ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    drop(load(&|_: &str| {}, 1));
    drop(load_all(&|_: &str| {}, &[1]));
}
