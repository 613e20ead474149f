use std::rc::Rc;

use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", background)]
fn load(id: u64) -> Result<u64, Rc<str>> {
    Ok(id)
}

fn main() {
    let _ = load(1);
}
