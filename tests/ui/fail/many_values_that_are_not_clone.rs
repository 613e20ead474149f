use cachekit::cache_multi_on_arguments;

#[derive(serde::Serialize, serde::Deserialize)]
struct User(u64);

#[cache_multi_on_arguments(region = "users")]
fn load(ids: &[u64]) -> Vec<User> {
    ids.iter().map(|id| User(*id)).collect()
}

fn main() {
    load(&[1]);
    let _ = load::get(&[1]);
}
