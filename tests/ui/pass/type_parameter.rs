use cachekit::{KeyPart, Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = "users")]
fn load<T: Into<u64> + KeyPart>(id: T) -> u64 {
    id.into()
}

fn main() {
    assert_eq!(load(1_u8), 1);
    assert_eq!(load::get(1_u8).unwrap(), Some(1));
    assert_eq!(load::get(1_u16).unwrap(), None);
}
