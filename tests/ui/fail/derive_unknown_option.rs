use cachekit::KeyPart;

#[derive(KeyPart)]
struct User {
    #[key_part(skipped)]
    id: u64,
}

fn main() {
    drop(User { id: 1 }.id);
}
