use cachekit::cache_on_arguments;

struct Id(u64);
struct Org {
    id: Id,
}

#[cache_on_arguments(region = "users", key(org.id))]
fn load(org: &Org) -> u64 {
    org.id.0
}

fn main() {
    let org = Org { id: Id(1) };
    load(&org);
    let _ = load::get(&org);
}
