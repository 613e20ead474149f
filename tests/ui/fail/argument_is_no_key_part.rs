use cachekit::cache_on_arguments;

#[derive(Clone, Copy)]
struct Id(u64);

#[cache_on_arguments(region = "users")]
fn load(id: Id) -> u64 {
    id.0
}

fn main() {
    load(Id(1));
    let _ = load::get(Id(1));
}
