use cachekit::cache_on_arguments;

const TTL: u64 = 600;

#[cache_on_arguments(region = "users", ttl = TTL)]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    load(1);
    let _ = load::get(1);
}
