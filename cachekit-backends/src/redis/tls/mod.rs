//! Encrypted connections, with the feature `tls`.

#[cfg_attr(feature = "tls", path = "rustls.rs")]
#[cfg_attr(not(feature = "tls"), path = "none.rs")]
mod implementation;

#[cfg(feature = "tls")]
pub use self::implementation::Tls;
#[cfg(not(feature = "tls"))]
pub(super) use self::implementation::Tls;
pub(super) use self::implementation::{by_files, prepare, refuses};

use std::path::PathBuf;

use serde::Deserialize;

/// Files with certificates and a key, in PEM, as a configuration names them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "nobody reads them without the feature"))]
pub(super) struct Files {
    roots: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}
