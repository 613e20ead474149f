//! Methods: their siblings, their keys, and whose entries are whose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cachekit::{Invalidation, KeyPart, Region, cache_on_arguments, regions};

use crate::support::Later;

regions! {
    static METHODS = Region::builder("methods");
    static TENANTS = Region::builder("tenants");
    static RENEWED = Region::builder("renewed methods");
    static TRAITS = Region::builder("trait methods");
}

#[derive(Default)]
struct Users {
    tenant: u64,
    calls: AtomicUsize,
}

impl Users {
    fn of(tenant: u64) -> Self {
        Self { tenant, ..Self::default() }
    }

    fn called(&self) -> usize {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

#[cachekit::methods]
impl Users {
    #[cache_on_arguments(region = METHODS)]
    fn find(&self, id: u64) -> Option<String> {
        self.called();
        (id > 0).then(|| format!("user {id}"))
    }

    #[cachekit::cache_on_arguments(region = METHODS)]
    async fn load(&self, id: u64) -> Result<u64, String> {
        self.called();
        std::future::ready(()).await;
        if id == 0 { Err("nobody".to_owned()) } else { Ok(id * 10) }
    }

    #[cache_on_arguments(region = TENANTS, key(self.tenant, id))]
    fn of_tenant(&self, id: u64) -> u64 {
        self.called();
        self.tenant * 1000 + id
    }

    #[cache_on_arguments(region = TENANTS, key(self.tenant, id))]
    async fn of_tenant_later(self: Arc<Self>, id: u64) -> u64 {
        self.called();
        self.tenant * 1000 + id
    }

    #[cache_on_arguments(region = METHODS, tags = ["double:{n}"])]
    fn double(n: u64) -> u64 {
        2 * n
    }

    #[cache_on_arguments(region = METHODS)]
    fn count(&mut self, id: u64) -> u64 {
        self.tenant += 1;
        self.tenant + id
    }

    #[cache_on_arguments(region = METHODS)]
    fn into_tenant(self, id: u64) -> u64 {
        self.tenant + id
    }

    #[cache_on_arguments(region = METHODS)]
    fn shared(self: &Arc<Self>, (a, b): (u64, u64)) -> u64 {
        self.called();
        a + b
    }

    #[cache_on_arguments(region = METHODS, companion = lookup)]
    fn find_by_name(&self, name: &str) -> usize {
        self.called();
        name.len()
    }
}

#[test]
fn a_method_is_called_as_before_and_computed_once() {
    let users = Users::default();
    assert_eq!(users.find(5), Some("user 5".to_owned()));
    assert_eq!(users.find(5), Some("user 5".to_owned()));
    assert_eq!(users.calls(), 1);
    assert_eq!(users.find_original(5), Some("user 5".to_owned()));
    assert_eq!(users.find_refresh(5), Some("user 5".to_owned()));
    assert_eq!(users.calls(), 3);
}

#[test]
fn the_entry_of_a_method_needs_no_self() {
    let users = Users::default();
    let entry = Users::find_entry(7);
    assert_eq!(entry.get().unwrap(), None);
    entry.set(Some("another".to_owned())).unwrap();
    assert_eq!(users.find(7), Some("another".to_owned()));
    entry.invalidate().unwrap();
    assert_eq!(users.find(7), Some("user 7".to_owned()));
    assert_eq!(users.calls(), 1);
    assert!(entry.key().to_string().ends_with("methods::Users::find|7"), "{}", entry.key());
    METHODS.delete(entry.key().to_string()).unwrap();
    assert_eq!(entry.get().unwrap(), None);
}

#[test]
fn the_entry_of_an_async_method_is_async() {
    pollster::block_on(async {
        let users = Users::default();
        assert_eq!(users.load(3).await, Ok(30));
        assert_eq!(users.load(3).await, Ok(30));
        assert_eq!(users.load(0).await, Err("nobody".to_owned()));
        assert_eq!(users.calls(), 2);
        assert_eq!(Users::load_entry(3).get().await.unwrap(), Some(30));
        Users::load_entry(3).invalidate().await.unwrap();
        assert_eq!(users.load_refresh(3).await, Ok(30));
        assert_eq!(users.load_original(3).await, Ok(30));
        assert_eq!(users.calls(), 4);
    });
}

#[test]
fn self_is_part_of_the_key_where_the_key_says_so() {
    let (one, two) = (Users::of(1), Users::of(2));
    assert_eq!((one.of_tenant(5), two.of_tenant(5), one.of_tenant(5)), (1005, 2005, 1005));
    assert_eq!((one.calls(), two.calls()), (1, 1));
    one.of_tenant_entry(5).invalidate().unwrap();
    assert_eq!((one.of_tenant(5), two.of_tenant(5)), (1005, 2005));
    assert_eq!((one.calls(), two.calls()), (2, 1));

    let (one, two) = (Arc::new(one), Arc::new(two));
    pollster::block_on(async {
        assert_eq!(Arc::clone(&one).of_tenant_later(5).await, 1005);
        assert_eq!(Arc::clone(&two).of_tenant_later(5).await, 2005);
        assert_eq!(one.of_tenant_later_entry(5).get().await.unwrap(), Some(1005));
    });
}

#[test]
fn every_receiver_will_do() {
    assert_eq!((Users::double(4), Users::double_entry(4).get().unwrap()), (8, Some(8)));
    METHODS.invalidate_tag("double:4").unwrap();
    assert_eq!(Users::double_entry(4).get().unwrap(), None);
    assert_eq!((Users::double_refresh(4), Users::double_original(4)), (8, 8));

    let mut users = Users::default();
    assert_eq!((users.count(1), users.count(1), users.count_refresh(1)), (2, 2, 3));
    let users = Arc::new(users);
    assert_eq!((users.shared((1, 2)), users.shared((1, 2)), users.calls()), (3, 3, 1));
    assert_eq!(Users::of(4).into_tenant(1), 5);
    assert_eq!(Users::of(9).into_tenant(1), 5);
    assert_eq!(users.find_by_name("ann"), 3);
    assert_eq!(Users::lookup_entry("ann").get().unwrap(), Some(3));
}

struct First;
struct Second;

#[cachekit::methods]
impl First {
    #[cache_on_arguments(region = METHODS)]
    fn name(&self, id: u64) -> String {
        format!("first {id}")
    }
}

impl Second {
    #[cache_on_arguments(region = METHODS, owner = Second)]
    fn name(&self, id: u64) -> String {
        format!("second {id}")
    }
}

#[test]
fn methods_of_one_name_share_no_entries() {
    assert_eq!((First.name(1), Second.name(1)), ("first 1".to_owned(), "second 1".to_owned()));
    assert_ne!(First::name_entry(1).key(), Second::name_entry(1).key());
    let text = Second::name_entry(1).key().to_string();
    assert_eq!(METHODS.get::<String>(text).unwrap(), Some("second 1".to_owned()));
}

trait Find {
    type Found;
    fn find_it(&self, id: u64, name: &str) -> Option<Self::Found>;
    async fn find_later(&mut self, id: u64) -> Result<u64, String>;
    fn made(n: u64) -> Self;
}

#[derive(Clone, Debug, PartialEq)]
struct Finder<T>(T, u64);

impl<T: Clone + Send + Sync + 'static> Find for Finder<T> {
    type Found = T;

    #[cache_on_arguments(region = TRAITS, companion = none, tags = ["name:{name}"])]
    fn find_it(&self, id: u64, name: &str) -> Option<Self::Found> {
        if id == 0 || name.is_empty() {
            return None;
        }
        Some(self.0.clone())
    }

    #[cache_on_arguments(region = TRAITS, companion = none)]
    async fn find_later(&mut self, mut id: u64) -> Result<u64, String> {
        self.1 += 1;
        id = u64::try_from(i64::try_from(id).map_err(|error| error.to_string())?).map_err(|_| "negative")?;
        if id == 0 {
            return Err("nobody".to_owned());
        }
        std::future::ready(Ok(id + self.1)).await
    }

    fn made(n: u64) -> Self {
        panic!("only for numbers: {n}")
    }
}

impl Find for Made {
    type Found = u64;

    fn find_it(&self, id: u64, _: &str) -> Option<u64> {
        Some(id + self.0)
    }

    async fn find_later(&mut self, id: u64) -> Result<u64, String> {
        Ok(id)
    }

    #[cache_on_arguments(region = TRAITS, companion = none)]
    fn made(n: u64) -> Self {
        MADE.fetch_add(1, Ordering::Relaxed);
        Self(n)
    }
}

static MADE: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Debug, PartialEq)]
struct Made(u64);

#[test]
fn methods_of_traits_are_cached_without_companions() {
    let (words, numbers) = (Finder("word", 0), Finder(5_u8, 0));
    assert_eq!((words.find_it(1, "a"), numbers.find_it(1, "a")), (Some("word"), Some(5)));
    assert_eq!(Finder("another", 0).find_it(1, "a"), Some("word"));
    TRAITS.invalidate_tag("name:a").unwrap();
    assert_eq!(Finder("another", 0).find_it(1, "a"), Some("another"));
    assert_eq!(numbers.find_it(0, "a"), None);
    assert_eq!((Made::made(1), Made::made(1), MADE.load(Ordering::Relaxed)), (Made(1), Made(1), 1));
    pollster::block_on(async {
        let mut finder = Finder("word", 0);
        assert_eq!((finder.find_later(1).await, finder.find_later(1).await), (Ok(2), Ok(2)));
        assert_eq!(finder.find_later(0).await, Err("nobody".to_owned()));
        assert_eq!(finder.1, 2);
        TRAITS.invalidate(Invalidation::Hard).unwrap();
        assert_eq!(finder.find_later(1).await, Ok(4));
    });
}

#[async_trait::async_trait]
trait Source {
    async fn fetch(&self, id: u64, name: &str) -> Result<String, String>;
    async fn sum(&self, (a, b): (u64, u64)) -> u64;
    async fn generic<T: cachekit::KeyPart + Send + Sync>(&mut self, of: T) -> Option<u64>;
}

#[async_trait::async_trait]
impl Source for Users {
    #[cache_on_arguments(region = TRAITS, companion = none, tags = ["source:{id}"])]
    async fn fetch(&self, id: u64, name: &str) -> Result<String, String> {
        self.called();
        std::future::ready(()).await;
        if name.is_empty() {
            return Err("no name".to_owned());
        }
        let id = u8::try_from(id).map_err(|error| error.to_string())?;
        Ok(format!("{id} {name}"))
    }

    #[cache_on_arguments(region = TRAITS, companion = none, owner = Users)]
    async fn sum(&self, (a, b): (u64, u64)) -> u64 {
        self.called();
        a + b
    }

    #[cache_on_arguments(region = TRAITS, companion = none)]
    async fn generic<T: cachekit::KeyPart + Send + Sync>(&mut self, of: T) -> Option<u64> {
        drop(of);
        self.tenant += 1;
        Some(self.tenant)
    }
}

#[test]
fn methods_that_async_trait_has_rewritten_are_cached() {
    fn is_send<T: Send>(task: T) -> T {
        task
    }
    pollster::block_on(async {
        let mut users = Users::default();
        assert_eq!(
            is_send(users.fetch(300, "a")).await.unwrap_err(),
            "out of range integral type conversion attempted"
        );
        assert_eq!(users.fetch(1, "").await, Err("no name".to_owned()));
        assert_eq!(
            (users.fetch(1, "a").await, users.fetch(1, "a").await),
            (Ok("1 a".to_owned()), Ok("1 a".to_owned()))
        );
        assert_eq!(users.calls(), 3);
        TRAITS.invalidate_tag("source:1").unwrap();
        assert_eq!(users.fetch(1, "a").await, Ok("1 a".to_owned()));
        assert_eq!((users.sum((1, 2)).await, users.sum((1, 2)).await, users.calls()), (3, 3, 5));
        assert_eq!(
            (users.generic(1).await, users.generic(1).await, users.generic("1").await),
            (Some(1), Some(1), Some(2))
        );
    });
}

#[derive(Clone)]
struct Renewed(Arc<AtomicUsize>);

#[cachekit::methods]
impl Renewed {
    #[cache_on_arguments(region = RENEWED, background)]
    fn by_reference(&self, name: &str) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + name.len()
    }

    #[cache_on_arguments(region = RENEWED, background)]
    fn counted(self: Arc<Self>, id: usize) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + id
    }

    #[cache_on_arguments(region = RENEWED, background)]
    fn counted_reference(self: &Arc<Self>, id: usize) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + id
    }

    #[cache_on_arguments(region = RENEWED, background)]
    fn of<T: KeyPart + Clone + Send + 'static>(&self, id: T, more: impl KeyPart + Clone + Send + 'static) -> usize {
        drop((id, more));
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    #[cache_on_arguments(region = RENEWED, background)]
    async fn later(&self, id: usize) -> Result<usize, String> {
        Ok(self.0.fetch_add(1, Ordering::Relaxed) + id)
    }
}

#[test]
fn methods_are_renewed_in_the_background() {
    let later = Later::default();
    RENEWED.reconfigure(|r| r.runner(later.clone())).unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let renewed = Arc::new(Renewed(Arc::clone(&runs)));
    let all = || {
        let counted = (Arc::clone(&renewed).counted(0), renewed.counted_reference(0));
        [renewed.by_reference(""), counted.0, counted.1, renewed.of(1_u8, "a"), renewed.of(1_u16, "a")]
    };
    let first = all();
    RENEWED.invalidate(Invalidation::Soft).unwrap();
    assert_eq!((all(), all(), runs.load(Ordering::Relaxed)), (first, first, 5), "served the old values meanwhile");
    assert_eq!(later.run_all(), 5);
    assert!(all().iter().zip(first).all(|(new, old)| *new > old), "{:?}", all());

    pollster::block_on(async {
        let before = renewed.later(1).await.unwrap();
        Renewed::later_entry(1).expire().await.unwrap();
        assert_eq!(renewed.later(1).await, Ok(before));
        assert_eq!(later.run_all(), 1);
        assert_eq!(renewed.later(1).await, Ok(before + 1));
    });
}
