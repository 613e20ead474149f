use cachekit::cache_on_arguments;

type Loaded = Result<u64, String>;

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> Loaded {
    Ok(id)
}

fn main() {
    let _ = load(1);
}
