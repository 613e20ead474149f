use cachekit::cache_on_arguments;

struct Id(u64);

struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users")]
    fn find(&self, id: &Id) -> u64 {
        id.0
    }
}

fn main() {
    Repo.find(&Id(1));
}
