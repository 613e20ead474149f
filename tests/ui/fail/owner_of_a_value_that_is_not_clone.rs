use cachekit::cache_on_arguments;

#[derive(serde::Serialize, serde::Deserialize)]
struct User(u64);

struct Repo;

impl Repo {
    #[cache_on_arguments(region = "users", owner = Repo)]
    fn find(&self, id: u64) -> User {
        User(id)
    }
}

fn main() {
    Repo.find(1);
}
