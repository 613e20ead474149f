use cachekit::cache_on_arguments;

trait Entity: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    fn made(id: u64) -> Self;
}

#[cache_on_arguments(region = "users", namespace = T::NAME)]
fn load<T: Entity>(id: u64) -> T {
    T::made(id)
}

fn main() {}
