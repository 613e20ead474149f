use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> impl Iterator<Item = u64> {
    0..id
}

fn main() {
    load(1).count();
}
