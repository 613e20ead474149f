//! Tasks run on the current tokio runtime.

use tokio::runtime::Handle;

use super::{Job, Task};

/// Whether there may be a runtime that drives tasks without being given to the region.
pub(crate) const DRIVES_TASKS: bool = true;

/// Whether the current thread is one of a runtime's.
pub(crate) fn has_current() -> bool {
    Handle::try_current().is_ok()
}

/// The job within the runtime that is current now: functions may ask for it.
pub(super) fn kept(job: Job) -> Job {
    let Ok(runtime) = Handle::try_current() else { return job };
    Box::new(move || {
        let _entered = runtime.enter();
        job();
    })
}

pub(super) fn spawn(task: Task) -> bool {
    let Ok(runtime) = Handle::try_current() else { return false };
    runtime.spawn(task);
    true
}
