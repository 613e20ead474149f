use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(name: &str) -> &str {
    name.trim()
}

fn main() {
    load("a");
}
