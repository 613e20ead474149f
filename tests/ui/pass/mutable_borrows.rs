use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[cache_on_arguments(region = USERS, skip(log))]
async fn next(log: &mut Vec<u64>, n: u64) -> u64 {
    log.push(ready(n).await);
    n + 1
}

#[cache_on_arguments(region = USERS, skip(log))]
fn before(log: &mut Vec<u64>, n: u64) -> Result<u64, String> {
    log.push(n);
    n.checked_sub(1).ok_or_else(|| "none".to_owned())
}

fn main() {
    let mut log = Vec::new();
    let Poll::Ready(value) = pin!(next(&mut log, 1)).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nothing to wait for");
    };
    assert_eq!(value, 2);
    assert_eq!(before(&mut log, 2), Ok(1));
    assert_eq!(before(&mut log, 2), Ok(1));
    assert_eq!(before(&mut log, 0), Err("none".to_owned()));
    assert_eq!(log, [1, 2, 0]);
}
