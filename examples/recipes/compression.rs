//! `cargo run --example compression`
//!
//! Values leave the process compressed: `MessagePack`, the default codec, writes them, and a proxy packs what it has written.

use std::io;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Put, Token};
use cachekit::{Error, Proxy, Record, Region};
use cachekit_backends::memory::Memory;

/// Compresses values on their way to the backend, and unpacks them on their way back.
#[derive(Debug)]
struct Zstd;

/// Of a record the value is altered; an epoch, which is no record, and what cannot be altered stay as they are.
fn altered(content: &Content, change: impl Fn(&[u8]) -> io::Result<Vec<u8>>) -> Content {
    let record = content.as_bytes().and_then(|bytes| Record::read(bytes.to_vec()).ok());
    match record.map(|record| record.map(change)) {
        Some(Ok(record)) => record.into_bytes().into(),
        _ => content.clone(),
    }
}

fn packed(content: &Content) -> Content {
    altered(content, |value| zstd::encode_all(value, 3))
}

fn unpacked(content: &Content) -> Content {
    altered(content, |value| zstd::decode_all(value))
}

/// Who asks for a lease may be handed what another process has stored meanwhile.
fn acquired(answer: Acquired) -> Acquired {
    match answer {
        Acquired::Stored(stored) => Acquired::Stored(unpacked(&stored)),
        other => other,
    }
}

impl Proxy for Zstd {
    fn set<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        Answer::later(async move { next.set(Put { content: &packed(put.content), ..put }, context).await })
    }

    fn set_many<'a>(&'a self, next: &'a dyn Backend, puts: &'a [Put<'a>], context: Context) -> Answer<'a, ()> {
        Answer::later(async move {
            let contents: Vec<_> = puts.iter().map(|put| packed(put.content)).collect();
            let puts: Vec<_> = puts.iter().zip(&contents).map(|(put, content)| Put { content, ..*put }).collect();
            next.set_many(&puts, context).await
        })
    }

    fn commit<'a>(&'a self, next: &'a dyn Backend, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        Answer::later(async move { next.commit(Put { content: &packed(put.content), ..put }, token, context).await })
    }

    fn commit_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        puts: &'a [(Put<'a>, Token)],
        context: Context,
    ) -> Answer<'a, Vec<bool>> {
        Answer::later(async move {
            let contents: Vec<_> = puts.iter().map(|(put, _)| packed(put.content)).collect();
            let pairs = puts.iter().zip(&contents);
            let puts: Vec<_> = pairs.map(|((put, token), content)| (Put { content, ..*put }, *token)).collect();
            next.commit_many(&puts, context).await
        })
    }

    fn get<'a>(&'a self, next: &'a dyn Backend, key: &'a str, context: Context) -> Answer<'a, Option<Content>> {
        Answer::later(async move { Ok(next.get(key, context).await?.as_ref().map(unpacked)) })
    }

    fn get_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        keys: &'a [&'a str],
        context: Context,
    ) -> Answer<'a, Vec<Option<Content>>> {
        Answer::later(async move {
            let found = next.get_many(keys, context).await?;
            Ok(found.iter().map(|found| found.as_ref().map(unpacked)).collect())
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
        Answer::later(async move { Ok(acquired(next.acquire(key, lease, claim, context).await?)) })
    }

    fn acquire_many<'a>(
        &'a self,
        next: &'a dyn Backend,
        leases: &'a [(&'a str, Lease, Claim<'a>)],
        context: Context,
    ) -> Answer<'a, Vec<Acquired>> {
        Answer::later(async move { Ok(next.acquire_many(leases, context).await?.into_iter().map(acquired).collect()) })
    }
}

fn main() -> Result<(), Error> {
    let room = || Memory::new().bytes(4_000);
    let plain = Region::builder("plain pages").backend(room()).build()?;
    let packed = Region::builder("packed pages").backend(room()).wrap(Zstd).build()?;
    let page = "<li>an item</li>".repeat(1_000);
    plain.set("home", &page)?;
    packed.set("home", &page)?;
    println!("a page of {} bytes, and room for 4000", page.len());
    println!("kept as it is: {}", plain.get::<String>("home")?.is_some());
    println!("kept when packed: {}", packed.get::<String>("home")?.is_some());
    println!("read as it was: {}", packed.get::<String>("home")? == Some(page));
    Ok(())
}
