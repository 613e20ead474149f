use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", entreis_of = load)]
fn load_one(id: u64) -> u64 {
    id
}

fn main() {
    load_one(1);
}
