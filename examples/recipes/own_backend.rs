//! `cargo run --example own_backend`
//!
//! A backend of one's own: `get`, `set` and `delete`, two operations in one step, and the suite that tells whether it keeps
//! the contract.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cachekit::backend::{Answer, Backend, Content, Context, Patch, Put};
use cachekit::{Error, Invalidation, Region};

/// Everything in a table. A real one would ask a server or a disk, and return `Answer::later`, or say `is_blocking`.
#[derive(Debug, Default)]
struct Shelf(Mutex<HashMap<String, Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    content: Content,
    until: Option<Instant>,
}

impl Kept {
    fn new(put: &Put<'_>) -> Self {
        let until = put.keep.and_then(|keep| Instant::now().checked_add(keep));
        Self { content: put.content.clone(), until }
    }
}

impl Shelf {
    /// The table without what has expired.
    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        table.retain(|_, kept| kept.until.is_none_or(|until| now < until));
        table
    }
}

impl Backend for Shelf {
    fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
        Ok(self.kept().get(key).map(|kept| kept.content.clone())).into()
    }

    fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
        self.kept().insert(put.key.to_owned(), Kept::new(&put));
        Ok(()).into()
    }

    fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
        self.kept().remove(key);
        Ok(()).into()
    }

    /// As provided, it is not one step.
    fn add<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, Content> {
        let mut table = self.kept();
        let new = Kept::new(&put);
        let kept = table.entry(put.key.to_owned()).or_insert_with(|| new.clone());
        kept.until = kept.until.zip(new.until).map(|(one, other)| one.max(other));
        Ok(kept.content.clone()).into()
    }

    /// As provided, it deletes, and a soft invalidation is a hard one.
    fn patch<'a>(&'a self, key: &'a str, patch: Patch, _: Context) -> Answer<'a, bool> {
        Ok(self.kept().get_mut(key).is_some_and(|kept| kept.content.patch(patch))).into()
    }
}

// The name by which a configuration chooses it.
cachekit::backend_factory! { "shelf" => |_settings| Ok(Shelf::default()) }

fn main() -> Result<(), Error> {
    // In a program of one's own this is a test; it panics with a list of the rules that are broken.
    cachekit::testing::conformance(Shelf::default);
    println!("every rule is kept");

    let region = Region::builder("shelved").backend(Shelf::default()).build()?;
    region.set("k", &5_u32)?;
    println!("stored: {:?}", region.get::<u32>("k")?);
    region.invalidate(Invalidation::Hard)?;
    println!("invalidated: {:?}", region.get::<u32>("k")?);
    Ok(())
}
