//! The runtime that the connections of tasks live on: one thread of the process, started with the first of them.
//!
//! Connections that lived on a caller's runtime would end with it; statics, several runtimes and none share these.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle};
use tokio::time::{Sleep, sleep};

use super::wakes::Wakes;

pub(crate) struct Driver {
    pub(crate) runtime: Handle,
    pub(crate) wakes: Arc<Wakes>,
}

static DRIVER: OnceCell<Driver> = OnceCell::new();

/// The driver of this process.
pub(crate) fn driver() -> io::Result<&'static Driver> {
    DRIVER.get_or_try_init(start)
}

/// A time that passes wherever somebody waits for it.
pub(crate) fn timer(span: Duration) -> io::Result<Sleep> {
    let _entered = driver()?.runtime.enter();
    Ok(sleep(span))
}

fn start() -> io::Result<Driver> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let handle = runtime.handle().clone();
    let wakes = Arc::<Wakes>::default();
    let delivering = Arc::clone(&wakes);
    thread::Builder::new()
        .name("cachekit-redis".to_owned())
        .spawn(move || runtime.block_on(delivering.deliver()))
        .map(|_| Driver { runtime: handle, wakes })
}
