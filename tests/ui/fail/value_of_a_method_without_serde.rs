use cachekit::cache_on_arguments;

#[derive(Clone)]
struct User(u64);

struct Repo;

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users")]
    async fn find(&self, id: u64) -> Result<User, String> {
        Ok(User(id))
    }
}

fn main() {
    let _ = Repo.find(1);
}
