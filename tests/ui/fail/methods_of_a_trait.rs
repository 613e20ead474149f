use cachekit::cache_on_arguments;

trait Find {
    fn find(&self, id: u64) -> u64;
}

struct Repo;

#[cachekit::methods]
impl Find for Repo {
    #[cache_on_arguments(region = "users", companion = none)]
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo.find(1);
}
