//! `cargo run --example n_plus_one`
//!
//! A page of comments shows who wrote each, which is one query for each author. Gathered, the same calls are one query,
//! and no line that makes them changes; where all keys are at hand, one call of many keys needs no gathering.

use std::collections::HashMap;

use cachekit::{Error, Region, cache_multi_on_arguments, cache_on_arguments, regions};
use futures::future::join_all;

regions! {
    static AUTHORS = Region::builder("authors");
}

struct Db;

impl Db {
    /// Stands for `SELECT … WHERE id IN (…)`.
    async fn authors(&self, ids: &[u64]) -> Vec<(u64, String)> {
        println!("  query for {ids:?}");
        tokio::task::yield_now().await;
        ids.iter().filter(|id| **id < 100).map(|id| (*id, format!("author {id}"))).collect()
    }
}

#[cache_on_arguments(region = AUTHORS, skip(db))]
async fn author(db: &Db, id: u64) -> Option<String> {
    db.authors(&[id]).await.pop().map(|(_, name)| name)
}

/// Has a value for each key, so that nobody asks again for those who do not exist.
#[cache_multi_on_arguments(entries_of = author, skip(db), coalesce = "1ms")]
async fn authors(db: &Db, ids: &[u64]) -> HashMap<u64, Option<String>> {
    let mut found: HashMap<u64, String> = db.authors(ids).await.into_iter().collect();
    ids.iter().map(|id| (*id, found.remove(id))).collect()
}

/// A line of the page; it knows nothing of the others.
async fn line(db: &Db, comment: &str, id: u64) -> String {
    let name = author(db, id).await;
    format!("{comment}, by {}", name.as_deref().unwrap_or("somebody"))
}

const COMMENTS: [(&str, u64); 4] = [("first", 5), ("second", 7), ("third", 5), ("fourth", 500)];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let db = Db;
    println!("past the cache");
    for (_, id) in COMMENTS {
        author::original(&db, id).await;
    }

    println!("gathered");
    for line in join_all(COMMENTS.map(|(comment, id)| line(&db, comment, id))).await {
        println!("{line}");
    }

    println!("many keys");
    println!("{} authors", authors(&db, &[5, 7, 8, 9]).await.len());
    author::invalidate(8).await?;
    println!("{} authors", authors(&db, &[5, 7, 8, 9]).await.len());
    Ok(())
}
