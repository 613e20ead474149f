use cachekit::cache_on_arguments;

struct Repo {
    tenant: u64,
}

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = "users", key(tenant, id))]
    fn find(&self, id: u64) -> u64 {
        self.tenant + id
    }
}

fn main() {
    Repo { tenant: 1 }.find(1);
}
