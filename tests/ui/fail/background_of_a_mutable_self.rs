use cachekit::cache_on_arguments;

#[derive(Clone)]
struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users", background)]
    fn find(&mut self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo.find(1);
}
