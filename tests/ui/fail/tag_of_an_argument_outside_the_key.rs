use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", key(id), tags = ["page:{page}"])]
fn load(id: u64, page: u64) -> u64 {
    id + page
}

fn main() {
    let _ = load::key(1);
}
