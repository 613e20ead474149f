//! What the current thread or task is computing, so that a function which calls itself with the same key panics with
//! a clear message instead of waiting for itself.
//!
//! A thread keeps a stack of the flights that it leads; a task's are on the stack while the task is polled.
//! A computation that hands the same call to another thread or task and waits for it is not seen; nor are two callers
//! of whom each computes what the other waits for. A pool that runs another's job on the stack of a computation, as
//! rayon does, makes that job part of the computation here.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Flight;
use super::sync::thread_local;

thread_local! {
    static LEADING: RefCell<Vec<(Address, Part)>> = const { RefCell::new(Vec::new()) };
}

/// Where a flight is, which tells it from others as long as somebody leads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(usize);

impl Address {
    fn of(flight: &Arc<Flight>) -> Self {
        Self(Arc::as_ptr(flight).addr())
    }
}

/// What a leader is at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The user's function runs.
    Computing,
    /// The value is on its way to the table; clones and drops of users' values may run.
    Storing,
}

/// Whether the current thread or task runs the computation of this flight.
pub(super) fn computes(flight: &Arc<Flight>) -> bool {
    is_leading(flight, Part::Computing)
}

/// Whether the current thread or task is about to run the computation of this flight, or stores what came of it.
pub(super) fn stores(flight: &Arc<Flight>) -> bool {
    is_leading(flight, Part::Storing)
}

fn is_leading(flight: &Arc<Flight>, part: Part) -> bool {
    // While a thread ends there is no stack any more, and then nobody leads.
    LEADING.try_with(|stack| stack.borrow().contains(&(Address::of(flight), part))).unwrap_or(false)
}

/// On the stack until dropped.
pub(crate) struct Leading;

impl Leading {
    /// Says that the caller leads the flight, apart from the computation itself.
    pub(crate) fn storing(flight: &Arc<Flight>) -> Self {
        Self::enter(Address::of(flight), Part::Storing)
    }

    fn enter(flight: Address, part: Part) -> Self {
        let _ = LEADING.try_with(|stack| stack.borrow_mut().push((flight, part)));
        Self
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        let _ = LEADING.try_with(|stack| stack.borrow_mut().pop());
    }
}

/// What a panic carries.
pub(crate) type Payload = Box<dyn std::any::Any + Send>;

/// Runs a computation of the flight and catches its panic.
pub(crate) fn run<R>(flight: &Arc<Flight>, compute: impl FnOnce() -> R) -> Result<R, Payload> {
    let _leading = Leading::enter(Address::of(flight), Part::Computing);
    caught(compute)
}

/// The flight whose computation runs here, if one does.
pub(crate) fn innermost() -> Option<Address> {
    LEADING.with(|stack| stack.borrow().last().filter(|(_, part)| *part == Part::Computing).map(|(flight, _)| *flight))
}

/// Runs what is the computation of all these flights, and catches its panic.
pub(crate) fn run_for_all<R>(flights: &[Address], compute: impl FnOnce() -> R) -> Result<R, Payload> {
    let _leading: Vec<_> = flights.iter().map(|flight| Leading::enter(*flight, Part::Computing)).collect();
    caught(compute)
}

/// Catches a panic.
pub(crate) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Payload> {
    // The payload is resumed by the caller, so nothing that the panic left half done is seen.
    catch_unwind(AssertUnwindSafe(work))
}

/// What a panic said.
pub(crate) fn message(payload: &Payload) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
