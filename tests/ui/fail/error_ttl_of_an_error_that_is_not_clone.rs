use cachekit::cache_on_arguments;

#[derive(Debug)]
struct Oops;

#[cache_on_arguments(region = "users", error_ttl = "5s")]
fn load(id: u64) -> Result<u64, Oops> {
    if id == 0 { Err(Oops) } else { Ok(id) }
}

fn main() {
    let _ = load(1);
}
