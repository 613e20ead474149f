use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", skip(db), tags = ["db:{db}"])]
fn load(db: &str, id: u64) -> u64 {
    id + db.len() as u64
}

fn main() {
    let _ = load::key(1);
}
