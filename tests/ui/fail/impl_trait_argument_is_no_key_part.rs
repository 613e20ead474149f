use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(ids: impl Iterator<Item = u64>) -> u64 {
    ids.sum()
}

fn main() {
    load(0..1);
}
