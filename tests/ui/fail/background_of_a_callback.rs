use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", background, skip(log))]
fn load(log: &dyn Fn(u64), id: u64) -> u64 {
    log(id);
    id
}

fn main() {
    let _ = load(&drop, 1);
}
