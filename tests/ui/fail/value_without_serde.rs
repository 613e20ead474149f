use cachekit::cache_on_arguments;

#[derive(Clone)]
struct User(u64);

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> User {
    User(id)
}

fn main() {
    load(1);
    let _ = load::get(1);
}
