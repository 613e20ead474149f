use cachekit::cache_on_arguments;

struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users")]
    fn find(&self, id: u64) -> u64 {
        id
    }

    fn find_entry(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo.find(1);
    Repo.find_entry(1);
}
