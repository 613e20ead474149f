use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users", skip(count))]
fn load(count: &mut usize, ids: &[u64]) -> Vec<u64> {
    *count += ids.len();
    ids.to_vec()
}

fn main() {
    load(&mut 0, &[1]);
}
