use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users", key(tenant))]
fn load(tenant: &str, ids: &[u64]) -> Vec<usize> {
    ids.iter().map(|_| tenant.len()).collect()
}

fn main() {
    load("a", &[1]);
}
