use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> u64 {
    id.to_string()
}

fn main() {
    load(1);
    let _ = load::get(1);
}
