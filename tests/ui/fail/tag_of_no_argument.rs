use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", tags = ["user:{uid}"])]
fn load(id: u64, name: &str) -> u64 {
    id + name.len() as u64
}

fn main() {
    let _ = load::key(1, "a");
}
