use std::sync::Arc;

use cachekit::cache_multi_on_arguments;

trait Load {
    fn load(self: Arc<Self>, ids: &[u64]) -> Vec<u64>;
}

struct Repo;

impl Load for Repo {
    #[cache_multi_on_arguments(region = "users", companion = none)]
    fn load(self: Arc<Self>, ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
}

fn main() {
    Arc::new(Repo).load(&[1]);
}
