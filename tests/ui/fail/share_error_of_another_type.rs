use cachekit::cache_on_arguments;

struct Failure;

fn copy(error: &String) -> String {
    error.clone()
}

#[cache_on_arguments(region = "users", share_error = copy)]
fn load(id: u64) -> Result<u64, Failure> {
    if id == 0 { Err(Failure) } else { Ok(id) }
}

fn main() {
    let _ = load(1);
    let _ = load::get(1);
}
