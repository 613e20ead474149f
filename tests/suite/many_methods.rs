//! Methods of many keys, and functions of many keys with type parameters.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cachekit::{KeyPart, Region, cache_multi_on_arguments, cache_on_arguments, regions};

use crate::support::{AtLast, Gate, until};

regions! {
    static MANY = Region::builder("many keys of methods");
    static GENERIC = Region::builder("many keys of any type");
}

/// A repository that notes what it was asked for, call by call.
#[derive(Default)]
struct Users {
    tenant: u64,
    asked: Mutex<Vec<Vec<u64>>>,
}

impl Users {
    fn of(tenant: u64) -> Self {
        Self { tenant, ..Self::default() }
    }

    fn note(&self, ids: &[u64]) {
        self.asked.lock().unwrap().push(ids.to_vec());
    }

    fn asked(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Failed(u64);

fn named(ids: &[u64]) -> HashMap<u64, String> {
    ids.iter().map(|id| (*id, format!("user {id}"))).collect()
}

#[cachekit::methods]
impl Users {
    #[cache_multi_on_arguments(region = MANY, tags = ["user:{ids}"])]
    fn find_all(&self, ids: &[u64]) -> HashMap<u64, String> {
        self.note(ids);
        named(ids)
    }

    #[cache_multi_on_arguments(region = MANY)]
    async fn load_all(&self, ids: &[u64], page: u32) -> Result<Vec<u64>, Failed> {
        self.note(ids);
        std::future::ready(()).await;
        match ids.iter().find(|id| **id == 13) {
            Some(id) => Err(Failed(*id)),
            None => Ok(ids.iter().map(|id| id * u64::from(page)).collect()),
        }
    }

    #[cache_multi_on_arguments(region = MANY, key(self.tenant, ids))]
    fn of_tenant(&self, ids: &[u64]) -> BTreeMap<u64, u64> {
        self.note(ids);
        ids.iter().map(|id| (*id, self.tenant * 1000 + id)).collect()
    }

    #[cache_multi_on_arguments(region = MANY, key(self.tenant, ids), companion = shared)]
    async fn of_tenant_later(self: Arc<Self>, ids: &[u64]) -> Vec<u64> {
        self.note(ids);
        ids.iter().map(|id| self.tenant * 1000 + id).collect()
    }

    #[cache_multi_on_arguments(region = MANY, skip(log))]
    fn doubled(ids: &[u64], log: &Mutex<Vec<u64>>) -> Vec<u64> {
        log.lock().unwrap().extend(ids);
        ids.iter().map(|id| 2 * id).collect()
    }

    #[cache_on_arguments(region = MANY)]
    fn find(&self, id: u64) -> String {
        self.note(&[id]);
        format!("user {id}")
    }

    #[cache_multi_on_arguments(entries_of = Self::find)]
    fn find_some(&self, ids: &[u64]) -> HashMap<u64, String> {
        self.note(ids);
        named(ids)
    }

    #[cache_multi_on_arguments(entries_of = load_user)]
    async fn load_some(&self, ids: &[u64]) -> HashMap<u64, String> {
        self.note(ids);
        named(ids)
    }

    #[cache_on_arguments(region = MANY, key(self.tenant, id))]
    async fn of_mine(&self, id: u64) -> u64 {
        self.note(&[id]);
        self.tenant * 1000 + id
    }

    #[cache_multi_on_arguments(entries_of = self.of_mine)]
    async fn all_of_mine(&self, ids: &[u64]) -> Vec<u64> {
        self.note(ids);
        ids.iter().map(|id| self.tenant * 1000 + id).collect()
    }
}

#[cache_on_arguments(region = MANY)]
fn load_user(id: u64) -> String {
    format!("user {id}")
}

#[cache_multi_on_arguments(entries_of = Users::find, skip(users))]
fn find_outside(users: &Users, ids: &[u64]) -> HashMap<u64, String> {
    users.note(ids);
    named(ids)
}

#[test]
fn a_method_is_asked_for_what_is_missing_and_has_siblings_for_many_keys() {
    let users = Users::default();
    assert_eq!(users.find_all(&[3, 1, 3]), named(&[1, 3]));
    assert_eq!(users.find_all(&[1, 2, 3]), named(&[1, 2, 3]));
    assert_eq!(users.asked(), [vec![3, 1], vec![2]]);
    assert_eq!(Users::of(7).find_all(&[2]), named(&[2]), "`self` is no part of the key");
    assert_eq!(Users::find_all_get(&[1, 4]).unwrap(), named(&[1]));
    Users::find_all_set([(4, "four".to_owned())]).unwrap();
    assert_eq!(users.find_all(&[4])[&4], "four");
    Users::find_all_invalidate(&[1, 4]).unwrap();
    assert_eq!(Users::find_all_get(&[1, 2, 3, 4]).unwrap(), named(&[2, 3]));
    MANY.invalidate_tag("user:2").unwrap();
    assert_eq!(Users::find_all_get(&[1, 2, 3, 4]).unwrap(), named(&[3]));
    Users::find_all_expire(&[3]).unwrap();
    let entry = Users::find_all_entry(3);
    assert_eq!(entry.peek().unwrap().map(|peek| peek.is_fresh()), Some(false));
    assert!(entry.key().to_string().ends_with("many_methods::Users::find_all|3"), "{}", entry.key());
    assert_eq!(users.asked(), Vec::<Vec<u64>>::new());
    assert_eq!(users.find_all_refresh(&[5, 3]), named(&[3, 5]));
    assert_eq!(users.find_all_original(&[5]), named(&[5]));
    assert_eq!(users.asked(), [vec![5, 3], vec![5]]);
    assert_eq!(users.find_all(&[3, 5]), named(&[3, 5]));
    assert_eq!(users.asked(), Vec::<Vec<u64>>::new());
}

#[test]
fn siblings_of_an_async_method_are_async_and_errors_are_the_callers() {
    pollster::block_on(async {
        let users = Users::default();
        assert_eq!(users.load_all(&[1, 2], 10).await, Ok(vec![10, 20]));
        assert_eq!(users.load_all(&[2, 1, 2], 10).await, Ok(vec![20, 10, 20]));
        assert_eq!(users.load_all(&[1, 13], 10).await, Err(Failed(13)));
        assert_eq!(users.asked(), [vec![1, 2], vec![13]]);
        assert_eq!(Users::load_all_get(&[1, 13], 10).await.unwrap(), HashMap::from([(1, 10)]));
        assert_eq!(Users::load_all_get(&[1], 11).await.unwrap(), HashMap::new());
        Users::load_all_set(10, [(13, 0)]).await.unwrap();
        assert_eq!(users.load_all(&[1, 13], 10).await, Ok(vec![10, 0]));
        Users::load_all_invalidate(&[13], 10).await.unwrap();
        Users::load_all_expire(&[1], 10).await.unwrap();
        assert_eq!(Users::load_all_entry(13, 10).get().await.unwrap(), None);
        assert_eq!(users.load_all_refresh(&[1], 10).await, Ok(vec![10]));
        assert_eq!(users.load_all_original(&[13], 10).await, Err(Failed(13)));
    });
}

#[test]
fn self_is_part_of_the_key_where_the_key_says_so_and_siblings_take_it() {
    let (one, two) = (Users::of(1), Users::of(2));
    assert_eq!(one.of_tenant(&[5]), BTreeMap::from([(5, 1005)]));
    assert_eq!(two.of_tenant(&[5]), BTreeMap::from([(5, 2005)]));
    assert_eq!((one.asked().len(), two.asked().len()), (1, 1));
    one.of_tenant_invalidate(&[5]).unwrap();
    assert_eq!((one.of_tenant_get(&[5]).unwrap().len(), two.of_tenant_get(&[5]).unwrap().len()), (0, 1));
    one.of_tenant_set([(5, 7)]).unwrap();
    one.of_tenant_expire(&[5]).unwrap();
    assert_eq!(one.of_tenant_entry(5).peek().unwrap().map(|peek| *peek.value()), Some(7));
    assert_eq!(two.of_tenant(&[5]), BTreeMap::from([(5, 2005)]));
    assert_eq!(two.asked().len(), 0);

    pollster::block_on(async {
        let (one, two) = (Arc::new(Users::of(1)), Arc::new(Users::of(2)));
        assert_eq!(Arc::clone(&one).of_tenant_later(&[5, 6]).await, [1005, 1006]);
        assert_eq!(Arc::clone(&two).of_tenant_later(&[5, 6]).await, [2005, 2006]);
        assert_eq!(Arc::clone(&one).of_tenant_later(&[6, 5]).await, [1006, 1005]);
        assert_eq!((one.asked().len(), two.asked().len()), (1, 1));
        one.shared_invalidate(&[6]).await.unwrap();
        assert_eq!(Arc::clone(&one).shared_refresh(&[6]).await, [1006]);
    });
}

#[test]
fn an_associated_function_needs_no_receiver() {
    let log = Mutex::default();
    assert_eq!(Users::doubled(&[1, 2], &log), [2, 4]);
    assert_eq!(Users::doubled(&[2, 3], &log), [4, 6]);
    assert_eq!(*log.lock().unwrap(), [1, 2, 3]);
    assert_eq!(Users::doubled_get(&[1]).unwrap(), HashMap::from([(1, 2)]));
}

#[test]
fn entries_can_be_those_of_a_method_or_of_a_free_function() {
    let users = Users::default();
    assert_eq!(users.find(1), "user 1");
    assert_eq!(users.find_some(&[1, 2]), named(&[1, 2]));
    assert_eq!(find_outside(&users, &[2, 3]), named(&[2, 3]));
    assert_eq!((users.find(2), users.find(3)), ("user 2".to_owned(), "user 3".to_owned()));
    assert_eq!(users.asked(), [[1], [2], [3]]);
    Users::find_entry(2).invalidate().unwrap();
    assert_eq!(find_outside::get(&[1, 2]).unwrap(), named(&[1]));
    Users::find_some_set([(2, "two".to_owned())]).unwrap();
    assert_eq!(users.find(2), "two");
    Users::find_some_invalidate(&[2]).unwrap();
    Users::find_some_expire(&[3]).unwrap();
    assert_eq!(Users::find_some_get(&[1, 2, 3]).unwrap(), named(&[1]));
    assert_eq!(users.find_some_refresh(&[2]), named(&[2]));
    assert_eq!(users.find_some_original(&[9]), named(&[9]));

    pollster::block_on(async {
        let users = Users::default();
        assert_eq!(load_user(1), "user 1");
        assert_eq!(users.load_some(&[1, 2]).await, named(&[1, 2]));
        assert_eq!(users.asked(), [[2]]);
        assert_eq!(load_user::get(2).unwrap(), Some("user 2".to_owned()));

        let (one, two) = (Users::of(1), Users::of(2));
        assert_eq!(one.of_mine(5).await, 1005);
        assert_eq!(one.all_of_mine(&[5, 6]).await, [1005, 1006]);
        assert_eq!(two.all_of_mine(&[5, 6]).await, [2005, 2006]);
        assert_eq!((one.asked(), two.asked()), (vec![vec![5], vec![6]], vec![vec![5, 6]]));
        one.all_of_mine_invalidate(&[5]).await.unwrap();
        assert_eq!(one.all_of_mine_get(&[5, 6]).await.unwrap(), HashMap::from([(6, 1006)]));
        assert_eq!(two.of_mine_entry(5).get().await.unwrap(), Some(2005));
    });
}

struct Posts;

#[cachekit::methods]
impl Posts {
    #[cache_multi_on_arguments(region = MANY)]
    fn find_all(&self, ids: &[u64]) -> HashMap<u64, String> {
        ids.iter().map(|id| (*id, format!("post {id}"))).collect()
    }
}

impl Posts {
    #[cache_multi_on_arguments(region = MANY, owner = Posts)]
    fn titles(&self, ids: &[u64]) -> Vec<String> {
        ids.iter().map(|id| format!("title {id}")).collect()
    }
}

#[test]
fn the_attribute_can_name_the_owner() {
    assert_eq!(Posts.titles(&[1, 2]), ["title 1", "title 2"]);
    assert_eq!(Posts::titles_get(&[2, 3]).unwrap(), HashMap::from([(2, "title 2".to_owned())]));
    assert!(Posts::titles_entry(2).key().to_string().ends_with("Posts::titles|2"));
}

#[test]
fn methods_of_one_name_share_nothing() {
    assert_eq!(Users::default().find_all(&[41])[&41], "user 41");
    assert_eq!(Posts.find_all(&[41])[&41], "post 41");
    Posts::find_all_invalidate(&[41]).unwrap();
    assert_eq!(Users::find_all_get(&[41]).unwrap().len(), 1);
}

trait Load {
    fn all(&self, ids: &[u64]) -> HashMap<u64, String>;

    #[allow(async_fn_in_trait, reason = "of this crate only")]
    async fn all_later(&self, ids: &[u64]) -> Result<Vec<u64>, Failed>;
}

impl Load for Users {
    #[cache_multi_on_arguments(region = MANY, owner = Users, companion = none, tags = ["trait:{ids}"])]
    fn all(&self, ids: &[u64]) -> HashMap<u64, String> {
        if ids.contains(&99) {
            return HashMap::new();
        }
        self.note(ids);
        named(ids)
    }

    #[cache_multi_on_arguments(region = MANY, companion = none, key(self.tenant, ids))]
    async fn all_later(&self, ids: &[u64]) -> Result<Vec<u64>, Failed> {
        self.note(ids);
        std::future::ready(()).await;
        let known = |id: &u64| if *id == 13 { Err(Failed(13)) } else { Ok(id + self.tenant) };
        let known: Vec<u64> = ids.iter().map(known).collect::<Result<_, _>>()?;
        Ok(known)
    }
}

#[async_trait::async_trait]
trait LoadInABox {
    async fn boxed(&self, ids: &[&str], scale: usize) -> HashMap<String, usize>;
}

#[async_trait::async_trait]
impl LoadInABox for Posts {
    #[cache_multi_on_arguments(region = MANY, owner = Posts, companion = none)]
    async fn boxed(&self, ids: &[&str], scale: usize) -> HashMap<String, usize> {
        std::future::ready(()).await;
        BOXED.fetch_add(ids.len(), Ordering::SeqCst);
        ids.iter().map(|id| ((*id).to_owned(), id.len() * scale)).collect()
    }
}

static BOXED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn the_methods_of_traits_are_cached_without_siblings() {
    let users = Users::default();
    assert_eq!(users.all(&[1, 2]), named(&[1, 2]));
    assert_eq!(users.all(&[3, 2]), named(&[2, 3]));
    MANY.invalidate_tag("trait:1").unwrap();
    assert_eq!(users.all(&[1, 3]), named(&[1, 3]));
    assert_eq!(users.asked(), [vec![1, 2], vec![3], vec![1]]);
    assert_eq!(users.all(&[99]), HashMap::new());

    pollster::block_on(async {
        let (one, two) = (Users::of(1), Users::of(2));
        assert_eq!(one.all_later(&[1, 2]).await, Ok(vec![2, 3]));
        assert_eq!(one.all_later(&[2, 5]).await, Ok(vec![3, 6]));
        assert_eq!(two.all_later(&[1, 2]).await, Ok(vec![3, 4]));
        assert_eq!(one.all_later(&[13]).await, Err(Failed(13)));
        assert_eq!(one.asked(), [vec![1, 2], vec![5], vec![13]]);
        assert_eq!(Posts.boxed(&["a", "bb"], 2).await, HashMap::from([("a".to_owned(), 2), ("bb".to_owned(), 4)]));
        assert_eq!(Posts.boxed(&["bb", "c"], 2).await["bb"], 4);
        assert_eq!(BOXED.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn callers_of_a_method_compute_no_key_twice() {
    struct Slow {
        gate: Gate,
        asked: Mutex<Vec<Vec<u64>>>,
    }

    #[cachekit::methods]
    impl Slow {
        #[cache_multi_on_arguments(region = MANY)]
        fn load(&self, ids: &[u64]) -> Vec<u64> {
            self.asked.lock().unwrap().push(ids.to_vec());
            self.gate.wait();
            ids.to_vec()
        }
    }

    let slow = Slow { gate: Gate::new(), asked: Mutex::default() };
    let _opened = AtLast(&slow.gate);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| slow.load(&[1, 2]));
        until("the first computes", || !slow.asked.lock().unwrap().is_empty());
        let second = scope.spawn(|| slow.load(&[2, 3, 1]));
        until("the second computes what is left", || slow.asked.lock().unwrap().len() == 2);
        slow.gate.open();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (vec![1, 2], vec![2, 3, 1]));
    });
    assert_eq!(*slow.asked.lock().unwrap(), [vec![1, 2], vec![3]]);
}

trait Entity: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    fn made(id: u64) -> Self;
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct User(u64);

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Post(u64);

impl Entity for User {
    const NAME: &'static str = "user";
    fn made(id: u64) -> Self {
        Self(id)
    }
}

impl Entity for Post {
    const NAME: &'static str = "post";
    fn made(id: u64) -> Self {
        Self(id + 100)
    }
}

/// What functions with type parameters were asked for.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn note(&self, name: &str, ids: impl std::fmt::Debug) {
        self.0.lock().unwrap().push(format!("{name} {ids:?}"));
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[cache_multi_on_arguments(region = GENERIC, skip(log))]
fn load<T: Entity>(log: &Log, ids: &[u64]) -> HashMap<u64, T> {
    log.note(T::NAME, ids);
    ids.iter().map(|id| (*id, T::made(*id))).collect()
}

#[test]
fn each_instantiation_has_entries_of_its_own() {
    let log = Log::default();
    assert_eq!(load::<User>(&log, &[1, 2]), HashMap::from([(1, User(1)), (2, User(2))]));
    assert_eq!(load::<Post>(&log, &[2]), HashMap::from([(2, Post(102))]));
    assert_eq!(load::<User>(&log, &[2, 3]).len(), 2);
    assert_eq!(log.take(), ["user [1, 2]", "post [2]", "user [3]"]);
    assert_eq!(load::get::<User>(&[1, 9]).unwrap(), HashMap::from([(1, User(1))]));
    load::set([(1, Post(7))]).unwrap();
    load::invalidate::<User>(&[1]).unwrap();
    load::expire::<User>(&[2]).unwrap();
    assert_eq!((load::get::<User>(&[1, 2, 3]).unwrap().len(), load::get::<Post>(&[1, 2]).unwrap().len()), (1, 2));
    assert_eq!(load::refresh::<User>(&log, &[1]), HashMap::from([(1, User(1))]));
    assert_eq!(load::original::<Post>(&log, &[1]), HashMap::from([(1, Post(101))]));
}

#[test]
fn keys_and_skipped_arguments_can_be_of_any_type() {
    #[cache_multi_on_arguments(region = GENERIC, skip(log))]
    async fn texts<'k, K, const N: usize>(log: &(impl Fn(&str) + Sync), keys: &'k [K]) -> Vec<String>
    where
        K: KeyPart + Display + Clone + Hash + Eq + Sync + 'k,
    {
        keys.iter().map(|key| format!("{key}/{N}")).inspect(|text| log(text)).collect()
    }

    pollster::block_on(async {
        let log = Mutex::new(Vec::new());
        let note = |text: &str| log.lock().unwrap().push(text.to_owned());
        assert_eq!(texts::<u64, 1>(&note, &[1, 2]).await, ["1/1", "2/1"]);
        assert_eq!(texts::<u64, 2>(&note, &[1]).await, ["1/2"]);
        assert_eq!(texts::<&str, 1>(&note, &["1", "2"]).await, ["1/1", "2/1"]);
        assert_eq!(texts::<u64, 1>(&note, &[2, 3]).await, ["2/1", "3/1"]);
        assert_eq!(*log.lock().unwrap(), ["1/1", "2/1", "1/2", "1/1", "2/1", "3/1"]);
        assert_eq!(texts::get::<u64, 1>(&[3, 4]).await.unwrap(), HashMap::from([(3, "3/1".to_owned())]));
        texts::invalidate::<_, 1>(&["1", "2"]).await.unwrap();
        texts::set::<_, 1>([("1", "one".to_owned())]).await.unwrap();
        assert_eq!(texts::<&str, 1>(&note, &["1", "2"]).await, ["one", "2/1"]);
    });
}

#[test]
fn a_task_of_one_key_has_skipped_arguments_of_any_type() {
    #[cache_on_arguments(region = GENERIC, skip(log))]
    async fn one(log: &(impl Fn(u64) + Sync), id: u64) -> u64 {
        log(id);
        id
    }

    let log = Mutex::new(Vec::new());
    let note = |id: u64| log.lock().unwrap().push(id);
    assert_eq!(pollster::block_on(async { (one(&note, 5).await, one(&|_| (), 5).await) }), (5, 5));
    assert_eq!(*log.lock().unwrap(), [5]);
}

#[test]
fn stored_entries_are_told_apart_by_a_key_of_ones_own() {
    #[cache_multi_on_arguments(region = GENERIC, key(T::NAME, ids), tags = ["{ids}"])]
    fn stored<T>(ids: &[u64], log: &Log) -> Vec<T>
    where
        T: Entity + serde::Serialize + serde::de::DeserializeOwned,
    {
        log.note(T::NAME, ids);
        ids.iter().map(|id| T::made(*id)).collect()
    }

    let log = Log::default();
    assert_eq!(stored::<User>(&[1, 2], &log), [User(1), User(2)]);
    assert_eq!(stored::<Post>(&[1], &log), [Post(101)]);
    GENERIC.invalidate_tag("1").unwrap();
    assert_eq!(stored::<User>(&[1, 2], &log), [User(1), User(2)]);
    assert_eq!(log.take(), ["user [1, 2]", "post [1]", "user [1]"]);
}

struct Repo<T> {
    log: Log,
    entity: PhantomData<T>,
}

impl<T> Repo<T> {
    fn new() -> Self {
        Self { log: Log::default(), entity: PhantomData }
    }
}

#[cachekit::methods]
impl<T: Entity> Repo<T> {
    #[cache_multi_on_arguments(region = GENERIC)]
    fn find_all(&self, ids: &[u64]) -> BTreeMap<u64, T> {
        self.log.note(T::NAME, ids);
        ids.iter().map(|id| (*id, T::made(*id))).collect()
    }

    #[cache_on_arguments(region = GENERIC)]
    fn find(&self, id: u64) -> T {
        self.log.note(T::NAME, id);
        T::made(id)
    }

    #[cache_multi_on_arguments(entries_of = Self::find)]
    fn find_some(&self, ids: &[u64]) -> BTreeMap<u64, T> {
        self.log.note(T::NAME, ids);
        ids.iter().map(|id| (*id, T::made(*id))).collect()
    }

    #[cache_multi_on_arguments(region = GENERIC)]
    async fn shown<D: Display + KeyPart + Clone>(&self, ids: &[u64], by: D) -> Vec<(T, String)> {
        self.log.note(&by.to_string(), ids);
        ids.iter().map(|id| (T::made(*id), by.to_string())).collect()
    }
}

#[test]
fn methods_of_a_generic_type_have_entries_for_each_instantiation() {
    let (users, posts) = (Repo::<User>::new(), Repo::<Post>::new());
    assert_eq!(users.find_all(&[1, 2])[&2], User(2));
    assert_eq!(posts.find_all(&[1, 2])[&2], Post(102));
    assert_eq!(users.find_all(&[2, 3])[&3], User(3));
    assert_eq!(
        (users.log.take().join(", "), posts.log.take().join(", ")),
        ("user [1, 2], user [3]".to_owned(), "post [1, 2]".to_owned())
    );
    Repo::<User>::find_all_invalidate(&[1, 2]).unwrap();
    assert_eq!(
        (Repo::<User>::find_all_get(&[1, 2, 3]).unwrap().len(), Repo::<Post>::find_all_get(&[1, 2]).unwrap().len()),
        (1, 2)
    );
    Repo::find_all_set([(1, User(9))]).unwrap();
    assert_eq!(Repo::<User>::find_all_entry(1).get().unwrap(), Some(User(9)));

    assert_eq!(users.find(1), User(1));
    assert_eq!(users.find_some(&[1, 2])[&2], User(2));
    assert_eq!(posts.find_some(&[1])[&1], Post(101));
    assert_eq!(
        (users.log.take().join(", "), posts.log.take().join(", ")),
        ("user 1, user [2]".to_owned(), "post [1]".to_owned())
    );

    pollster::block_on(async {
        assert_eq!(users.shown(&[1], "a").await, [(User(1), "a".to_owned())]);
        assert_eq!(users.shown(&[1, 2], "a").await.len(), 2);
        assert_eq!(users.shown(&[1], 7).await, [(User(1), "7".to_owned())]);
        assert_eq!(users.log.take(), ["a [1]", "a [2]", "7 [1]"]);
        assert_eq!(Repo::<User>::shown_get(&[2], "a").await.unwrap().len(), 1);
    });
}

#[test]
fn entries_can_be_those_of_an_instantiation() {
    #[cache_on_arguments(region = GENERIC, skip(log))]
    fn one<T: Entity>(log: &Log, id: u64) -> T {
        log.note(T::NAME, id);
        T::made(id)
    }

    #[cache_multi_on_arguments(entries_of = one::<T>, skip(log))]
    fn all<T: Entity>(log: &Log, ids: &[u64]) -> Vec<T> {
        log.note(T::NAME, ids);
        ids.iter().map(|id| T::made(*id)).collect()
    }

    let log = Log::default();
    assert_eq!((one::<User>(&log, 1), one::<Post>(&log, 2)), (User(1), Post(102)));
    assert_eq!(all::<User>(&log, &[1, 2]), [User(1), User(2)]);
    assert_eq!(all::<Post>(&log, &[1, 2]), [Post(101), Post(102)]);
    assert_eq!(log.take(), ["user 1", "post 2", "user [2]", "post [1]"]);
    all::invalidate::<User>(&[1]).unwrap();
    assert_eq!((one::get::<User>(1).unwrap(), one::get::<Post>(1).unwrap()), (None, Some(Post(101))));
}

#[test]
fn futures_of_methods_can_be_sent() {
    fn sent<T: Send>(future: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> T {
        pollster::block_on(future)
    }

    let users = Users::default();
    assert_eq!(sent(Box::pin(users.load_all(&[71], 1))), Ok(vec![71]));
    assert_eq!(sent(Box::pin(users.all_of_mine(&[71]))), [71]);
    assert_eq!(sent(Box::pin(users.all_later(&[71]))), Ok(vec![71]));
}
