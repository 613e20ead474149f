use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
struct User {
    id: u64,
}

fn main() {
    drop(User { id: 1 }.id);
}
