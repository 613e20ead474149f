use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", result = true)]
fn load(id: u64) {
    drop(id);
}

fn main() {
    load(1);
}
