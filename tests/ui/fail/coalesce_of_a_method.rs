use cachekit::{cache_multi_on_arguments, cache_on_arguments};

struct Repo;

#[cache_on_arguments(region = "users")]
async fn load(id: u64) -> u64 {
    id
}

#[cachekit::methods]
impl Repo {
    #[cache_multi_on_arguments(entries_of = load, coalesce = "2ms")]
    async fn load_all(&self, ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
}

fn main() {
    drop(Repo.load_all(&[1]));
}
