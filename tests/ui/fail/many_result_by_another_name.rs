use cachekit::cache_multi_on_arguments;

type Loaded = Result<Vec<u64>, String>;

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &[u64]) -> Loaded {
    Ok(ids.to_vec())
}

fn main() {
    let _ = load(&[1]);
}
