use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
const USER: u64 = 1;

fn main() {
    drop(USER);
}
