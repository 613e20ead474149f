use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> u64 {
    id
}

#[cache_on_arguments(region = "users", entries_of = load)]
fn load_again(id: u64) -> u64 {
    id
}

fn main() {
    load(1);
    load_again(1);
}
