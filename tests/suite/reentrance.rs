use std::cell::RefCell;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Region, cache_on_arguments, regions};

use crate::support::until;

regions! {
    static REENTRANCE = Region::builder("reentrance");
}

#[test]
fn a_function_that_asks_for_its_own_key_panics_and_names_it() {
    #[cache_on_arguments(region = "reentrance")]
    fn forever(n: u64) -> u64 {
        forever(n) + 1
    }

    let payload = catch_unwind(|| forever(5)).unwrap_err();
    let message = payload.downcast_ref::<String>().unwrap();
    assert!(message.contains("forever|5"), "{message}");
    assert!(!forever::entry(5).is_computing(), "nothing is left behind");
}

#[test]
fn a_function_that_refreshes_its_own_key_panics_and_names_it() {
    #[cache_on_arguments(region = "reentrance")]
    fn renewed(n: u64) -> u64 {
        renewed::refresh(n) + 1
    }

    let payload = catch_unwind(|| renewed(5)).unwrap_err();
    let message = payload.downcast_ref::<String>().unwrap();
    assert!(message.contains("renewed|5"), "{message}");
}

#[tokio::test]
async fn a_task_that_asks_for_its_own_key_panics_and_names_it() {
    #[cache_on_arguments(region = "reentrance")]
    async fn forever(n: u64) -> u64 {
        tokio::task::yield_now().await;
        Box::pin(forever(n)).await + 1
    }

    let panic = tokio::spawn(forever(5)).await.unwrap_err().into_panic();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("forever|5"), "{message}");
}

#[test]
fn a_clone_that_asks_for_its_own_key_while_it_covers_a_failure_does_no_harm() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    /// Set by a computation that fails, so that the next clone is the one that covers it.
    static ASKS: AtomicBool = AtomicBool::new(false);
    const TTL: Duration = Duration::from_secs(60);
    regions! { static COVERED = Region::builder("covered").ttl(TTL).stale_if_error(TTL * 10); }
    #[derive(Debug, PartialEq)]
    struct Asking(u64);
    impl Clone for Asking {
        fn clone(&self) -> Self {
            if ASKS.swap(false, Ordering::SeqCst) {
                assert_eq!(load(1), Err("down"), "computed without the cache");
            }
            Self(self.0)
        }
    }
    #[cache_on_arguments(region = COVERED, in_memory)]
    fn load(id: u64) -> Result<Asking, &'static str> {
        if FAILS.load(Ordering::SeqCst) {
            ASKS.store(true, Ordering::SeqCst);
            return Err("down");
        }
        Ok(Asking(id))
    }

    let clock = ManualClock::new();
    COVERED.configure(|r| r.clock(clock.clone())).unwrap();
    load(1).unwrap();
    clock.advance(TTL * 3);
    FAILS.store(true, Ordering::SeqCst);
    assert_eq!(load(1), Ok(Asking(1)));
}

#[test]
fn a_drop_in_a_task_that_is_given_up_asks_for_its_own_key_without_waiting_for_itself() {
    struct Asking(Region, Arc<AtomicU64>);
    impl Drop for Asking {
        fn drop(&mut self) {
            self.1.store(self.0.get_or_create("k", || 2), Ordering::SeqCst);
        }
    }

    let region = Region::builder("given up").build().unwrap();
    let got = Arc::new(AtomicU64::new(0));
    let asking = Asking(region.clone(), Arc::clone(&got));
    let given_up = thread::spawn(move || {
        let region = asking.0.clone();
        let mut call = Box::pin(region.get_or_create_async("k", || async move {
            let _asking = asking;
            std::future::pending::<u64>().await
        }));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
    until("it is dropped", || given_up.is_finished());
    given_up.join().unwrap();
    assert_eq!(got.load(Ordering::SeqCst), 2);
    assert_eq!(region.get_or_create("k", || 3_u64), 3, "what a drop computes for itself is not stored");
}

#[test]
fn different_keys_nest_freely() {
    #[cache_on_arguments(region = "reentrance")]
    fn fibonacci(n: u64) -> u64 {
        if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
    }

    assert_eq!(fibonacci(90), 2_880_067_194_370_816_120);
}

#[tokio::test]
async fn two_calls_joined_in_one_task_are_no_reentrance() {
    #[cache_on_arguments(region = "reentrance")]
    async fn slow(n: u64) -> u64 {
        tokio::task::yield_now().await;
        n
    }

    assert_eq!(tokio::join!(slow(1), slow(1)), (1, 1));
}

#[test]
fn a_call_that_is_dropped_while_its_thread_ends_ends_with_it() {
    type Call = Pin<Box<dyn Future<Output = u64>>>;
    thread_local! { static LAST: RefCell<Option<Call>> = const { RefCell::new(None) }; }

    let region = Region::builder("ends with its thread").build().unwrap();
    let of_the_thread = region.clone();
    let thread = thread::spawn(move || {
        // Registered before anything of the cache's, and so dropped after it.
        LAST.with_borrow_mut(|last| *last = None);
        let mut call: Call =
            Box::pin(async move { of_the_thread.get_or_create_async("k", std::future::pending).await });
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        LAST.with_borrow_mut(|last| *last = Some(call));
    });
    thread.join().unwrap();
    assert_eq!(region.get_or_create("k", || 2_u64), 2, "the key is free");
}
