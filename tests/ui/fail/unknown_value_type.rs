use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> Usr {
    id
}

fn main() {
    load(1);
}
