use cachekit::cache_multi_on_arguments;

struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_multi_on_arguments(region = "users", background)]
    fn load(&self, ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
}

fn main() {
    Repo.load(&[1]);
}
