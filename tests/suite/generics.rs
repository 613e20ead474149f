//! Functions with type parameters: a table for each instantiation, and what reaches all of them.

use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use cachekit::{CachedFn, Invalidation, KeyPart, Region, cache_on_arguments, regions};

regions! {
    static GENERICS = Region::builder("generics");
    static CLEARED = Region::builder("generics, cleared");
    static SMALL = Region::builder("generics, small").capacity(4);
}

trait Entity: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    fn made(id: u64) -> Self;
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct User(u64);

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Post(u64);

static MADE: AtomicUsize = AtomicUsize::new(0);

impl Entity for User {
    const NAME: &'static str = "user";
    fn made(id: u64) -> Self {
        MADE.fetch_add(1, Ordering::Relaxed);
        Self(id)
    }
}

impl Entity for Post {
    const NAME: &'static str = "post";
    fn made(id: u64) -> Self {
        MADE.fetch_add(1, Ordering::Relaxed);
        Self(id + 100)
    }
}

trait Conn {
    fn ask(&self, id: u64) -> u64;
}

struct Pg(AtomicUsize);
struct Lite(AtomicUsize);

impl Conn for Pg {
    fn ask(&self, id: u64) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        id
    }
}

impl Conn for Lite {
    fn ask(&self, id: u64) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed);
        id
    }
}

#[cache_on_arguments(region = GENERICS)]
fn load<T: Entity>(id: u64) -> T {
    T::made(id)
}

#[test]
fn each_instantiation_has_entries_of_its_own() {
    assert_eq!((load::<User>(5), load::<Post>(5)), (User(5), Post(105)));
    assert_eq!((load::get::<User>(5).unwrap(), load::get(5).unwrap()), (Some(User(5)), Some(Post(105))));
    load::set(5, User(6)).unwrap();
    assert_eq!((load::<User>(5), load::<Post>(5)), (User(6), Post(105)));
    load::invalidate::<User>(5).unwrap();
    assert_eq!((load::get::<User>(5).unwrap(), load::get::<Post>(5).unwrap()), (None, Some(Post(105))));
    assert_eq!((load::refresh::<User>(5), load::original::<User>(7)), (User(5), User(7)));
    assert_eq!(load::entry::<User>(5).get().unwrap(), Some(User(5)));
    load::expire::<User>(5).unwrap();
    assert_eq!(*load::fetch::<User>(5).value(), User(5));
    assert_eq!(load::with::<User>(cachekit::CallOptions::no_store, 8), User(8));
}

#[cache_on_arguments(region = GENERICS, skip(db))]
fn find<C: Conn>(db: &C, id: u64) -> u64 {
    db.ask(id)
}

#[test]
fn parameters_of_skipped_arguments_are_no_part_of_the_companions() {
    let (pg, lite) = (Pg(AtomicUsize::new(0)), Lite(AtomicUsize::new(0)));
    assert_eq!((find(&pg, 5), find(&lite, 5)), (5, 5));
    assert_eq!((pg.0.into_inner(), lite.0.into_inner()), (1, 0));
    assert_eq!(find::get(5).unwrap(), Some(5));
    assert_eq!(<find as CachedFn>::info().name(), "find");
}

#[cache_on_arguments(region = GENERICS, skip(db))]
async fn found<T>(
    db: &(impl Conn + Sync),
    id: impl KeyPart + Display + Send + Sync,
    more: Option<T>,
) -> Result<String, String>
where
    T: KeyPart + Display + Send + Sync,
{
    let more = more.map(|more| more.to_string()).ok_or("nothing more")?;
    Ok(format!("{id} {more} {}", db.ask(1)))
}

#[test]
fn arguments_of_any_type_are_told_apart() {
    let pg = Pg(AtomicUsize::new(0));
    pollster::block_on(async {
        assert_eq!(found(&pg, 5_u8, Some("x")).await, Ok("5 x 1".to_owned()));
        assert_eq!(found(&pg, 5_u8, Some("x")).await, Ok("5 x 1".to_owned()));
        assert_eq!(found(&pg, "5", Some('x')).await, Ok("5 x 1".to_owned()));
        assert_eq!(found(&pg, 5_u8, None::<u8>).await, Err("nothing more".to_owned()));
        assert_eq!(pg.0.load(Ordering::Relaxed), 2);
        assert_eq!(found::get(5_u8, Some("x")).await.unwrap(), Some("5 x 1".to_owned()));
        assert_eq!(found::get(6_u8, Some("x")).await.unwrap(), None);
        found::invalidate("5", Some('x')).await.unwrap();
        assert_eq!(found::entry("5", Some('x')).get().await.unwrap(), None);
        assert_eq!(found::refresh(&pg, "5", Some('x')).await, Ok("5 x 1".to_owned()));
    });
}

#[cache_on_arguments(region = GENERICS)]
fn filled<T: KeyPart + Copy + Send + Sync + 'static, const N: usize>(value: T) -> [T; N] {
    [value; N]
}

#[test]
fn constants_tell_entries_apart() {
    assert_eq!((filled::<_, 1>(7_u8), filled::<_, 2>(7_u8)), ([7], [7, 7]));
    assert_eq!(filled::get::<u8, 2>(7).unwrap(), Some([7, 7]));
    assert_eq!(filled::get::<u8, 3>(7).unwrap(), None);
}

#[cache_on_arguments(region = CLEARED, tags = ["id:{id}"])]
fn tagged<T: Entity>(id: u64) -> T {
    T::made(id)
}

#[test]
fn what_a_region_is_told_reaches_every_instantiation() {
    let present = || (tagged::get::<User>(1).unwrap().is_some(), tagged::get::<Post>(1).unwrap().is_some());
    let both = || (tagged::<User>(1), tagged::<Post>(1));
    both();
    assert_eq!(CLEARED.stats().entries, 2);
    CLEARED.invalidate_tag("id:1").unwrap();
    assert_eq!(present(), (false, false));
    both();
    CLEARED.invalidate(Invalidation::Hard).unwrap();
    assert_eq!((present(), CLEARED.stats().entries), ((false, false), 0));
    both();
    let text = tagged::key::<User>(1).to_string();
    CLEARED.delete(&text).unwrap();
    assert_eq!(present(), (false, false));
    both();
    assert_eq!(CLEARED.get::<Post>(&text).unwrap(), Some(Post(101)));
    assert_eq!(CLEARED.get::<User>(&text).unwrap(), Some(User(1)));
    assert!(CLEARED.get::<u8>(&text).unwrap_err().to_string().contains("u8"));
    CLEARED.delete(tagged::key::<User>(1)).unwrap();
    assert_eq!(present(), (false, true));
}

#[cache_on_arguments(region = SMALL)]
fn crowded<T: Entity>(id: u64) -> T {
    T::made(id)
}

#[test]
fn the_capacity_is_that_of_all_instantiations() {
    for id in 0..20 {
        let _: (User, Post) = (crowded(id), crowded(id));
    }
    assert!(SMALL.stats().entries <= 4 && SMALL.stats().evictions > 30, "{}", SMALL.stats());
}

#[cache_on_arguments(region = GENERICS, key(T::NAME, id), ttl = T::TTL)]
fn named<T: Lasting>(id: u64) -> T {
    T::made(id)
}

trait Lasting: Entity + serde::Serialize + serde::de::DeserializeOwned {
    const TTL: std::time::Duration = std::time::Duration::from_secs(60);
}

impl Lasting for User {}
impl Lasting for Post {
    const TTL: std::time::Duration = std::time::Duration::from_secs(5);
}

#[test]
fn settings_may_be_those_of_the_type() {
    let left = |left: Option<std::time::Duration>| left.unwrap().as_secs();
    let _: (User, Post) = (named(3), named(3));
    assert!(left(named::entry::<User>(3).peek().unwrap().unwrap().ttl_left()) > 5);
    assert!(left(named::entry::<Post>(3).peek().unwrap().unwrap().ttl_left()) <= 5);
    assert!(named::key::<Post>(3).to_string().ends_with("named|\"post\",3"), "{}", named::key::<Post>(3));
}

struct Repo<'a, T, const N: usize> {
    name: &'a str,
    kind: PhantomData<T>,
}

#[cachekit::methods]
impl<'a, T: Entity, const N: usize> Repo<'a, T, N>
where
    T: PartialEq,
{
    fn new(name: &'a str) -> Self {
        Self { name, kind: PhantomData }
    }

    #[cache_on_arguments(region = GENERICS)]
    fn find(&self, id: u64) -> Option<T> {
        (self.name.len() == N).then(|| T::made(id))
    }

    #[cache_on_arguments(region = GENERICS, key(self.name, id.to_string()))]
    fn mapped<U>(&self, id: impl Display) -> Vec<U>
    where
        U: From<u8> + Clone + Send + Sync + 'static + serde::Serialize + serde::de::DeserializeOwned,
    {
        let _ = self.name;
        vec![U::from(u8::try_from(id.to_string().len()).unwrap_or_default()); N]
    }
}

#[test]
fn methods_of_generic_types_have_tables_for_each_type() {
    let (users, posts) = (Repo::<User, 1>::new("a"), Repo::<Post, 1>::new("a"));
    assert_eq!((users.find(1), posts.find(1)), (Some(User(1)), Some(Post(101))));
    assert_eq!(Repo::<User, 2>::new("a").find(1), None);
    assert_eq!(Repo::<User, 1>::find_entry(1).get().unwrap(), Some(Some(User(1))));
    assert_eq!(Repo::<User, 2>::find_entry(1).get().unwrap(), Some(None));
    assert_eq!(users.mapped::<u32>("abc"), [3]);
    assert_eq!(users.mapped::<u64>("abc"), [3]);
    assert_eq!(users.mapped_entry::<u32>("abc").get().unwrap(), Some(vec![3]));
    assert!(users.mapped_entry::<u32>(1).key().to_string().ends_with("Repo::mapped|\"a\",\"1\""));
}
