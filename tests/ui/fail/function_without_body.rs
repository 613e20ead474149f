use cachekit::cache_on_arguments;

trait Repo {
    #[cache_on_arguments(region = "users")]
    fn find(&self, id: u64) -> u64;
}

fn main() {}
