use cachekit::KeyPart;

#[derive(KeyPart)]
union Either {
    a: u8,
    b: u8,
}

fn main() {
    drop(Either { a: 1 });
}
