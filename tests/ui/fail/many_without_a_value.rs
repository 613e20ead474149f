use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &[u64]) {
    let _ = ids;
}

fn main() {
    load(&[1]);
}
