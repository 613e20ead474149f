use cachekit::cache_multi_on_arguments;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Id(u64);

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &[Id]) -> Vec<u64> {
    ids.iter().map(|id| id.0).collect()
}

fn main() {
    load(&[Id(1)]);
}
