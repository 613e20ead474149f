use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", coalesce = "2ms")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {
    drop(load(1));
}
