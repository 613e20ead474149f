//! Callers of both kinds, and what they ask for.

use std::time::Duration;

use cachekit::Error;
use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Put, Token};
use cachekit_backends::memcached::Memcached;
use cachekit_test_servers::MemcachedServer;
use futures::executor::block_on;
use futures::{FutureExt, select};
use futures_timer::Delay;

/// Longer than anything takes that works.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// Who asks: a thread that may block, or a task, here without any runtime.
pub(crate) fn callers() -> [Context; 2] {
    [thread(LIMIT), task(LIMIT)]
}

pub(crate) fn thread(limit: Duration) -> Context {
    Context::blocking(limit)
}

pub(crate) fn task(limit: Duration) -> Context {
    Context::task(limit)
}

pub(crate) fn connect(url: &str) -> Memcached {
    Memcached::connect(url).unwrap()
}

/// A backend through a port of the loopback interface.
pub(crate) fn through(port: u16) -> Memcached {
    connect(&format!("memcached://127.0.0.1:{port}"))
}

pub(crate) fn wait<T>(answer: Answer<'_, T>) -> Result<T, Error> {
    block_on(answer)
}

pub(crate) fn content(text: &str) -> Content {
    text.as_bytes().to_vec().into()
}

pub(crate) fn set(memcached: &Memcached, key: &str, text: &str, context: Context) -> Result<(), Error> {
    wait(memcached.set(Put { key, content: &content(text), keep: None }, context))
}

pub(crate) fn get(memcached: &Memcached, key: &str, context: Context) -> Result<Option<String>, Error> {
    let mut answer = memcached.get(key, context);
    let found = if context.may_block() {
        wait(answer)
    } else {
        // A task gives up by itself, as a region does.
        block_on(async {
            let mut limit = Delay::new(context.limit()).fuse();
            select! {
                found = (&mut answer).fuse() => found,
                () = limit => Err(Error::timeout("the task has given up")),
            }
        })
    };
    found.map(|found| found.as_ref().map(text))
}

pub(crate) fn commit(
    memcached: &Memcached,
    key: &str,
    text: &str,
    token: Token,
    context: Context,
) -> Result<bool, Error> {
    wait(memcached.commit(Put { key, content: &content(text), keep: None }, token, context))
}

pub(crate) fn acquire(memcached: &Memcached, key: &str, token: Token, length: Duration, context: Context) -> Acquired {
    wait(memcached.acquire(key, Lease { token, length }, Claim::Unseen(&[]), context)).unwrap()
}

pub(crate) fn is_granted(acquired: &Acquired) -> bool {
    matches!(acquired, Acquired::Granted)
}

pub(crate) fn text(content: &Content) -> String {
    String::from_utf8(content.as_bytes().unwrap().to_vec()).unwrap()
}

/// The value of an item as the server has it, if it has one.
pub(crate) fn item(server: &MemcachedServer, name: &str) -> Option<String> {
    let answer = server.command(&format!("mg {name} v\r\n"));
    let (head, value) = answer.split_once("\r\n")?;
    head.starts_with("VA").then(|| value.strip_suffix("\r\n").unwrap().to_owned())
}
