//! The runtime that the connections of tasks live on, for requests to Redis.

use std::io;
use std::time::Duration;

use tokio::time::Sleep;

use super::fault::{Fault, FaultKind};
use crate::net::driver::{self, Driver};

/// The driver of this process.
pub(super) fn driver() -> Result<&'static Driver, Fault> {
    driver::driver().map_err(|error| missing(&error))
}

/// A time that passes wherever somebody waits for it.
pub(super) fn timer(span: Duration) -> Result<Sleep, Fault> {
    driver::timer(span).map_err(|error| missing(&error))
}

fn missing(error: &io::Error) -> Fault {
    Fault::new(FaultKind::Unable, format_args!("the thread of the connections could not be started: {error}"))
}
