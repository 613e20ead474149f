use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users", refresh_ahead = 0.9)]
fn load(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    load(&[1]);
}
