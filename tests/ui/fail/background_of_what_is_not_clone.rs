use cachekit::cache_on_arguments;

struct Db;

#[cache_on_arguments(region = "users", background, skip(db))]
fn load(db: &Db, id: u64) -> u64 {
    let _ = db;
    id
}

fn main() {
    let _ = load(&Db, 1);
}
