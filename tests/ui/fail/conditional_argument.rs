use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(id: u64, #[cfg(any())] page: u32) -> u64 {
    id
}

fn main() {
    load(1);
}
