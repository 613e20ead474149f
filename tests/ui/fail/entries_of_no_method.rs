use cachekit::cache_multi_on_arguments;

struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_multi_on_arguments(entries_of = Self::find)]
    fn find_all(&self, ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
}

fn main() {
    Repo.find_all(&[1]);
}
