use cachekit::{KeyPart, cache_multi_on_arguments};

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &[impl KeyPart + Clone]) -> Vec<usize> {
    vec![0; ids.len()]
}

fn main() {
    load(&[1]);
}
