//! Callers whose futures are dropped at any point: nobody else is harmed, and no lease stays.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use cachekit::{Key, Region};
use cachekit_test_servers::{RedisServer, poll_until};
use tokio::runtime::Runtime;

use crate::support::{Counted, LONG, lease, patient, process};

/// More often than any call here is polled until its end.
const POLLS: usize = 40;

/// When a future is dropped that was polled for the last time: at once, or when it is woken, with an answer that nobody
/// has heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dropped {
    AtOnce,
    WhenWoken,
}

#[test]
fn a_call_that_is_dropped_anywhere_harms_no_other() {
    dropped_anywhere(|_, _| ());
}

#[test]
fn a_call_that_is_dropped_anywhere_harms_nobody_who_renews() {
    dropped_anywhere(|region, key| {
        region.set(Key::from(key).tagged(["tag"]), &0_u64).unwrap();
        region.invalidate(cachekit::Invalidation::Hard).unwrap();
    });
}

fn dropped_anywhere(prepare: impl Fn(&Region, &str)) {
    let server = RedisServer::start();
    // Nobody waits for a lease to lapse.
    let process = || patient(process(server.port())).lease(LONG).build().unwrap();
    let (one, other) = (process(), process());
    let runtime = Runtime::new().unwrap();
    let mut ended = 0;
    let ways =
        [(Dropped::AtOnce, &one), (Dropped::AtOnce, &other), (Dropped::WhenWoken, &one), (Dropped::WhenWoken, &other)];
    for (number, (dropped, next)) in ways.into_iter().cycle().take(4 * POLLS).enumerate() {
        let (polls, key) = (number / 4, format!("k{number}"));
        let made = Counted::default();
        let key = || Key::from(key.as_str()).tagged(["tag"]);
        prepare(&one, &format!("k{number}"));
        let call = one.get_or_create_async(key(), || async {
            tokio::task::yield_now().await;
            made.run()
        });
        let is_ended = runtime.block_on(polled(polls, dropped, call)).is_some();
        ended += usize::from(is_ended);
        let value = runtime.block_on(next.get_or_create_async(key(), || async { made.run() }));
        assert!(value == made.runs() && value <= 2, "{value} of {} after {polls} polls", made.runs());
        poll_until("the lease is given back", || {
            let name = lease(&one, &format!("k{number}"));
            (server.command(&["EXISTS", &name]) == ":0\r\n").then_some(())
        });
    }
    assert!(ended > 0, "some calls are polled until their end");
    assert!(ended < 4 * POLLS - 8, "others are not");
}

/// Polls so often, and drops.
async fn polled<F: Future>(polls: usize, dropped: Dropped, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Pending if left == 0 && dropped == Dropped::AtOnce => Poll::Ready(None),
            polled => polled.map(Some),
        }
    })
    .await
}

#[test]
fn those_who_wait_for_a_call_that_is_dropped_go_on() {
    let server = RedisServer::start();
    let region = patient(process(server.port())).lease(LONG).build().unwrap();
    let runtime = Runtime::new().unwrap();
    for (number, dropped) in [Dropped::AtOnce, Dropped::WhenWoken].into_iter().cycle().take(2 * POLLS).enumerate() {
        let (polls, made, key) = (number / 2, Counted::default(), format!("k{number}"));
        let first = polled(
            polls,
            dropped,
            region.get_or_create_async(key.as_str(), || async {
                tokio::task::yield_now().await;
                made.run()
            }),
        );
        let second = region.get_or_create_async(key.as_str(), || async { made.run() });
        let (_, second) = runtime.block_on(async { tokio::join!(first, second) });
        assert!(second <= 2 && made.runs() <= 2, "{second} of {} after {polls} polls", made.runs());
        let name = lease(&region, &key);
        poll_until("the lease is given back", || (server.command(&["EXISTS", &name]) == ":0\r\n").then_some(()));
    }
}
