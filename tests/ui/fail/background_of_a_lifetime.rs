use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", stale_while_revalidate = "2m")]
async fn load(name: std::borrow::Cow<'_, str>) -> usize {
    name.len()
}

fn main() {
    let _ = load::key("a".into());
}
