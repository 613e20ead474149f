use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load<const N: usize>(id: [u8; N]) -> usize {
    id.len()
}

fn main() {
    load([1]);
}
