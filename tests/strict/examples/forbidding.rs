//! Expansions must not allow what a crate forbids.
#![forbid(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    dead_code,
    non_camel_case_types,
    non_snake_case,
    unused,
    clippy::all,
    clippy::pedantic
)]

use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static FORBIDDING = Region::builder("forbidding");
}

#[cache_on_arguments(region = FORBIDDING, ttl = "10m")]
fn plain(id: u64, name: &str) -> Option<u64> {
    (id > 0 && !name.is_empty()).then_some(id)
}

#[cache_on_arguments(region = FORBIDDING)]
fn six(one: u8, two: u8, three: u8, four: u8, five: u8, six: u8) -> u8 {
    one ^ two ^ three ^ four ^ five ^ six
}

#[cache_on_arguments(region = FORBIDDING)]
async fn fallible(id: u64) -> Result<u64, String> {
    std::future::ready(Ok(id)).await
}

#[cache_on_arguments(region = FORBIDDING, companion = none)]
fn alone(id: u64) -> Option<u64> {
    (id > 1).then_some(id)
}

#[cache_on_arguments(region = FORBIDDING, tags = ["user:{id}"], refresh_ahead = 0.9)]
fn renewed(id: u64, name: &str) -> Option<usize> {
    (id > 0).then_some(name.len())
}

#[cache_on_arguments(region = FORBIDDING, background, error_ttl = "5s", wait_timeout = "2s", deadline = "30s")]
async fn remembered(id: u64, (name, _): (String, u8)) -> Result<u64, String> {
    std::future::ready(Err(name)).await.or(Ok(id))
}

#[cache_on_arguments(region = FORBIDDING, skip(log))]
fn generic<T: cachekit::KeyPart + Clone + Send + Sync + 'static>(log: &mut impl Extend<T>, id: T) -> T {
    log.extend([id.clone()]);
    id
}

#[derive(Clone)]
struct Repo(u64);

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = FORBIDDING, key(self.0, id), tags = ["user:{id}"])]
    fn find(&self, id: u64) -> Option<u64> {
        id.checked_sub(self.0)
    }

    #[cache_on_arguments(region = FORBIDDING, background)]
    async fn later(&self, id: u64) -> Result<u64, String> {
        std::future::ready(Ok(id + self.0)).await
    }

    #[cache_on_arguments(region = FORBIDDING, companion = none)]
    async fn alone(&mut self, mut id: u64) -> Option<u64> {
        id = id.checked_sub(self.0)?;
        std::future::ready(Some(id)).await
    }
}

fn main() -> Result<(), cachekit::Error> {
    plain::invalidate(1, "a")?;
    println!("{:?} {} {:?}", plain(1, "a"), six(1, 2, 3, 4, 5, 6), alone(1));
    println!("{:?} {:?}", renewed(1, "a"), renewed::with(cachekit::CallOptions::no_store, 1, "a"));
    drop((fallible(1), remembered(1, (String::new(), 2))));
    let mut repo = Repo(1);
    println!("{:?} {:?}", generic(&mut Vec::new(), 1_u8), repo.find(2));
    drop(repo.later(1));
    drop(repo.alone(1));
    Ok(())
}
