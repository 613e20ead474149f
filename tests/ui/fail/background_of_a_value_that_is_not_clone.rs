use cachekit::cache_on_arguments;

struct Db;

#[cache_on_arguments(region = "users", background, skip(db))]
async fn load(db: Db, id: u64) -> u64 {
    drop(db);
    id
}

fn main() {
    drop(load(Db, 1));
}
