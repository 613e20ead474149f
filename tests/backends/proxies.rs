//! What stands between a region and its backend.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Put, Token};
use cachekit::testing::ManualClock;
use cachekit::{Key, Proxy, Record, Region, RegionBuilder};
use cachekit_backends::memory::Memory;
use cachekit_backends::scoped::{Scope, Scoped};

/// Writes down what it is handed to store, under its own name.
#[derive(Clone, Debug)]
struct Diary {
    name: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Diary {
    fn note(&self, put: &Put<'_>) {
        let about = match put.content {
            Content::Bytes(bytes) => Record::read(bytes.clone()).unwrap().envelope().clone(),
            Content::Live(live) => live.envelope().clone(),
            Content::Unknown(why) => panic!("nothing is stored: {why}"),
        };
        let tags: Vec<_> = about.tags.iter().map(|(name, _)| name.as_str()).collect();
        let ttl = about.fresh_until - about.created;
        self.lines.lock().unwrap().push(format!("{} {} {ttl} {tags:?}", self.name, put.key));
    }
}

impl Proxy for Diary {
    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.note(&put);
        next.set(put, context)
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.note(&put);
        next.commit(put, token, context)
    }
}

#[test]
fn a_proxy_sees_values_with_what_is_known_of_them_and_the_last_is_outermost() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let diary = |name| Diary { name, lines: Arc::clone(&lines) };
    let memory = Memory::new();
    let wrapped = |region: cachekit::RegionBuilder| {
        region.wrap(diary("inner")).wrap(diary("outer")).ttl(Duration::from_secs(60)).build().unwrap()
    };
    let region = wrapped(Region::builder("watched").backend(memory.clone()));
    assert_eq!(region.get_or_create(Key::from("k").tagged(["tag"]), || 5), 5);
    region.set("l", &6).unwrap();
    let noted = std::mem::take(&mut *lines.lock().unwrap());
    let expected = [
        "outer watched:k 60000 [\"tag\"]",
        "inner watched:k 60000 [\"tag\"]",
        "outer watched:l 60000 []",
        "inner watched:l 60000 []",
    ];
    assert_eq!(noted, expected);
    assert_eq!(memory.len(), 4, "the store is at hand as before: two entries and two epochs");

    let region = wrapped(Region::builder("watched objects").backend(Scoped::new()));
    Scope::new().enter(|| assert_eq!(region.get_or_create("k", || 5), 5));
    assert_eq!(lines.lock().unwrap().len(), 2);
}

/// Stores nothing that is longer than its limit.
#[derive(Debug)]
struct Small(usize);

impl Small {
    fn takes(&self, put: &Put<'_>) -> bool {
        put.content.as_bytes().is_none_or(|bytes| bytes.len() <= self.0)
    }
}

impl Proxy for Small {
    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        if self.takes(&put) { next.set(put, context) } else { next.delete(put.key, context) }
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        if self.takes(&put) {
            return next.commit(put, token, context);
        }
        Answer::later(async move { next.abandon(put.key, token, context).await.map(|()| true) })
    }
}

#[test]
fn a_proxy_may_refuse_to_store() {
    let region = Region::builder("small").backend(Memory::new()).wrap(Small(500)).build().unwrap();
    let call = |length: usize| region.get_or_create("k", || vec![1_u8; length]).len();
    assert_eq!((call(1_000), call(2_000)), (1_000, 2_000));
    assert_eq!((call(10), call(1_000)), (10, 10));
    region.set("k", &vec![1_u8; 1_000]).unwrap();
    assert_eq!(region.get::<Vec<u8>>("k").unwrap(), None, "nor is the old value there any more");
    assert_eq!((region.stats().creations, region.stats().backend_errors), (3, 0));
}

/// Keeps values from being read by whoever looks into the store.
#[derive(Debug)]
struct Veiled;

impl Veiled {
    fn turned(content: &Content) -> Content {
        let turn = |value: &[u8]| Ok::<_, ()>(value.iter().map(|byte| byte ^ 0x55).collect());
        let record = content.as_bytes().and_then(|bytes| Record::read(bytes.to_vec()).ok());
        record
            .and_then(|record| record.map(turn).ok())
            .map_or_else(|| content.clone(), |record| record.into_bytes().into())
    }
}

impl Proxy for Veiled {
    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        Answer::later(async move {
            let found = next.get_many(keys, context).await?;
            Ok(found.iter().map(|found| found.as_ref().map(Self::turned)).collect())
        })
    }

    fn acquire<'a>(
        &'a self,
        next: &'a dyn Backend,
        key: &'a str,
        lease: Lease,
        claim: Claim<'a>,
        context: Context,
    ) -> Answer<'a, Acquired> {
        Answer::later(async move {
            Ok(match next.acquire(key, lease, claim, context).await? {
                Acquired::Stored(stored) => Acquired::Stored(Self::turned(&stored)),
                other => other,
            })
        })
    }

    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        Answer::later(async move { next.set(Put { content: &Self::turned(put.content), ..put }, context).await })
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        Answer::later(
            async move { next.commit(Put { content: &Self::turned(put.content), ..put }, token, context).await },
        )
    }
}

#[test]
fn a_proxy_may_alter_values_both_ways() {
    let memory = Memory::new();
    let region = |is_veiled: bool| {
        let region = Region::builder("veiled").ttl(Duration::from_secs(60)).backend(memory.clone());
        (if is_veiled { region.wrap(Veiled) } else { region }).build().unwrap()
    };
    let (veiled, plain) = (region(true), region(false));
    assert_eq!(veiled.get_or_create("k", || "secret".to_owned()), "secret");
    assert_eq!(veiled.get::<String>("k").unwrap().as_deref(), Some("secret"));
    assert_eq!(plain.get::<String>("k").unwrap(), None);
    assert_eq!((veiled.stats().unreadable, plain.stats().unreadable), (0, 1));
    veiled.invalidate(cachekit::Invalidation::Soft).unwrap();
    let renewed = veiled.get_or_create("k", || {
        let old = std::thread::scope(|threads| {
            threads
                .spawn(|| veiled.get_or_create::<String>("k", || panic!("it is served the old value")))
                .join()
                .unwrap()
        });
        assert_eq!(old, "secret");
        "another".to_owned()
    });
    assert_eq!((renewed.as_str(), veiled.get::<String>("k").unwrap().as_deref()), ("another", Some("another")));
}

/// Alters values on the way back, and the beginning of their records with them.
#[derive(Debug)]
struct Rewriting;

impl Proxy for Rewriting {
    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        let rewritten = |content: Content| {
            let record = Record::read(content.as_bytes().unwrap_or_default().to_vec());
            record.map_or(content, |record| Record::new(record.envelope().clone(), &[1]).into_bytes().into())
        };
        Answer::later(async move {
            let found = next.get_many(keys, context).await?;
            Ok(found.into_iter().map(|found| found.map(rewritten)).collect())
        })
    }
}

#[test]
fn a_backend_that_offers_for_ever_what_it_has_shown_is_not_asked_for_ever() {
    let clock = ManualClock::new();
    let region = Region::builder("rewritten").ttl(Duration::from_secs(60)).clock(clock.clone());
    let region = region.backend(Memory::new().clock(clock.clone())).wrap(Rewriting).build().unwrap();
    assert_eq!(region.get_or_create("k", || 5), 5);
    assert_eq!(region.get_or_create("k", || 6), 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(region.get_or_create("k", || 7), 7);
    assert_eq!((region.stats().backend_errors, region.stats().creations), (1, 2));
}

/// Shows to who reads what was stored a while ago, as a replica does that lags behind.
#[derive(Clone, Debug, Default)]
struct Lagging(Arc<Mutex<Option<Shown>>>);

/// What was stored when it was first read since then.
type Shown = HashMap<String, Option<Content>>;

impl Proxy for Lagging {
    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        let then = self.0.lock().unwrap().clone();
        let Some(mut then) = then else { return next.get_many(keys, context) };
        Answer::later(async move {
            let now = next.get_many(keys, context).await?;
            let shown = keys.iter().zip(now).map(|(key, now)| then.entry((*key).to_owned()).or_insert(now).clone());
            let shown = shown.collect();
            *self.0.lock().unwrap() = Some(then);
            Ok(shown)
        })
    }
}

#[test]
fn a_backend_whose_reads_lag_behind_is_not_asked_for_ever() {
    let (store, lagging) = (Memory::new(), Lagging::default());
    let build = |region: RegionBuilder| region.ttl(Duration::from_secs(60)).build().unwrap();
    let region = build(Region::builder("lagging").backend(store.clone()).wrap(lagging.clone()));
    let other = build(Region::builder("lagging").backend(store));
    assert_eq!(other.get_or_create("another", || 1), 1);
    *lagging.0.lock().unwrap() = Some(HashMap::new());
    assert_eq!(region.get::<i32>("k").unwrap(), None);
    other.invalidate(cachekit::Invalidation::Hard).unwrap();
    assert_eq!(other.get_or_create("k", || 2), 2);
    assert_eq!(region.get_or_create("k", || 3), 3);
    assert_eq!(region.stats().backend_errors, 1);
    *lagging.0.lock().unwrap() = None;
    assert_eq!(other.get::<i32>("k").unwrap(), Some(2));
}
