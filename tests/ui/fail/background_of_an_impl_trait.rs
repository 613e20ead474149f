use cachekit::{KeyPart, cache_on_arguments};

#[cache_on_arguments(region = "users", background)]
fn load(id: impl KeyPart + Clone + Send) -> u64 {
    drop(id);
    1
}

fn main() {
    load(1);
}
