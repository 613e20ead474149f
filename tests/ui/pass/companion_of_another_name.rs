use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

mod user {
    pub(crate) fn name() -> &'static str {
        "ann"
    }
}

#[cache_on_arguments(region = USERS, companion = CachedUser)]
fn user(id: u64) -> String {
    format!("{}{id}", user::name())
}

fn main() {
    assert_eq!(user(1), "ann1");
    assert_eq!(CachedUser::get(1).unwrap().as_deref(), Some("ann1"));
}
