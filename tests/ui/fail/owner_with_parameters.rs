use cachekit::cache_on_arguments;

struct Repo<T>(T);

impl<T> Repo<T> {
    #[cache_on_arguments(region = "users", owner = Repo<T>)]
    fn find(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Repo(1).find(1);
}
