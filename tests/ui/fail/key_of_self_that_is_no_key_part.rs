use cachekit::cache_on_arguments;

struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users", key(self, id))]
    fn find(self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo.find(1);
}
