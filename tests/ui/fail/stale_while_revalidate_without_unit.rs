use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", stale_while_revalidate = 60)]
fn load(id: u64) -> u64 {
    id
}

fn main() {
    let _ = load::key(1);
}
