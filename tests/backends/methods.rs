//! Methods and generic functions in a region with a backend: what leaves the process, and what is told apart there.

use std::sync::LazyLock;
use std::time::Duration;

use cachekit::{Region, cache_on_arguments, regions};
use cachekit_backends::memory::Memory;

use crate::support::Counted;

regions! {
    static METHODS = Region::builder("backed methods").backend(STORE.clone()).near(Duration::from_secs(3600));
}

static STORE: LazyLock<Memory> = LazyLock::new(Memory::new);

/// The region as another process sees it.
fn elsewhere() -> Region {
    Region::builder("backed methods").backend(STORE.clone()).build().unwrap()
}

struct Repo(Counted);

#[cachekit::methods]
impl Repo {
    #[cache_on_arguments(region = METHODS)]
    fn find(&self, id: u64) -> u64 {
        self.0.run() * 100 + id
    }
}

#[test]
fn what_methods_return_is_stored_under_the_name_of_their_type() {
    let repo = Repo(Counted::new());
    assert_eq!((repo.find(5), repo.find(5)), (105, 105));
    let key = Repo::find_entry(5).key().to_string();
    assert!(key.ends_with("methods::Repo::find|5"), "{key}");
    assert_eq!(elsewhere().get::<u64>(&key).unwrap(), Some(105));
    Repo::find_entry(5).invalidate().unwrap();
    assert_eq!(elsewhere().get::<u64>(&key).unwrap(), None);
    assert_eq!(repo.find(5), 205);
    METHODS.delete(&key).unwrap();
    assert_eq!(elsewhere().get::<u64>(&key).unwrap(), None);
    elsewhere().set(&key, &7_u64).unwrap();
    assert_eq!((repo.find(5), repo.0.runs()), (7, 2));
}

trait Named: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    fn made(id: u64) -> Self;
}

impl Named for u64 {
    const NAME: &'static str = "number";
    fn made(id: u64) -> Self {
        id
    }
}

impl Named for String {
    const NAME: &'static str = "text";
    fn made(id: u64) -> Self {
        id.to_string()
    }
}

#[cache_on_arguments(region = METHODS)]
fn unnamed<T: Named>(id: u64) -> T {
    T::made(id)
}

#[cache_on_arguments(region = METHODS, key(T::NAME, id))]
fn named<T: Named + serde::Serialize + serde::de::DeserializeOwned>(id: u64) -> T {
    T::made(id)
}

#[test]
fn what_keys_do_not_tell_apart_never_leaves_the_process() {
    assert_eq!((unnamed::<u64>(5), unnamed::<String>(5)), (5, "5".to_owned()));
    assert_eq!((unnamed::get::<u64>(5).unwrap(), unnamed::get(5).unwrap()), (Some(5), Some("5".to_owned())));
    let key = unnamed::key::<u64>(5).to_string();
    assert_eq!(elsewhere().get::<u64>(&key).unwrap(), None);
    METHODS.delete(&key).unwrap();
    assert_eq!((unnamed::get::<u64>(5).unwrap(), unnamed::get::<String>(5).unwrap()), (None, None));
}

#[test]
fn what_keys_tell_apart_is_stored() {
    assert_eq!((named::<u64>(5), named::<String>(5)), (5, "5".to_owned()));
    assert_eq!(elsewhere().get::<u64>(named::key::<u64>(5).to_string()).unwrap(), Some(5));
    assert_eq!(elsewhere().get::<String>(named::key::<String>(5).to_string()).unwrap(), Some("5".to_owned()));
    named::invalidate::<u64>(5).unwrap();
    assert_eq!(elsewhere().get::<u64>(named::key::<u64>(5).to_string()).unwrap(), None);
    assert_eq!(named::get::<String>(5).unwrap(), Some("5".to_owned()));
}

#[cache_on_arguments(region = METHODS, key(id))]
fn shared<T>(id: u64, _: T, made: &Counted) -> u64
where
    T: Clone,
{
    made.run() * 100 + id
}

#[cache_on_arguments(region = METHODS, key("one name", std::mem::size_of::<T>() > 0, id))]
fn one_name<T: Clone + 'static>(id: u64, made: &Counted) -> u64 {
    made.run() * 100 + id
}

#[test]
fn an_entry_that_instantiations_share_is_forgotten_by_all_of_them() {
    let made = Counted::new();
    assert_eq!((shared(1, "a", &made), shared(1, 'a', &made)), (101, 101));
    assert_eq!((one_name::<u8>(1, &made), one_name::<u16>(1, &made)), (201, 201));
    one_name::invalidate::<u8>(1).unwrap();
    assert_eq!((one_name::<u16>(1, &made), one_name::<u8>(1, &made)), (301, 301));
    one_name::entry::<u16>(1).expire().unwrap();
    assert_eq!(one_name::get::<u8>(1).unwrap(), None);
}
