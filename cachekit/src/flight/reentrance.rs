//! What the current thread or task is computing, so that a function which calls itself with the same key panics with
//! a clear message instead of waiting for itself.
//!
//! A thread keeps a stack of the flights that it leads; a task's are on the stack while the task is polled.
//! A computation that hands the same call to another thread or task and waits for it is not seen.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Flight;

thread_local! {
    static LEADING: RefCell<Vec<*const Flight>> = const { RefCell::new(Vec::new()) };
}

/// Whether the current thread or task computes this flight.
pub(super) fn leads(flight: &Arc<Flight>) -> bool {
    LEADING.with_borrow(|stack| stack.contains(&Arc::as_ptr(flight)))
}

/// On the stack until dropped.
struct Leading;

impl Leading {
    fn enter(flight: &Arc<Flight>) -> Self {
        LEADING.with_borrow_mut(|stack| stack.push(Arc::as_ptr(flight)));
        Self
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        LEADING.with_borrow_mut(Vec::pop);
    }
}

/// What a panic carries.
pub(crate) type Payload = Box<dyn std::any::Any + Send>;

/// Runs a computation of the flight and catches its panic.
pub(crate) fn run<R>(flight: &Arc<Flight>, compute: impl FnOnce() -> R) -> Result<R, Payload> {
    let _leading = Leading::enter(flight);
    // The payload is resumed by the caller, so nothing that the panic left half done is seen.
    catch_unwind(AssertUnwindSafe(compute))
}

/// Drives a computation of the flight and catches its panic.
pub(crate) async fn drive<F: Future>(flight: &Arc<Flight>, compute: impl FnOnce() -> F) -> Result<F::Output, Payload> {
    let future = run(flight, compute)?;
    let mut future = pin!(future);
    std::future::poll_fn(|context| poll(flight, future.as_mut(), context)).await
}

fn poll<F: Future>(
    flight: &Arc<Flight>,
    future: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<Result<F::Output, Payload>> {
    match run(flight, || future.poll(context)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(payload) => Poll::Ready(Err(payload)),
    }
}
