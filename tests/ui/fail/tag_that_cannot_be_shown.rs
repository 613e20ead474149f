use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", tags = ["ids:{ids}"])]
fn load(ids: Vec<u64>) -> usize {
    ids.len()
}

fn main() {
    let _ = load::key(vec![1]);
}
