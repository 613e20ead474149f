//! What backends at the other end of a network have in common: a runtime of their own, connections of threads and of tasks, and
//! patience with servers that are not there. How a server is spoken to is each backend's own.

pub(crate) mod driver;
pub(crate) mod gate;
pub(crate) mod link;
pub(crate) mod pool;
pub(crate) mod registry;
mod wakes;
