use cachekit::cache_on_arguments;

struct Repo<'a>(&'a str);

#[cachekit::methods]
impl<'a> Repo<'a> {
    #[cache_on_arguments(region = "users")]
    fn name(&self, id: u64) -> &'a str {
        &self.0[id as usize..]
    }
}

fn main() {
    Repo("a").name(1);
}
