use cachekit::cache_on_arguments;

struct Repo(u64);

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users", key(self.0, id))]
    fn find(id: u64) -> u64 {
        id
    }
}

fn main() {
    let _ = Repo(1).0;
    Repo::find(1);
}
