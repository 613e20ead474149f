use cachekit::cache_on_arguments;

#[derive(Clone)]
struct User(u64);

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> Result<Vec<User>, String> {
    Ok(vec![User(id)])
}

fn main() {
    let _ = load(1);
    let _ = load::get(1);
}
