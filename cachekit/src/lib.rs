#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
// The README shows what a test of one's own looks like; `testing` runs the same as an example.
#![allow(clippy::test_attr_in_doctest)]

#[doc(hidden)]
// Generated code hands over what it has made, and needs no documentation.
#[allow(missing_docs, clippy::needless_pass_by_value)]
pub mod __private;
pub mod backend;
mod clock;
pub mod codec;
mod companion;
pub mod config;
mod entry;
mod error;
mod events;
mod fetched;
mod flight;
mod freshness;
mod generic;
mod info;
mod key;
mod limits;
mod near;
mod options;
pub mod record;
mod region;
mod remote;
mod tags;
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod timing;
mod values;

pub use cachekit_macros::{KeyPart, cache_multi_on_arguments, cache_on_arguments, methods};

pub use self::backend::{Backend, Proxy};
pub use self::clock::{Alarm, Clock};
pub use self::codec::Codec;
pub use self::companion::{CachedFn, Storable, Value};
pub use self::config::{Config, configure, reconfigure};
pub use self::entry::{AsyncEntry, Entry, Peek};
pub use self::error::Error;
pub use self::fetched::{Fetched, Source};
pub use self::info::FnInfo;
pub use self::key::generator::KeyContext;
pub use self::key::part::KeyPart;
pub use self::key::writer::KeyWriter;
pub use self::key::{Key, generate, mangle};
pub use self::options::CallOptions;
pub use self::record::Record;
pub use self::region::registry::{StaticRegion, check, region, regions};
pub use self::region::{
    Breaker, Invalidation, Job, OnBackendError, Region, RegionBuilder, Runner, Stats, Task, Threads,
};
pub use self::timing::RefreshAhead;
