use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = USERS)]
fn r#type(r#fn: u64) -> u64 {
    r#fn + 1
}

fn main() {
    assert_eq!(r#type(1), 2);
    assert!(r#type::key(1).to_string().ends_with("::type|1"), "{}", r#type::key(1));
}
