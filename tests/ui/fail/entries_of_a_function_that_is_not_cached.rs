use cachekit::cache_multi_on_arguments;

fn load(id: u64) -> u64 {
    id
}

#[cache_multi_on_arguments(entries_of = load)]
fn load_many(ids: &[u64]) -> Vec<u64> {
    ids.iter().map(|id| load(*id)).collect()
}

fn main() {
    load_many(&[1]);
}
