//! The runtime that the connections of tasks live on, for requests to Redis.

use super::fault::{Fault, FaultKind};
use crate::net::driver::{self, Driver};

/// The driver of this process.
pub(super) fn driver() -> Result<&'static Driver, Fault> {
    driver::driver().map_err(|error| {
        Fault::new(FaultKind::Unable, format_args!("the thread of the connections could not be started: {error}"))
    })
}
