//! Methods of every shape.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use cachekit::cache_on_arguments;

/// Methods of a plain type.
#[derive(Clone, Debug, Default)]
pub struct Repo {
    tenant: u64,
}

#[cachekit::methods]
impl Repo {
    /// Makes one.
    #[must_use]
    pub fn new(tenant: u64) -> Self {
        Self { tenant }
    }

    /// By reference.
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    pub fn by_reference(&self, id: u64) -> u64 {
        self.tenant + id
    }

    /// By a reference that can change it.
    #[cache_on_arguments(region = "strict")]
    pub fn by_mutable_reference(&mut self, id: u64) -> u64 {
        self.tenant += id;
        self.tenant
    }

    /// By value.
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    pub fn by_value(self, id: u64) -> u64 {
        self.tenant + id
    }

    /// By value that can change.
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    pub fn by_mutable_value(mut self, id: u64) -> u64 {
        self.tenant += id;
        self.tenant
    }

    /// By a counted reference.
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    pub fn counted(self: Arc<Self>, id: u64) -> u64 {
        self.tenant + id
    }

    /// By a reference to a counted reference.
    #[cache_on_arguments(region = "strict", key(self.tenant, id))]
    #[must_use]
    pub fn counted_reference(self: &Arc<Self>, id: u64) -> u64 {
        self.tenant + id
    }

    /// Pinned.
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    pub fn pinned(self: Pin<&mut Self>, id: u64) -> u64 {
        self.tenant + id
    }

    /// No receiver, and `Self` everywhere.
    #[cache_on_arguments(region = "strict", in_memory, should_cache = |found| found.as_ref().is_some_and(Self::is_some), ttl = Self::ttl())]
    #[must_use]
    pub fn without(id: u64) -> Option<Self> {
        let found: Self = Self::new(id);
        Some(found).filter(Self::is_some)
    }

    fn is_some(&self) -> bool {
        self.tenant > 0
    }

    fn ttl() -> std::time::Duration {
        std::time::Duration::from_secs(60)
    }

    /// Asynchronous.
    ///
    /// # Errors
    ///
    /// Never.
    #[cachekit::cache_on_arguments(region = "strict", tags = ["id:{id}"])]
    pub async fn later(&self, id: u64, (name, _): (&str, u8)) -> Result<u64, String> {
        std::future::ready(Ok(self.tenant + id)).await.map_err(|_: String| name.to_owned())
    }

    /// In the background.
    #[cache_on_arguments(region = "strict", background, key(self.tenant, name.len()))]
    #[must_use]
    pub fn renewed(&self, name: &str) -> u64 {
        self.tenant + name.len() as u64
    }

    /// In the background, as a task.
    ///
    /// # Errors
    ///
    /// Never.
    #[cache_on_arguments(region = "strict", refresh_ahead = 0.9, ttl = "1m")]
    pub async fn renewed_later(self: Arc<Self>, id: u64) -> Result<u64, String> {
        std::future::ready(Ok(self.tenant + id)).await
    }

    #[cache_on_arguments(region = "strict")]
    fn private(&self, r#type: u64) -> u64 {
        self.tenant + r#type
    }

    #[cache_on_arguments(region = "strict", companion = lookup)]
    pub(crate) fn r#match(&self, id: u64, [first, ..]: [u8; 2], _: &str, mut more: u8) -> u64 {
        more += first;
        self.tenant + id + u64::from(more)
    }

    /// Hidden.
    #[doc(hidden)]
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    pub fn hidden(&self) -> u64 {
        self.tenant
    }

    /// Not there.
    #[cfg(any())]
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    pub fn configured(&self, id: NoSuchType) -> u64 {
        self.tenant
    }

    /// Not there either, which is said below.
    #[cache_on_arguments(region = "strict", tags = ["id:{id}"], background)]
    #[cfg(any())]
    #[must_use]
    pub fn configured_below(&self, id: NoSuchType) -> AnotherType {
        self.tenant
    }

    /// There.
    #[cfg_attr(all(), cache_on_arguments(region = "strict"))]
    #[must_use]
    pub fn conditional(&self, id: u64) -> u64 {
        self.tenant + id
    }

    /// Old.
    #[deprecated = "old"]
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    #[tracing::instrument(skip(self))]
    pub fn old(&self, id: u64) -> u64 {
        self.tenant + id
    }

    /// Wide.
    #[cache_on_arguments(region = "strict")]
    #[allow(clippy::too_many_arguments)]
    #[must_use]
    pub fn wide(&self, one: u8, two: u8, three: u8, four: u8, five: u8, six: u8, seven: u8) -> u8 {
        one ^ two ^ three ^ four ^ five ^ six ^ seven
    }

    /// Calls itself.
    #[cache_on_arguments(region = "strict", key(format!("{}:{n}", self.tenant)))]
    #[must_use]
    pub fn recursive(&self, n: u64) -> u64 {
        if n < 2 { n } else { self.recursive(n - 1) + self.recursive(n - 2) }
    }

    /// Without companions.
    #[cache_on_arguments(region = "strict", companion = none)]
    #[must_use]
    pub fn alone(&self, id: u64) -> Option<u64> {
        if id == 0 {
            return None;
        }
        Some(self.tenant + id)
    }
}

/// The owner is named.
#[derive(Debug)]
pub struct Named;

impl Named {
    /// A method.
    #[cache_on_arguments(region = "strict", owner = Named)]
    #[must_use]
    pub fn find(&self, id: u64) -> u64 {
        id
    }
}

/// What a macro makes.
#[derive(Debug)]
pub struct Made;

macro_rules! made {
    ($owner:ty, $($name:ident: $value:ty),*) => {
        #[cachekit::methods]
        impl $owner {
            $(
                /// Made by a macro.
                #[cache_on_arguments(region = "strict", key(self.id(), id))]
                #[must_use]
                pub fn $name(&self, id: $value) -> $value {
                    id
                }
            )*

            fn id(&self) -> usize {
                std::mem::size_of_val(self)
            }
        }
    };
}

made!(Made, first: u8, second: u16);

/// A lifetime.
#[derive(Clone, Copy, Debug)]
pub struct Lent<'a>(pub &'a str);

#[cachekit::methods]
impl<'a> Lent<'a> {
    /// Beside the one of the type.
    #[cache_on_arguments(region = "strict", skip(other))]
    #[must_use]
    pub fn length(&self, more: &'a str, other: &str) -> usize {
        self.0.len() + more.len() + other.len()
    }
}

/// Parameters of every kind.
#[derive(Clone, Debug)]
pub struct Shelf<'a, T, const N: usize> {
    items: &'a [T; N],
}

#[cachekit::methods]
impl<'a, T, const N: usize> Shelf<'a, T, N>
where
    T: Clone + Debug + Send + Sync + 'static,
{
    /// Makes one.
    #[must_use]
    pub fn new(items: &'a [T; N]) -> Self {
        Self { items }
    }

    /// One of them.
    #[cache_on_arguments(region = "strict")]
    #[must_use]
    pub fn item(&self, at: usize) -> Option<T> {
        self.items.get(at).cloned()
    }

    /// All of them, later.
    #[cache_on_arguments(region = "strict")]
    pub async fn all(&self) -> Vec<T> {
        std::future::ready(self.items.to_vec()).await
    }

    /// With a parameter of its own.
    ///
    /// # Errors
    ///
    /// Where there is nothing.
    #[cache_on_arguments(region = "strict", key(N, at))]
    pub fn shown<S: From<usize> + AsRef<str>>(&self, at: usize, nothing: S) -> Result<String, S> {
        self.items.get(at).map(|item| format!("{item:?}")).ok_or(nothing)
    }
}

/// A trait.
pub trait Source {
    /// What it has.
    type Item: Clone + Send + Sync + 'static;

    /// One of them.
    fn one(&self, id: u64) -> Option<Self::Item>;

    /// One of them, later.
    fn one_later(&self, id: u64) -> impl Future<Output = Option<Self::Item>> + Send;

    /// Made of nothing.
    fn made(id: u64) -> Self;
}

impl<T: Clone + Send + Sync + 'static> Source for Vec<T> {
    type Item = T;

    #[cache_on_arguments(region = "strict", companion = none)]
    fn one(&self, id: u64) -> Option<T> {
        let at = usize::try_from(id).ok()?;
        self.get(at).cloned()
    }

    #[cache_on_arguments(region = "strict", companion = none, tags = ["id:{id}"])]
    async fn one_later(&self, id: u64) -> Option<Self::Item> {
        let at = usize::try_from(id).ok()?;
        std::future::ready(self.get(at).cloned()).await
    }

    #[cache_on_arguments(region = "strict", companion = none)]
    fn made(id: u64) -> Self {
        Self::with_capacity(usize::try_from(id).unwrap_or_default())
    }
}

/// In a function's body.
#[must_use]
pub fn in_a_body(n: u64) -> u64 {
    struct Inner<T>(T);

    #[cachekit::methods]
    impl<T: Copy + Into<u64>> Inner<T> {
        #[cache_on_arguments(region = "strict")]
        fn doubled(&self, n: u64) -> u64 {
            n * self.0.into()
        }
    }
    Inner(2_u8).doubled(n)
}

/// Uses them.
///
/// # Errors
///
/// Those of the region.
pub fn used(repo: &Repo) -> Result<u64, cachekit::Error> {
    Repo::by_reference_entry(1).invalidate()?;
    Repo::lookup_entry(1, [1, 2], "", 3).invalidate()?;
    Shelf::<u8, 2>::item_entry(1).invalidate()?;
    Ok(repo.private(1) + repo.r#match(1, [1, 2], "", 3))
}
