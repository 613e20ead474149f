use std::panic::catch_unwind;

use cachekit::{Region, cache_on_arguments, regions};

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
