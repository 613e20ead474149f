use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load<T: Into<u64>>(id: T) -> u64 {
    id.into()
}

fn main() {
    load(1_u8);
}
