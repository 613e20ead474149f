use cachekit::cache_multi_on_arguments;

trait Load {
    fn load(&self, ids: &[u64]) -> Vec<u64>;
}

struct Repo;

impl Load for Repo {
    #[cache_multi_on_arguments(region = "users", companion = none, stale_while_revalidate = "1m")]
    fn load(&self, ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
}

fn main() {
    Repo.load(&[1]);
}
