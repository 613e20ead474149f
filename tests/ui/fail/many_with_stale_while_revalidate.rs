use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users", stale_while_revalidate = "1m")]
fn load(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    load(&[1]);
}
