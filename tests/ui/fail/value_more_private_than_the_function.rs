use cachekit::cache_on_arguments;

mod users {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub(crate) struct User(pub(crate) u64);

    #[crate::cache_on_arguments(region = "users")]
    pub fn load(id: u64) -> User {
        User(id)
    }
}

fn main() {
    users::load(1);
    let _ = users::load::get(1);
}
