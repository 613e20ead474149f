use cachekit::cache_on_arguments;

struct Id(u64);

#[cache_on_arguments(region = "users")]
fn load(page: u32, ids: &[Option<Id>]) -> u64 {
    ids.iter().flatten().map(|id| id.0).sum::<u64>() + u64::from(page)
}

fn main() {
    load(1, &[Some(Id(1))]);
    let _ = load::get(1, &[]);
}
