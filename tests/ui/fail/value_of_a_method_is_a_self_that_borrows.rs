use cachekit::cache_on_arguments;

#[derive(Clone)]
struct Repo<'a>(&'a str);

#[cachekit::methods]
impl<'a> Repo<'a> {
    #[cache_on_arguments(region = "users")]
    fn narrowed(&self, id: u64) -> Option<Self> {
        (id > 0).then_some(Repo(self.0))
    }
}

fn main() {
    Repo("a").narrowed(1);
}
