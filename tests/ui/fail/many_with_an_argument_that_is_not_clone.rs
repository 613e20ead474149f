use cachekit::cache_multi_on_arguments;

struct Db;

#[cache_multi_on_arguments(region = "users", skip(_db))]
fn load(_db: Db, ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    load(Db, &[1]);
}
