use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", error_ttl = "5s")]
async fn load(id: u64) -> std::io::Result<u64> {
    Ok(id)
}

fn main() {
    let _ = load::key(1);
}
