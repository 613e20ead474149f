use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load<'a>(ids: &'a [u64], names: &str) -> Option<&'a u64> {
    ids.get(names.len())
}

fn main() {
    load(&[1], "");
}
