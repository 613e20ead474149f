use cachekit::cache_on_arguments;

struct Repo;
struct Other;

impl Repo {
    #[cache_on_arguments(region = "users", owner = Other)]
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    let _ = Other;
    Repo.find(1);
}
