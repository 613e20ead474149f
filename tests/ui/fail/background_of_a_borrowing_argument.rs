use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", background)]
fn load(id: u64, name: Option<&str>) -> u64 {
    id + name.map_or(0, str::len) as u64
}

fn main() {
    let _ = load::key(1, None);
}
