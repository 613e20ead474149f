use cachekit::cache_on_arguments;

#[derive(Clone)]
struct Repo<'a>(&'a str);

#[cachekit::methods]
impl<'a> Repo<'a> {
    #[cache_on_arguments(region = "users", background)]
    fn find(&self, id: u64) -> u64 {
        id + self.0.len() as u64
    }
}

fn main() {
    Repo("a").find(1);
}
