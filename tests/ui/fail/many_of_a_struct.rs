use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users")]
struct Users(Vec<u64>);

fn main() {
    let _ = Users(Vec::new()).0;
}
