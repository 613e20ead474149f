use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users", coalesce = "2ms")]
async fn load_many(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    drop(load_many(&[1]));
}
