use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users")]
fn name(id: u64) -> Option<&'static str> {
    (id > 0).then_some("ann")
}

fn main() {
    let _ = name(1);
}
