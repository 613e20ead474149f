use std::rc::Rc;

use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", background, skip(db))]
fn load(db: Rc<u64>, id: u64) -> u64 {
    *db + id
}

fn main() {
    let _ = load(Rc::new(1), 1);
}
