use cachekit::{cache_multi_on_arguments, cache_on_arguments};

struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users")]
    async fn load(id: u64) -> u64 {
        id
    }
}

#[cache_multi_on_arguments(entries_of = Repo::load, coalesce = "2ms")]
async fn load_all(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    drop(Repo::load(1));
    drop(load_all(&[1]));
}
