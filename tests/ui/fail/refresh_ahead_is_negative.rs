use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", refresh_ahead = -0.5)]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    let _ = load::key(1);
}
