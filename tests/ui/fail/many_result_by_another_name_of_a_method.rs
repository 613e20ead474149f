use cachekit::cache_multi_on_arguments;

type Loaded = Result<Vec<u64>, String>;

struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_multi_on_arguments(region = "users")]
    fn load(&self, ids: &[u64]) -> Loaded {
        Ok(ids.to_vec())
    }
}

fn main() {
    let _ = Repo.load(&[1]);
}
