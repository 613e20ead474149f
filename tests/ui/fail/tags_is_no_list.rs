use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", tags = "user:{id}")]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    let _ = load::key(1);
}
