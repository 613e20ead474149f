use cachekit::cache_on_arguments;

trait Find {
    fn find(&self, id: u64) -> u64;
}

struct Repo;

impl Find for Repo {
    #[cache_on_arguments(region = "users", companion = none, background)]
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo.find(1);
}
