use cachekit::cache_on_arguments;

fn text(id: u64) -> String {
    id.to_string()
}

#[cache_on_arguments(region = "users", key_generator = text)]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    load(1);
    let _ = load::get(1);
}
