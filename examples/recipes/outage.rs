//! `cargo run --example outage`
//!
//! When a new value cannot be made, the old one is served, for as long as `stale_if_error` says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Error, Region, cache_on_arguments, regions};

regions! {
    static RATES = Region::builder("rates").ttl(Duration::from_secs(60));
}

#[derive(Clone, Debug)]
struct Down;

/// Whether the bank, of which this asks, is down.
static IS_DOWN: AtomicBool = AtomicBool::new(false);

#[cache_on_arguments(region = RATES, stale_if_error = "6h")]
fn rate(currency: &str) -> Result<f64, Down> {
    if IS_DOWN.load(Ordering::Relaxed) {
        println!("  the bank does not answer");
        return Err(Down);
    }
    Ok(if currency == "EUR" { 1.0 } else { 1.25 })
}

fn main() -> Result<(), Error> {
    let clock = ManualClock::new();
    RATES.configure(|r| r.clock(clock.clone()))?;
    println!("at first: {:?}", rate("USD"));

    IS_DOWN.store(true, Ordering::Relaxed);
    clock.advance(Duration::from_secs(120));
    println!("two minutes later: {:?}", rate("USD"));
    println!("once more: {:?}", rate("USD"));
    println!("another currency: {:?}", rate("CHF"));

    clock.advance(Duration::from_secs(6 * 60 * 60));
    println!("after six hours: {:?}", rate("USD"));
    Ok(())
}
