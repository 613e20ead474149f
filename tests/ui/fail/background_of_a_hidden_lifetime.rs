use cachekit::cache_on_arguments;

#[derive(Clone, cachekit::KeyPart)]
struct Page<'a>(&'a str);

#[cache_on_arguments(region = "users", background)]
fn load(page: Page) -> usize {
    page.0.len()
}

fn main() {
    let _ = load(Page("a"));
}
