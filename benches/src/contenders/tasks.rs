//! `async fn(u64) -> u64`, under tokio, beside the same function without `async`.

use std::convert::Infallible;
use std::hint::black_box;

use cached::macros::{cached, concurrent_cached};
use cachekit::{Region, cache_on_arguments, regions};
use hitbox::policy::PolicyConfig;
use hitbox_fn::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use super::{Contender, DEFAULT_CAPACITY, Role, TTL, ours, size};
use crate::measure::{Walk, jump};

regions! {
    static TASKS = Region::builder("tasks").ttl(TTL);
}

/// The same function for each way to cache it.
macro_rules! squares {
    ($($(#[$attribute:meta])+ $name:ident;)+) => {$(
        $(#[$attribute])+
        async fn $name(n: u64) -> u64 {
            n.wrapping_mul(n)
        }
    )+};
}

squares! {
    #[cache_on_arguments(region = TASKS)] ours_async;
    #[cached] cached_plain;
    #[cached(ttl_secs = 3600)] cached_ttl;
    #[concurrent_cached(ttl_secs = 3600)] concurrent_ttl;
}

/// What hitbox knows as a key and as a value: types with these traits.
#[derive(Clone, KeyExtract)]
struct Number(u64);

#[derive(Clone, Serialize, Deserialize, CacheableResponse)]
struct Square {
    square: u64,
}

#[hitbox_fn::cached]
async fn hitbox(n: Number) -> Result<Square, Infallible> {
    Ok(Square { square: n.0.wrapping_mul(n.0) })
}

#[cache_on_arguments(region = TASKS)]
fn ours_sync(n: u64) -> u64 {
    n.wrapping_mul(n)
}

type Quick = quick_cache::sync::Cache<u64, u64>;
type Memory = hitbox_fn::Cache<hitbox_moka::MokaBackend>;

/// A contender whose calls are those of a task on a runtime of the thread's own.
fn task<R, F>(name: &'static str, role: Role, call: impl Fn(u64) -> F + Send + Sync + 'static) -> Contender
where
    F: Future<Output = R>,
{
    let run = move |walk| {
        let runtime = Builder::new_current_thread().build().expect("a runtime needs nothing");
        runtime.block_on(async {
            match walk {
                Walk::Each(keys) => {
                    for key in keys {
                        black_box(call(black_box(key)).await);
                    }
                }
                Walk::Around { keys, from, calls } => {
                    for n in from..from + calls {
                        black_box(call(black_box(jump(n, keys))).await);
                    }
                }
            }
        });
    };
    Contender { name, role, room: u64::MAX, of_the_thread: false, run: Box::new(run) }
}

pub(crate) fn contenders() -> Vec<Contender> {
    // They live as long as the program, as statics would: no call counts references.
    let moka = moka::future::Cache::builder().max_capacity(DEFAULT_CAPACITY).time_to_live(TTL).build();
    let moka: &'static moka::future::Cache<u64, u64> = Box::leak(Box::new(moka));
    let quick: &'static Quick = Box::leak(Box::new(Quick::new(size(DEFAULT_CAPACITY))));
    let entries = hitbox_moka::MokaBackend::builder().max_entries(DEFAULT_CAPACITY).build();
    let policy = PolicyConfig::builder().ttl(TTL).build();
    let memory: &'static Memory =
        Box::leak(Box::new(hitbox_fn::Cache::builder().backend(entries).policy(policy).build()));
    let peer = |ttl| Role::Peer { ttl };
    vec![
        ours("cachekit, ttl, fn", ours_sync),
        task("cachekit, ttl, async fn", Role::Ours, ours_async),
        task("cached #[cached], ttl", peer(true), cached_ttl),
        task("cached #[concurrent_cached], ttl", peer(true), concurrent_ttl),
        task("moka get, ttl", peer(true), move |n| async move {
            match moka.get(&n).await {
                Some(value) => value,
                None => moka.get_with(n, async { n.wrapping_mul(n) }).await,
            }
        }),
        task("hitbox #[cached], ttl", peer(true), move |n| async move {
            let Ok(square) = hitbox(Number(n)).cache(memory).await;
            square.square
        }),
        task("cached #[cached]", peer(false), cached_plain),
        task("quick_cache get_or_insert_async", peer(false), move |n| async move {
            quick.get_or_insert_async(&n, async { Ok::<_, Infallible>(n.wrapping_mul(n)) }).await
        }),
    ]
}
