use cachekit::cache_on_arguments;

struct Repo;

#[cache_on_arguments(region = "users", owner = Repo)]
fn find(id: u64) -> u64 {
    id
}

fn main() {
    let _ = Repo;
    find(1);
}
