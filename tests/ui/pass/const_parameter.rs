use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = "users")]
fn load<const N: usize>(id: [u8; N]) -> usize {
    id.len()
}

fn main() {
    load([1]);
}
