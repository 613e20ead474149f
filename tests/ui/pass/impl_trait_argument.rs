use cachekit::{KeyPart, Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = "users")]
fn load(ids: &[impl KeyPart]) -> usize {
    ids.len()
}

fn main() {
    assert_eq!(load(&[1]), 1);
    assert_eq!(load::get(&[1]).unwrap(), Some(1));
    assert_eq!(load::get(&["1"]).unwrap(), None);
}
