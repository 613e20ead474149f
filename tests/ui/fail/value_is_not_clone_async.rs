use cachekit::cache_on_arguments;

#[derive(serde::Serialize, serde::Deserialize)]
struct User(u64);

#[cache_on_arguments(region = "users")]
async fn load(id: u64) -> Result<User, String> {
    Ok(User(id))
}

fn main() {
    drop(load(1));
    drop(load::get(1));
}
