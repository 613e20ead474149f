use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn load(id: Idd) -> u64 {
    0
}

fn main() {
    load(1);
}
