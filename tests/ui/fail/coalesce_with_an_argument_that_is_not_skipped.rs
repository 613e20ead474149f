use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[derive(cachekit::KeyPart)]
struct Db;

#[cache_on_arguments(region = "users", skip(_db))]
async fn load(_db: &Db, id: u64) -> u64 {
    id
}

#[cache_multi_on_arguments(entries_of = load, coalesce = "2ms")]
async fn load_many(_db: &Db, ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    drop(load_many(&Db, &[1]));
}
