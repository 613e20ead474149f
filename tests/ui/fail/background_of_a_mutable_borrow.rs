use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", refresh_ahead = 0.9, background, skip(count))]
fn load(id: u64, count: &mut u64) -> u64 {
    *count += id;
    id
}

fn main() {
    let _ = load::key(1);
}
