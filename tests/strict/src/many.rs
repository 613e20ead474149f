//! Functions of many keys, of every shape.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, ready};
use std::hash::{BuildHasherDefault, Hash};
use std::io;
use std::sync::Arc;

use cachekit::{KeyPart, cache_multi_on_arguments, cache_on_arguments};

use crate::arguments::Db;

/// Keys that are borrowed, values in their order.
#[cache_multi_on_arguments(region = "strict")]
#[must_use]
pub fn lengths(names: &[&str]) -> Vec<usize> {
    names.iter().map(|name| name.len()).collect()
}

/// Named lifetimes, and a map by owned keys.
#[cache_multi_on_arguments(region = crate::STRICT, ttl = "1h")]
#[must_use]
pub fn owned<'a>(names: &'a [&'a str], suffix: &'a str) -> BTreeMap<String, String> {
    names.iter().map(|name| ((*name).to_owned(), format!("{name}{suffix}"))).collect()
}

/// A map with a hasher of its own.
#[cache_multi_on_arguments(region = "strict", namespace = "hashed", version = 2)]
#[must_use]
pub fn hashed(ids: &[u64]) -> HashMap<u64, Option<String>, BuildHasherDefault<DefaultHasher>> {
    ids.iter().map(|id| (*id, (*id > 5).then(|| id.to_string()))).collect()
}

/// Patterns, and arguments by the names that generated code would like to have.
#[cache_multi_on_arguments(region = "strict")]
#[must_use]
pub fn patterns(mut entries: u64, (a, _): (u64, u8), keys: &[u64], entry: bool, _: u8, new_entries: u8) -> Vec<u64> {
    entries += a + u64::from(entry) + u64::from(new_entries);
    keys.iter().map(|key| key + entries).collect()
}

/// Raw identifiers, tags that name a key, and a callback.
#[cache_multi_on_arguments(region = "strict", skip(r#fn), tags = ["type {type}", "types"])]
#[must_use]
pub fn r#match(r#type: &[u8], r#fn: fn(u8) -> u8) -> Vec<u8> {
    r#type.iter().map(|r#type| r#fn(*r#type)).collect()
}

/// Expressions that form the key, of more arguments than clippy likes.
#[cache_multi_on_arguments(region = "strict", key(db.asked, ids, two.0), should_cache = |value: &u64| *value > 0)]
#[must_use]
pub fn expressions(db: &Db, ids: &[u64], two: (u8, u8), three: u8, four: u8, five: u8, six: u8) -> Vec<u64> {
    let sum = db.asked + u64::from(two.0 ^ three ^ four ^ five ^ six);
    ids.iter().map(|id| id + sum).collect()
}

/// An error that is not `Clone`, and a `Result` by another name.
///
/// # Errors
///
/// Where there is no page.
#[cache_multi_on_arguments(region = "strict", share_error = |error| io::Error::from(error.kind()), error_ttl = "1s")]
pub fn fallible(paths: &[Arc<str>], page: Option<&u32>) -> io::Result<HashMap<Arc<str>, u32>> {
    let page = page.copied().ok_or(io::ErrorKind::NotFound)?;
    Ok(paths.iter().map(|path| (Arc::clone(path), page)).collect())
}

/// Keys of several parts, hidden companions, values that stay here.
#[cache_multi_on_arguments(region = "strict", companion = none, in_memory)]
#[must_use]
pub fn hidden(pairs: &[(u64, &'static str)]) -> Vec<Arc<str>> {
    pairs.iter().map(|(id, name)| format!("{name}{id}").into()).collect()
}

/// The function whose entries others share.
#[cache_on_arguments(region = "strict", skip(db))]
pub async fn one(db: &Db, id: u64) -> String {
    ready(format!("{} {id}", db.asked)).await
}

/// Calls of one key are gathered for it.
#[cache_multi_on_arguments(entries_of = one, skip(db), coalesce = "2ms")]
pub async fn gathered(db: &Db, ids: &[u64]) -> HashMap<u64, String> {
    ready(ids.iter().map(|id| (*id, format!("{} {id}", db.asked))).collect()).await
}

/// The entries of a function by a path, another name for the companions.
#[cache_multi_on_arguments(region = "strict", entries_of = crate::futures::plain, companion = All, skip(_db, _log))]
#[deprecated = "Write `gathered`."]
pub async fn by_path<'d>(_db: &'d Db, ids: &'d [u64], _log: &'d (dyn Fn(&str) + Sync)) -> Vec<u64> {
    ready(ids.to_vec()).await
}

/// Many keys in a task, with an error.
///
/// # Errors
///
/// Never.
#[cache_multi_on_arguments(region = "strict")]
pub(crate) async fn private(
    first: &str,
    ids: &[String],
) -> Result<BTreeMap<String, (u8, String)>, Box<dyn std::error::Error + Send + Sync>> {
    ready(Ok(ids.iter().map(|id| (id.clone(), (1, format!("{first}{id}")))).collect())).await
}

/// A map by another name.
pub type Lengths = BTreeMap<String, usize>;

/// Borrowed keys, and a map by another name.
#[cache_multi_on_arguments(region = "strict", tags = ["name:{names}"])]
#[must_use]
pub fn aliased(names: &[&str], _page: Option<&str>) -> Lengths {
    names.iter().map(|name| ((*name).to_owned(), name.len())).collect()
}

/// A `Result` by another name.
pub type Loaded = Result<Vec<(u8, String)>, std::fmt::Error>;

/// Keys of several parts, and a `Result` by another name.
///
/// # Errors
///
/// Never.
#[cache_multi_on_arguments(region = "strict", result = true)]
pub async fn loaded(pairs: &[(u8, String)]) -> Loaded {
    ready(Ok(pairs.to_vec())).await
}

macro_rules! of_keys {
    ($name:ident($keys:ident: $ty:ty) -> $values:ty { $($body:tt)* }) => {
        /// A signature that a macro has written.
        #[cache_multi_on_arguments(region = "strict")]
        #[must_use]
        pub fn $name($keys: $ty) -> $values { $($body)* }
    };
}

of_keys!(generated(keys: &[char]) -> BTreeMap<char, u32> { keys.iter().map(|key| (*key, u32::from(*key))).collect() });

/// What only skipped arguments are of, without names and with.
#[cache_multi_on_arguments(region = "strict", skip(read, log))]
#[must_use]
pub fn unnamed<'k, L: Fn(&str)>(read: &impl Fn(&str) -> u64, names: &'k [&'k str], log: &L) -> Vec<u64> {
    names.iter().inspect(|name| log(name)).map(|name| read(name)).collect()
}

/// Keys of any type, and a map by them.
#[cache_multi_on_arguments(region = "strict")]
#[must_use]
pub fn any<'k, K, const N: usize>(keys: &'k [K], (first, _): &(K, &'k str)) -> HashMap<K, [K; N]>
where
    K: KeyPart + Hash + Eq + Clone + Send + Sync + 'static,
{
    keys.iter().map(|key| (key.clone(), std::array::from_fn(|_| first.clone()))).collect()
}

/// An instantiation that its author tells apart.
///
/// # Errors
///
/// Never.
#[cache_multi_on_arguments(region = "strict", key(std::any::type_name::<T>(), ids), tags = ["{ids}"])]
pub async fn named<T>(ids: &[u64]) -> Result<Vec<T>, String>
where
    T: From<u64> + Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
{
    ready(Ok(ids.iter().map(|id| T::from(*id)).collect())).await
}

/// In the background: borrowed keys, an argument by value and one by reference.
///
/// # Errors
///
/// Never.
#[cache_multi_on_arguments(region = "strict", ttl = "1m", stale_while_revalidate = "1m", skip(db))]
pub fn renewed<'n>(db: &Arc<Db>, names: &'n [&'n str], page: u8) -> Result<BTreeMap<String, u64>, io::Error> {
    Ok(names.iter().map(|name| ((*name).to_owned(), db.asked + u64::from(page))).collect())
}

/// In the background, as a task, of any type.
#[cache_multi_on_arguments(region = "strict", ttl = "1m", refresh_ahead = 0.9)]
pub async fn renewed_later<K>(_: &str, keys: &[K]) -> Vec<usize>
where
    K: KeyPart + Hash + Eq + Clone + Send + Sync + 'static,
{
    ready(vec![0; keys.len()]).await
}

/// The entries of another function, in the background.
#[cache_multi_on_arguments(entries_of = one, background, skip(db))]
pub async fn renewed_of_another(db: &Arc<Db>, ids: &[u64]) -> HashMap<u64, String> {
    ready(ids.iter().map(|id| (*id, format!("{} {id}", db.asked))).collect()).await
}

/// Methods of many keys.
#[derive(Clone, Debug, Default, KeyPart)]
pub struct Shelf {
    tenant: u64,
}

#[cachekit::methods]
impl Shelf {
    /// By reference.
    #[cache_multi_on_arguments(region = "strict", tags = ["shelf:{ids}"])]
    #[must_use]
    pub fn by_reference(&self, ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, self.tenant + id)).collect()
    }

    /// By value.
    #[cache_multi_on_arguments(region = "strict")]
    #[must_use]
    pub fn by_value(mut self, ids: &[u64]) -> Vec<u64> {
        self.tenant += 1;
        ids.iter().map(|id| self.tenant + id).collect()
    }

    /// Asynchronous, by a counted reference, with `self` in the key, and borrowed keys.
    ///
    /// # Errors
    ///
    /// Never.
    #[cachekit::cache_multi_on_arguments(region = "strict", key(self.tenant, names), ttl = Self::ttl())]
    pub async fn later(self: Arc<Self>, names: &[&str]) -> Result<BTreeMap<String, usize>, String> {
        ready(Ok(names.iter().map(|name| ((*name).to_owned(), name.len())).collect())).await
    }

    fn ttl() -> std::time::Duration {
        std::time::Duration::from_secs(60)
    }

    /// No receiver, more arguments than clippy likes, and names that generated code would like to have.
    #[cache_multi_on_arguments(region = "strict", in_memory, companion = lot)]
    #[must_use]
    pub fn without(ids: &[u64], entries: u8, one: u8, two: u8, three: u8, four: u8, five: u8) -> Vec<Self> {
        let sum = u64::from(entries ^ one ^ two ^ three ^ four ^ five);
        ids.iter().map(|id| Self { tenant: id + sum }).collect()
    }

    /// One of them.
    #[cache_on_arguments(region = "strict", key(self.tenant, id))]
    #[must_use]
    pub fn one(&self, id: u64) -> u64 {
        self.tenant + id
    }

    /// The entries of a method that depend on `self`.
    #[cache_multi_on_arguments(entries_of = self.one)]
    #[must_use]
    pub fn ones(&self, ids: &[u64]) -> Vec<u64> {
        ids.iter().map(|id| self.tenant + id).collect()
    }

    /// In the background, and `self` with it.
    #[cache_multi_on_arguments(region = "strict", background)]
    #[must_use]
    pub fn renewed(&self, names: &[&str], by: &Self) -> Vec<u64> {
        names.iter().map(|_| self.tenant + by.tenant).collect()
    }

    /// The same, as a task.
    #[cache_multi_on_arguments(region = "strict", background, key(self.tenant, ids))]
    pub async fn renewed_later(self: Arc<Self>, ids: &[u64], _log: fn(&str)) -> Vec<u64> {
        ready(ids.to_vec()).await
    }

    #[cache_multi_on_arguments(region = "strict")]
    fn private(&self, r#type: &[u64]) -> Vec<u64> {
        r#type.iter().map(|r#type| self.tenant + r#type).collect()
    }

    /// Uses what is private.
    #[must_use]
    pub fn uses(&self) -> Vec<u64> {
        self.private(&[1])
    }
}

/// Methods of a type with parameters.
#[derive(Debug)]
pub struct Store<'a, T> {
    /// What it makes values of.
    pub of: &'a T,
}

#[cachekit::methods]
impl<'a, T: Clone + Send + Sync + 'static> Store<'a, T> {
    /// Of any type.
    #[cache_multi_on_arguments(region = "strict")]
    #[must_use]
    pub fn all(&self, ids: &[u64], _: &'a str) -> HashMap<u64, T> {
        ids.iter().map(|id| (*id, self.of.clone())).collect()
    }
}

/// Methods of many keys of traits.
pub trait Shelves {
    /// Threads.
    fn shelves(&self, ids: &[u64]) -> Vec<u64>;
    /// Tasks.
    fn shelves_later(&self, ids: &[u64]) -> impl Future<Output = Result<Vec<u64>, String>> + Send;
}

impl Shelves for Shelf {
    #[cache_multi_on_arguments(region = "strict", owner = Shelf, companion = none, tags = ["shelf:{ids}"])]
    fn shelves(&self, ids: &[u64]) -> Vec<u64> {
        if self.tenant == 0 {
            return ids.to_vec();
        }
        ids.iter().map(|id| self.tenant + id).collect()
    }

    #[cache_multi_on_arguments(region = "strict", companion = none, key(self.tenant, ids))]
    async fn shelves_later(&self, ids: &[u64]) -> Result<Vec<u64>, String> {
        let first = ids.first().ok_or("none")?;
        ready(Ok(ids.iter().map(|id| first + id).collect())).await
    }
}

/// Uses every companion.
///
/// # Errors
///
/// Those of the region.
pub async fn companions(db: &Db) -> Result<(), cachekit::Error> {
    drop::<HashMap<String, usize>>(lengths::get(&["a"])?);
    lengths::set([("a", 1)])?;
    lengths::invalidate(&["a"])?;
    lengths::expire(&["a"])?;
    drop::<Vec<usize>>(lengths::refresh(&["a"]));
    drop::<Vec<usize>>(lengths::original(&["a"]));
    drop::<HashMap<String, String>>(owned::get(&["a"], "b")?);
    owned::set("b", [("a", String::new())])?;
    hashed::set(HashMap::from([(1, None)]))?;
    patterns::set(1, (1, 1), true, 1, 1, [(5, 6)])?;
    r#match::invalidate(&[1])?;
    expressions::set(db, (1, 1), [(1, 2)])?;
    drop::<HashMap<Arc<str>, u32>>(fallible::get(&["a".into()], Some(&1))?);
    gathered::set([(1, String::new())]).await?;
    drop::<HashMap<u64, u64>>(All::get(&[1]).await?);
    drop::<HashMap<u64, String>>(gathered::refresh(db, &[1]).await);
    private::expire("a", &[String::new()]).await?;
    drop(private("a", &[String::new()]).await);
    generated::invalidate(&['a'])?;
    drop::<HashMap<String, usize>>(aliased::get(&["a"], None)?);
    drop::<HashMap<(u8, String), (u8, String)>>(loaded::get(&[(1, String::new())]).await?);
    drop::<HashMap<String, u64>>(unnamed::get(&["a"])?);
    drop::<HashMap<u8, [u8; 2]>>(any::get::<_, 2>(&[1], &(1, ""))?);
    named::set([(1, 1_u64)]).await?;
    drop::<HashMap<u64, u64>>(Shelf::by_reference_get(&[1])?);
    Shelf::by_value_set([(1, 2)])?;
    Arc::new(Shelf::default()).later_set([("a", 1)]).await?;
    Shelf::lot_invalidate(&[1], 1, 2, 3, 4, 5, 6)?;
    Shelf::default().ones_expire(&[1])?;
    drop::<HashMap<u64, u8>>(Store::all_get(&[1], "")?);
    Ok(())
}
