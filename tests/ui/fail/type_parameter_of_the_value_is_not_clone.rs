use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load<T: From<u64>>(id: u64) -> T {
    T::from(id)
}

fn main() {
    load::<u64>(1);
}
