use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", background, error_ttl = "5s")]
fn load(name: &str) -> Result<&str, u8> {
    Ok(name)
}

fn main() {
    let _ = load("a");
}
