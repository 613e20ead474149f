use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

struct Page {
    number: u64,
    size: u64,
}

impl cachekit::KeyPart for Page {
    fn write_key(&self, writer: &mut cachekit::KeyWriter) {
        (self.number, self.size).write_key(writer);
    }
}

#[cache_on_arguments(region = USERS)]
fn sum(mut x: u64, (a, mut b): (u64, u64), [first, ..]: [u64; 3], Page { number, size: _ }: Page, _: u8) -> u64 {
    x += a;
    b += first;
    x + b + number
}

fn main() {
    let page = || Page { number: 6, size: 7 };
    assert_eq!(sum(1, (2, 3), [4, 5, 6], page(), 0), 16);
    assert_eq!(sum::get(1, (2, 3), [4, 5, 6], page(), 0).unwrap(), Some(16));
    assert_eq!(sum::get(1, (2, 3), [4, 5, 6], page(), 1).unwrap(), None);
}
