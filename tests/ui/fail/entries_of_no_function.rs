use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(entries_of = load_user)]
fn load_many(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {
    load_many(&[1]);
}
