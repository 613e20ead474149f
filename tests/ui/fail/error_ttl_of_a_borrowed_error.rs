use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", error_ttl = "5s")]
fn load(name: &str) -> Result<u64, &str> {
    Err(name)
}

fn main() {
    let _ = load::key("a");
}
