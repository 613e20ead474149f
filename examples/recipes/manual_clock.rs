//! `cargo run --example manual_clock`
//!
//! How code that is cached is tested: time moves when the test says so, and a region can be cleared or switched off.

use std::time::Duration;

use cachekit::testing::{self, ManualClock};
use cachekit::{Error, Region, cache_on_arguments, regions};

regions! {
    static WEATHER = Region::builder("weather").ttl(Duration::from_secs(60));
}

#[cache_on_arguments(region = WEATHER)]
fn forecast(city: &str) -> String {
    println!("  asking for {city}");
    format!("sun in {city}")
}

// In a program of one's own each of these is a `#[test]`.

fn a_forecast_is_asked_for_again_after_a_minute() -> Result<(), Error> {
    let clock = ManualClock::new();
    WEATHER.reconfigure(|r| r.clock(clock.clone()))?;
    forecast("Bern");
    clock.advance(Duration::from_secs(59));
    assert!(forecast::get("Bern")?.is_some());
    clock.advance(Duration::from_secs(1));
    assert_eq!(forecast::get("Bern")?, None);
    Ok(())
}

fn a_forecast_is_asked_for_each_time_while_the_region_is_off() {
    let _off = testing::switch_off(&WEATHER);
    forecast("Bern");
    forecast("Bern");
}

fn main() -> Result<(), Error> {
    println!("a minute passes");
    a_forecast_is_asked_for_again_after_a_minute()?;
    testing::clear(&WEATHER);
    println!("the region is off");
    a_forecast_is_asked_for_each_time_while_the_region_is_off();
    Ok(())
}
