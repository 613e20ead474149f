use std::rc::Rc;

use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", background)]
async fn load(id: u64) -> u64 {
    let count = Rc::new(id);
    std::future::ready(()).await;
    *count
}

fn main() {
    drop(load(1));
}
