use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", jitter = 10)]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    let _ = load(1);
}
