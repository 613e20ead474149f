use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &'static [u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    load(&[1]);
}
