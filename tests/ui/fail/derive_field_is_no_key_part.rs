use cachekit::KeyPart;

struct Id(u64);

#[derive(KeyPart)]
struct User {
    id: Id,
    name: String,
}

fn main() {
    let user = User { id: Id(1), name: String::new() };
    drop((user.id.0, user.name));
}
