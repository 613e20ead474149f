#[cachekit::methods]
struct Repo;

fn main() {
    let _ = Repo;
}
