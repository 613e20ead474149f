use cachekit::{cache_multi_on_arguments, cache_on_arguments};

struct Repo(u64);

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users", key(self.0, id))]
    fn find(&self, id: u64) -> u64 {
        self.0 + id
    }

    #[cache_multi_on_arguments(entries_of = self.find)]
    fn find_all(ids: &[u64]) -> Vec<u64> {
        ids.to_vec()
    }
}

fn main() {
    Repo(1).find(1);
    Repo::find_all(&[1]);
}
