use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", tags = ["org:{org.id}"])]
fn load(org: u64) -> u64 {
    org
}

fn main() {
    let _ = load::key(1);
}
