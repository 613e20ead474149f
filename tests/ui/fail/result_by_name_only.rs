use cachekit::cache_on_arguments;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct SearchResult<T>(T);

#[cache_on_arguments(region = "users")]
fn load(id: u64) -> SearchResult<u64> {
    SearchResult(id)
}

fn main() {
    load(1);
}
