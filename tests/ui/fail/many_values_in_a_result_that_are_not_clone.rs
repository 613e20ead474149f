use std::collections::HashMap;

use cachekit::cache_multi_on_arguments;

#[derive(serde::Serialize, serde::Deserialize)]
struct User(u64);

#[cache_multi_on_arguments(region = "users")]
async fn load(ids: &[u64]) -> Result<HashMap<u64, User>, String> {
    Ok(ids.iter().map(|id| (*id, User(*id))).collect())
}

fn main() {
    drop(load(&[1]));
    drop(load::get(&[1]));
}
