//! The attribute and derive macros of cachekit.
//!
//! Use them through the crate `cachekit`, which re-exports them and has what they expand to.
//!
//! One pipeline, one verb per file: `args` and `item` parse, `model` means, `validate` judges, `expand` writes,
//! `fallback` stands in. What this crate deliberately does not have: caching. Every expansion is one call into
//! `cachekit::__private`, whose version is pinned to this one's.
#![forbid(unsafe_code)]

// Parse.
mod ahead;
mod args;
mod duration;
mod item;
mod methods;
mod owner;
mod tag;

// Mean.
mod argument;
mod entries;
mod generics;
mod lifetimes;
mod many;
mod mention;
mod model;
mod output;
mod owning;

// Judge.
mod errors;
mod validate;

// Write.
mod attrs;
mod expand;
mod fallback;
mod hygiene;

// The derive macro is small enough to do all of it.
mod key_part;

use proc_macro::TokenStream;

/// Caches what a function returns, by its arguments.
///
/// The function is called as before. Beside it stands a type of the same name and visibility, with functions that read,
/// replace, renew and forget single entries.
///
/// ```text
/// use cachekit::{Region, cache_on_arguments, regions};
///
/// regions! {
///     static USERS = Region::builder("users").ttl(Duration::from_secs(300));
/// }
///
/// #[cache_on_arguments(region = USERS, skip(db))]
/// fn load_user(db: &Db, id: u64) -> User {
///     db.query(id)
/// }
///
/// load_user(&db, 5);                         // computed once, then from the cache
/// load_user::get(5)?;                        // Option<User>: never computes
/// load_user::set(5, user)?;                  // the value comes last
/// load_user::invalidate(5)?;                 // forget it
/// load_user::expire(5)?;                     // renewed by the next caller, the others are served the old value
/// load_user::refresh(&db, 5);                // compute now, and store
/// load_user::fetch(&db, 5);                  // the call, with where the value came from
/// load_user::with(|o| o.no_store(), &db, 5); // the call, with options of its own
/// load_user::original(&db, 5);               // past the cache
/// load_user::key(5);                         // what a backend knows it by
/// load_user::entry(5);                       // a handle
/// ```
///
/// Companions that need only the key take the arguments that form it; `refresh`, `fetch`, `with` and `original` take them
/// all. Those of an `async fn` are `async`, except `key` and `entry`.
/// The type implements `cachekit::CachedFn`. Documentation links to the function with parentheses, ``[`load_user()`]``,
/// as the name alone is the type's too.
///
/// # Arguments
///
/// Every argument that forms the key implements `cachekit::KeyPart`. Any pattern will do; where it is more than a name,
/// companions have a name made of it. Lifetimes are no part of the key.
///
/// # Values
///
/// A value is `Clone + Send + Sync + 'static`, at least as visible as the function, and `Serialize + DeserializeOwned`
/// unless the attribute says `in_memory`.
///
/// Of a `Result` only `Ok` values are kept. The error reaches every caller that was waiting for it if it is
/// `Clone + Send + Sync + 'static`, or if `share_error` says how; otherwise those callers compute for themselves.
/// A return type counts as a `Result` if its name is `Result`, or `…Result` with a type argument (the value), as in
/// `io::Result<String>`; `result` overrides this. An `Option` is kept as it is, `None` too.
///
/// # Options
///
/// | option | meaning | default |
/// |---|---|---|
/// | `region = "users"`, `region = PATH` | where values are kept: a region by name, found when the program runs, or the `static` that `regions!` declares, checked by the compiler | required |
/// | `ttl = "10m"`, `ttl = EXPRESSION` | time to live: text such as `"1h 30s"` or `"250ms"`, read while compiling, or an expression of type `Duration`, evaluated when it is needed | the region's |
/// | `ttl_of = PATH`, `ttl_of = CLOSURE` | `Fn(&T) -> Duration` or `Fn(&T) -> Option<Duration>`: the time to live of this value; `None` is the function's, `Duration::ZERO` does not keep it | none |
/// | `stale_while_revalidate = "2m"` | how long past its ttl a value is served at once, while it is renewed in the background | the region's |
/// | `stale_if_error = "6h"` | how long past its ttl a value is served where the function fails | the region's, or not at all |
/// | `refresh_ahead = 0.9`, `refresh_ahead = "xfetch"`, `refresh_ahead = EXPRESSION` | a hit after this fraction of the ttl, or at random the more likely the nearer its end, has the value renewed in the background; an expression is of type `f64` or `RefreshAhead` | the region's, or not at all |
/// | `background` | renewals that the region asks for run in the background too; the two options above imply it | off: one caller renews |
/// | `jitter = 0.1` | lengthens each ttl by a random fraction up to this | the region's, or 0 |
/// | `error_ttl = "5s"` | how long an error is returned again without a computation; it is `Clone`, or `share_error` says how to copy it | not at all |
/// | `wait_timeout = "2s"` | the longest that a caller waits for another's computation; then it is served the old value, or computes for itself | the region's, or no limit |
/// | `deadline = "30s"` | a computation older than this no longer holds others up: the next caller starts its own | the region's, or 60 s |
/// | `namespace = "v1"` | text that is part of the key, to tell apart what would otherwise be alike | none |
/// | `version = 3` | a number that is part of the key: raise it when values change their meaning | the region's, or none |
/// | `skip(db, log)` | arguments that are no part of the key | none |
/// | `key(org.id, page)` | the expressions that form the key, in place of all arguments; arguments are references there | all arguments |
/// | `key_generator = PATH` | `fn(&cachekit::KeyContext<'_>) -> String` that makes the key | the region's, or none |
/// | `should_cache = PATH`, `should_cache = CLOSURE` | `fn(&T) -> bool`; a value that it rejects is returned and not kept | every value |
/// | `share_error = PATH`, `share_error = CLOSURE` | `fn(&E) -> E`, for errors that are not `Clone` | `Clone`, if `E` has it |
/// | `tags = ["user:{id}", "all-users"]` | names under which `invalidate_tag` of the region forgets entries; each may hold arguments that form the key, as `format!` shows them | none |
/// | `result = true`, `result = false` | whether the return type is a `Result` | by its name |
/// | `in_memory` | values never leave the process and need no serde | off |
/// | `owner = Type` | the type whose method this is, where `#[cachekit::methods]` does not say it | none |
/// | `companion = Name`, `companion = none` | another name for the type beside the function, or no such type; of a method, what the names of its siblings begin with, or no siblings | the function's name |
/// | `crate = PATH` | where `cachekit` is, for crates that re-export it | `::cachekit` |
///
/// Paths and closures cannot capture anything: they are evaluated apart from any call.
///
/// # Methods
///
/// ```text
/// #[cachekit::methods]
/// impl UserRepo {
///     #[cache_on_arguments(region = "users")]
///     async fn find(&self, id: u64) -> Result<User, DbError> { … }
///
///     #[cache_on_arguments(region = "users", key(self.tenant, id))]
///     fn of_tenant(&self, id: u64) -> User { … }
/// }
///
/// UserRepo::find_entry(5).invalidate().await?;     // get, set, invalidate, expire, peek, key
/// repo.find_refresh(5).await?;                     // compute now, and store
/// repo.find_original(5).await?;                    // past the cache
/// repo.of_tenant_entry(5).invalidate()?;           // the key needs `self`, and so does the entry
/// ```
///
/// `methods` stands above an inherent `impl`, generic or not, and tells each attribute in it whose method it is; for a type
/// without parameters `owner = UserRepo` in the attribute does the same. Every receiver will do, and none. `self` is no
/// part of the key unless `key(…)` mentions it. Keys have the name of the type, as in `app::UserRepo::find`.
///
/// In the implementation of a trait, and in the trait, `companion = none` is the way: the method is cached and has no
/// siblings. With `#[async_trait]` above the `impl` too, which has rewritten the method by the time this attribute sees it:
/// it reads the future in a box as an `async fn`. The attribute does not see whose method that is, so values stay in the
/// process, apart for each type, unless `owner = Type` or `key(…)` tells entries apart.
///
/// # Type parameters
///
/// Types and constants that an argument of the key, the value or a setting mentions tell entries apart, and so do those that
/// no argument mentions, and all of an `impl`. Where inference does not find them, companions are told:
/// `load::get::<User>(5)`. Parameters that only skipped arguments mention are no part of the companions.
///
/// A type has no text that lasts, so each instantiation has a table in the process, and values need no serde and go to no
/// backend, which `check` says where the region has one. With `key(T::NAME, id)` entries are stored like any others: whoever
/// forms the key tells types apart in it.
///
/// # Renewals in the background
///
/// A renewal in the background outlives the call that asks for it, so it works on copies of all arguments, skipped ones
/// too. An argument `T` is `Clone + Send + 'static`; of a plain reference `&T` a renewal keeps what `T::to_owned` makes:
/// a `String` for `&str`, a `Vec` for a slice, a clone for most others. Any other borrow, such as `Option<&str>` or
/// `&mut T`, is an error. `self` is an argument too: `self: Arc<Self>`, or `&self` of a type that is `Clone`. The error of a `Result` is `Send + 'static`, and the future of an `async fn` is `Send`.
///
/// Where that is too much, leave the three options out and set the region's: then one caller renews, while the others are
/// served the old value.
///
/// # Other attributes
///
/// Documentation, `#[must_use]`, `#[deprecated]` and `#[inline]` stay on the function, `#[cfg]` goes everywhere, and
/// attributes that change the body, such as `#[tracing::instrument]`, go with the body, above or below this one: they see
/// the calls that compute.
///
/// # Limits
///
/// * `const`, `unsafe` and `extern` functions are errors.
/// * `region`, `namespace` and `version` cannot mention type parameters, and generators make no keys of functions whose
///   instantiations have tables of their own.
/// * With `companion = none` on a method, attributes that change the body see every call, and nothing is renewed in the
///   background.
/// * A module, type or trait of the function's name is in the way of its companion: write `companion = Name`.
/// * A struct named `SearchResult<T>` looks like a `Result`: write `result = false`.
/// * An error type that hides a lifetime of the arguments (`Oops` for `Oops<'_>`) must show it.
/// * A tag names arguments, not their fields: with `key(org.id)`, `"org:{org.id}"` is an error.
#[proc_macro_attribute]
pub fn cache_on_arguments(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::cache_on_arguments(args.into(), &item.into()).into()
}

/// Caches what a function of many keys returns, by each of the keys.
///
/// Each key has an entry of its own, and is treated as a call of a function of one key would be; but what is looked up in
/// a backend is looked up together, and what is missing is computed in one call.
///
/// ```text
/// use cachekit::{Region, cache_multi_on_arguments, regions};
///
/// regions! {
///     static USERS = Region::builder("users").ttl(Duration::from_secs(300));
/// }
///
/// #[cache_multi_on_arguments(region = USERS, skip(db))]
/// fn load_users(db: &Db, ids: &[u64]) -> HashMap<u64, User> {
///     db.query("SELECT … WHERE id = ANY($1)", ids)
/// }
///
/// load_users(&db, &[1, 2]);             // asks for 1 and 2
/// load_users(&db, &[3, 2, 1, 3]);       // asks for 3
///
/// load_users::get(&[1, 2])?;            // HashMap<u64, User> of those that are there; never computes
/// load_users::set([(1, ann)])?;         // any iterator of keys and values; it comes last
/// load_users::invalidate(&[1, 2])?;     // forget them
/// load_users::expire(&[1, 2])?;         // renewed by the next caller, the others are served the old values
/// load_users::refresh(&db, &[1, 2]);    // compute all of them now, and store
/// load_users::original(&db, &[1, 2]);   // past the cache
/// ```
///
/// The signatures of the companions, each of them `async` for an `async fn`:
///
/// ```text
/// fn get(ids: &[u64]) -> Result<HashMap<u64, User>, cachekit::Error>
/// fn set(entries: impl IntoIterator<Item = (u64, User)>) -> Result<(), cachekit::Error>
/// fn invalidate(ids: &[u64]) -> Result<(), cachekit::Error>
/// fn expire(ids: &[u64]) -> Result<(), cachekit::Error>
/// fn refresh(db: &Db, ids: &[u64]) -> HashMap<u64, User>
/// fn original(db: &Db, ids: &[u64]) -> HashMap<u64, User>
/// ```
///
/// The first four take the arguments that form the key, `set` those beside the slice. There is no `key`, `entry`, `fetch`
/// or `with`: they are of one entry, and so of the function that `entries_of` names. (A method has a handle.)
///
/// # Arguments
///
/// The first argument that is a slice, `&[T]`, and that `skip` does not name, holds the keys. All others are part of every
/// key, or skipped. Every `T` is `KeyPart + Clone`, and `Hash + Eq` too where the function returns a `Vec`.
///
/// Keys that are equal are one: the function is asked for each key once, in the order of the call, and not at all where
/// there is nothing to ask for.
///
/// In `key(…)` and `tags` the name of the slice stands for one of the keys: `key(tenant.id, ids)`, `tags = ["user:{ids}"]`.
///
/// The function may be called more than once for one call: keys that another caller computes are waited for, and computed
/// here where that one is given up. So the other arguments are `Clone`, such as shared references; `&mut` is an error.
///
/// # Values
///
/// The return type says which value belongs to which key:
///
/// * `HashMap<K, V, S>` or `BTreeMap<K, V>`: by its keys. `K` is the type of the slice's items, or another one that is
///   `From` them and owned: `String` for `&[&str]`; it is `Hash + Eq`, as `get` gives a `HashMap`. What the function
///   leaves out is absent: it is not returned, nothing is stored, and the next call asks for it again. (Where that is too
///   often, `HashMap<K, Option<V>>` has a `None` to keep.) Keys that were not asked for are dropped.
/// * `Vec<V>`: one for each key that the function is handed, in their order. Another number of them is a panic, with a
///   message. A caller gets one value for each key that it has written, equal ones included.
/// * a `Result` of one of these: an error is the whole call's, and nothing is stored. It reaches those who wait for one of
///   the keys if it is `Clone + Send + Sync + 'static`, or if `share_error` says how; otherwise they compute for themselves.
///
/// `V` is `Clone + Send + Sync + 'static`, and `Serialize + DeserializeOwned` unless the attribute says `in_memory`.
///
/// # Options
///
/// Those of [`macro@cache_on_arguments`], where `T` is the type of one value, and these:
///
/// | option | meaning | default |
/// |---|---|---|
/// | `entries_of = PATH` | the entries are those of this function of one key | the function's own |
/// | `coalesce = "2ms"`, `coalesce = EXPRESSION` | with `entries_of`: calls of that function which come within this time are gathered into one of this one | off |
///
/// # The entries of another function
///
/// ```text
/// #[cache_on_arguments(region = USERS, ttl = "10m", skip(db))]
/// async fn load_user(db: &Db, id: u64) -> User { … }
///
/// #[cache_multi_on_arguments(entries_of = load_user, skip(db))]
/// async fn load_users(db: &Db, ids: &[u64]) -> HashMap<u64, User> { … }
/// ```
///
/// What one of the two has stored the other serves, and whoever invalidates an entry does so for both. Key, tags and
/// settings are made by the function of one key, so all options that concern them stand there: `ttl`, `tags`, `namespace`,
/// `should_cache` and so on, and the region, which may be left out here; where it is written it is that one, and `check`
/// says so where it is not (of a free function without type parameters; nothing compares that of others). Left are `skip`,
/// `share_error`, `result`, `background`, `companion`, `owner` and `crate`.
///
/// `load_user::entry` is called for each key with the arguments that form the key here, in their order and by value, so
/// they are of its types: a slice `&[u64]` for `id: u64`, `&[&str]` for `name: &str`. Values are of one type. One of the two
/// may be `async` and the other not.
///
/// The function may be a method: `entries_of = Self::find`, or `UserRepo::find` from elsewhere, and `entries_of = self.find`
/// where its entries depend on `self`. Of a function with type parameters name the instantiation: `load::<T>`.
///
/// # Methods
///
/// ```text
/// #[cachekit::methods]
/// impl UserRepo {
///     #[cache_multi_on_arguments(region = USERS)]
///     async fn find_all(&self, ids: &[u64]) -> Result<HashMap<u64, User>, DbError> { … }
/// }
///
/// repo.find_all(&[1, 2]).await?;
/// UserRepo::find_all_get(&[1, 2]).await?;             // likewise find_all_set, find_all_invalidate, find_all_expire
/// UserRepo::find_all_entry(1).invalidate().await?;    // a handle for one of them, unless `entries_of` is given
/// repo.find_all_refresh(&[1, 2]).await?;              // compute now, and store
/// repo.find_all_original(&[1, 2]).await?;             // past the cache
/// ```
///
/// What [`macro@cache_on_arguments`] says of methods holds here, `companion = none` in implementations of traits too.
/// `self` is no part of the keys unless `key(self.tenant, ids)` mentions it; then these siblings take it. The receiver is
/// `Clone` as all arguments are: `&self`, `self: Arc<Self>`; with `companion = none` it is `&self`.
///
/// # Type parameters
///
/// As of a function of one key: an instantiation has a table of its own in the process, unless `key(T::NAME, ids)` forms the
/// keys. Where inference does not find it, companions are told: `load::get::<User>(&[1])`. The slice may be one of a type
/// parameter, `&[K]`, which is `KeyPart + Clone + Hash + Eq`; an `impl Trait` has no name by which `get` could return it.
///
/// # Renewals in the background
///
/// With `background`, `stale_while_revalidate` or `refresh_ahead` keys that are due are served at once, and renewed in the
/// background by one call of the function for all of them, on copies of the keys and of all arguments, as
/// [`macro@cache_on_arguments`] says. What that call does not return is forgotten. Without one of the three the first
/// caller renews, in one call too, while the others are served the old values.
///
/// With `entries_of` the settings are those of the function of one key, and `background` says that this one renews in the
/// background where they, or the region, ask for renewals.
///
/// # Single calls, gathered
///
/// With `coalesce = "2ms"` a miss of `load_user(&db, 5).await` does not call the body of `load_user`: it waits for other
/// calls of it, and `load_users` is called for all keys that came within that time. Whoever asks for one key at a time, as
/// resolvers and loops over tasks do, causes one query and not one for each. A hit waits for nothing.
///
/// * Both functions are `async`, and the future of `load_users` is `Send`. `load_user` has one argument that forms the key,
///   which is owned, and no `key(…)`; all other arguments, of both, are shared references that `skip` names, in the same
///   order. Both return the same error, or none.
/// * The first who asks waits, and then calls the function for all, with its own other arguments: they are to be alike for
///   all callers. Where that one is given up, the others begin anew.
/// * The time passes by the region's clock. The system's coarse clock, which a region has if nothing is said, ticks every
///   1 to 10 ms, so less than that is one tick.
/// * For a key that `load_users` does not return the body of `load_user` is called.
/// * An error is everyone's who was gathered, as far as it can be shared; otherwise the others call the function for their
///   own key. A panic is everyone's.
/// * `load_users` may call `load_user` for other keys; for one of those that it is asked for, that is a panic with a message,
///   as it would wait for itself.
/// * One function of many keys gathers for a function of one key. Of two, one does, whichever is found first.
///
/// # What it costs
///
/// Hits in the process cost what they cost one by one. Of a backend all keys of a call are read in one round trip, and all
/// that are missing are computed, locked and stored in as many as one would be, however many they are; `expire` alone asks
/// for each. `docs/backends.md` has the numbers.
///
/// # Limits
///
/// * Those of [`macro@cache_on_arguments`].
/// * `coalesce` is for free functions of concrete types.
/// * There is one slice of keys: where there would be two, make them one of pairs.
#[proc_macro_attribute]
pub fn cache_multi_on_arguments(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::cache_multi_on_arguments(args.into(), &item.into()).into()
}

/// Tells the cached methods of an `impl` whose methods they are.
///
/// ```text
/// #[cachekit::methods]
/// impl UserRepo {
///     #[cache_on_arguments(region = "users")]
///     async fn find(&self, id: u64) -> Result<User, DbError> { … }
/// }
///
/// repo.find(5).await?;
/// UserRepo::find_entry(5).invalidate().await?;     // a handle, to read, replace, renew and forget
/// repo.find_refresh(5).await?;                     // compute now, and store
/// repo.find_original(5).await?;                    // past the cache
/// ```
///
/// See [`cache_on_arguments`] and [`cache_multi_on_arguments`], sections "Methods".
#[proc_macro_attribute]
pub fn methods(args: TokenStream, item: TokenStream) -> TokenStream {
    methods::methods(args.into(), &item.into()).into()
}

/// Makes a type usable as an argument that forms a key.
///
/// ```text
/// #[derive(cachekit::KeyPart)]
/// enum Selector {
///     Id(u64),
///     Named { first: String, last: String, #[key_part(skip)] note: String },
/// }
/// ```
///
/// A struct is the tuple of its fields; a struct of one unnamed field is that field, so `struct Id(u64)` makes the keys
/// of its number; a variant of an enum is its name and its fields. Every field is a `KeyPart`, and so is every type
/// parameter. Renaming a variant, or reordering fields, makes other keys.
///
/// * `#[key_part(skip)]` on a field: no part of the key.
/// * `#[key_part(crate = path)]` on the type: where `cachekit` is, for crates that re-export it.
///
/// A union is an error.
#[proc_macro_derive(KeyPart, attributes(key_part))]
pub fn key_part(input: TokenStream) -> TokenStream {
    key_part::key_part(input.into()).into()
}
