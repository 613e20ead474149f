use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

macro_rules! cached {
    ($vis:vis fn $name:ident($arg:ident: $ty:ty) -> $ret:ty = $value:expr; key $key:expr) => {
        #[cache_on_arguments(region = USERS, key($key, factor))]
        $vis fn $name($arg: $ty, factor: u64) -> $ret {
            let value: $ret = $value;
            value * factor
        }
    };
}

cached! { pub(crate) fn length(text: &str) -> u64 = text.len() as u64; key text.len() }

fn main() {
    assert_eq!(length("abc", 2), 6);
    assert_eq!(length::get("cba", 2).unwrap(), Some(6));
}
