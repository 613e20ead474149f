use cachekit::cache_on_arguments;

mod load {}

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    load(1);
}
