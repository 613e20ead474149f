//! Keeps a Redis that cannot be reached from being asked for connections all the time.

use super::fault::{Fault, FaultKind};
use crate::net::gate::{self, Told};

pub(super) type Gate = gate::Gate<Fault>;

impl Told for Fault {
    fn to_others(&self) -> Self {
        let mut fault = self.clone();
        // Nobody waited for what is told from now on.
        fault.kind = if fault.kind == FaultKind::Late { FaultKind::Broken } else { fault.kind };
        fault
    }
}
