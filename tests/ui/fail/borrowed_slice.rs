use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(ids: &[u64]) -> Result<&[u64], String> {
    ids.get(1..).ok_or_else(String::new)
}

fn main() {
    let _ = load(&[1]);
}
