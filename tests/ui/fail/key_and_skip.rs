use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", key(id), skip(page))]
fn load(id: u64, page: u32) -> u64 {
    id + u64::from(page)
}

fn main() {
    load(1, 2);
    let _ = load::get(1);
}
