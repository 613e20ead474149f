#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(any(feature = "memory", feature = "file", feature = "memcached"))]
mod bytes;
#[cfg(any(feature = "null", feature = "scoped"))]
mod config;
#[cfg(feature = "file")]
#[cfg_attr(docsrs, doc(cfg(feature = "file")))]
pub mod file;
#[cfg(feature = "memcached")]
#[cfg_attr(docsrs, doc(cfg(feature = "memcached")))]
pub mod memcached;
#[cfg(feature = "memory")]
#[cfg_attr(docsrs, doc(cfg(feature = "memory")))]
pub mod memory;
#[cfg(any(feature = "memcached", feature = "redis"))]
mod net;
#[cfg(feature = "null")]
#[cfg_attr(docsrs, doc(cfg(feature = "null")))]
pub mod null;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis;
#[cfg(feature = "scoped")]
#[cfg_attr(docsrs, doc(cfg(feature = "scoped")))]
pub mod scoped;

/// The page about backends, for its examples to be run.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../docs/backends.md")]
mod documentation {}
