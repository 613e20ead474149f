use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", colour = 5)]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    load(1);
    let _ = load::get(1);
}
