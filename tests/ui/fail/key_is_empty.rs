use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", key())]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    load(1);
}
