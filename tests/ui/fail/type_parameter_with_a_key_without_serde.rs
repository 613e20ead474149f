use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", key("number", id))]
fn load<T: From<u64> + Clone + Send + Sync + 'static>(id: u64) -> T {
    T::from(id)
}

fn main() {
    load::<u64>(1);
}
