use cachekit::{cache_multi_on_arguments, cache_on_arguments};

#[derive(serde::Serialize, serde::Deserialize)]
struct User(u64);

#[cache_on_arguments(region = "users")]
async fn load(id: u64) -> User {
    User(id)
}

#[cache_multi_on_arguments(entries_of = load, coalesce = "2ms")]
async fn load_many(ids: &[u64]) -> Vec<User> {
    ids.iter().map(|id| User(*id)).collect()
}

fn main() {
    drop(load_many(&[1]));
}
