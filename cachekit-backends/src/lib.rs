//! Stores for the regions of cachekit.
//!
//! Each stands behind the feature of its name:
//!
//! * `null`: stores nothing.
//! * `memory`: records in this process, which several regions share.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "memory")]
mod bytes;
#[cfg(feature = "memory")]
#[cfg_attr(docsrs, doc(cfg(feature = "memory")))]
pub mod memory;
#[cfg(feature = "null")]
#[cfg_attr(docsrs, doc(cfg(feature = "null")))]
pub mod null;
