//! Stores for the regions of cachekit.
//!
//! Each stands behind the feature of its name:
//!
//! * `null`: stores nothing.
//! * `memory`: records in this process, which several regions share.
//! * `file`: files in a folder, which processes of one machine share.
//! * `scoped`: objects as they are, for as long as a session lasts.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(any(feature = "memory", feature = "file"))]
mod bytes;
#[cfg(feature = "file")]
#[cfg_attr(docsrs, doc(cfg(feature = "file")))]
pub mod file;
#[cfg(feature = "memory")]
#[cfg_attr(docsrs, doc(cfg(feature = "memory")))]
pub mod memory;
#[cfg(feature = "null")]
#[cfg_attr(docsrs, doc(cfg(feature = "null")))]
pub mod null;
#[cfg(feature = "scoped")]
#[cfg_attr(docsrs, doc(cfg(feature = "scoped")))]
pub mod scoped;
