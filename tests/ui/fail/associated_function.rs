use cachekit::cache_on_arguments;

struct Repo(u64);

impl Repo {
    #[cache_on_arguments(region = "users")]
    fn find(repo: &Self, id: u64) -> u64 {
        repo.0 + id
    }
}

fn main() {
    Repo::find(&Repo(1), 2);
}
