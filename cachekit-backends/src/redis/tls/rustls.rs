//! Encrypted connections: whom they trust, and who they say that they are.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use redis::{Client, ClientTlsConfig, ConnectionInfo, ErrorKind, RedisError, RedisResult, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Files;

/// How connections are encrypted that a URL with `rediss://` asks for.
///
/// As it is, the roots are trusted that the system trusts. The name in the URL has to be the server's.
///
/// ```no_run
/// use std::fs;
/// use cachekit_backends::redis::{Redis, Tls};
///
/// let tls = Tls::new().roots(fs::read("ca.pem")?).certificate(fs::read("me.pem")?, fs::read("me.key")?);
/// let redis = Redis::connect_with_tls("rediss://cache.internal:6380", tls)?;
/// # let _ = redis;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    roots: Option<Vec<u8>>,
    /// A certificate, and its key.
    own: Option<[Vec<u8>; 2]>,
}

impl Tls {
    /// The system's roots, and no certificate of one's own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts what these certificates, in PEM, have signed, and nothing else.
    #[must_use]
    pub fn roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Says who asks by a certificate, with its chain, and its key, both in PEM.
    #[must_use]
    pub fn certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.own = Some([certificate.into(), key.into()]);
        self
    }

    /// What connects.
    pub(in crate::redis) fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        if self.roots.is_none() && self.own.is_none() {
            return Client::open(info);
        }
        self.readable().map_err(|what| RedisError::from((ErrorKind::InvalidClientConfig, what)))?;
        let own = self.own.clone();
        let client_tls = own.map(|[client_cert, client_key]| ClientTlsConfig { client_cert, client_key });
        Client::build_with_tls(info, TlsCertificates { client_tls, root_cert: self.roots.clone() })
    }

    /// What cannot be read, without a word of what it is.
    fn readable(&self) -> Result<(), &'static str> {
        let holds = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).next().is_some_and(|read| read.is_ok());
        if self.roots.as_ref().is_some_and(|roots| !holds(roots)) {
            return Err("the roots hold no certificate in PEM");
        }
        match &self.own {
            Some([certificate, _]) if !holds(certificate) => Err("the certificate is none in PEM"),
            Some([_, key]) if PrivateKeyDer::from_pem_slice(key).is_err() => Err("the key is none in PEM"),
            _ => Ok(()),
        }
    }

    /// All that a connection depends on, the key among it.
    pub(in crate::redis) fn identity(&self) -> String {
        format!("{:?} {:?}", self.roots, self.own)
    }
}

/// Sees to it that there is something to encrypt with: whoever is to say what, is asked; where nobody has said anything, it
/// is `ring`.
pub(in crate::redis) fn prepare() {
    if CryptoProvider::get_default().is_none() {
        // Somebody else may come first, and is as good.
        let _ = ring::default_provider().install_default();
    }
}

/// Whether one side does not trust the other, or does not encrypt.
pub(in crate::redis) fn refuses(error: &RedisError) -> bool {
    // The client shares its errors.
    let cause = error.source().and_then(|cause| cause.downcast_ref::<Arc<dyn Error + Send + Sync>>());
    cause.is_some_and(|cause| {
        let is_invalid = |error: &io::Error| error.kind() == io::ErrorKind::InvalidData;
        cause.is::<rustls::Error>() || cause.downcast_ref::<io::Error>().is_some_and(is_invalid)
    })
}

/// How the files say.
pub(in crate::redis) fn by_files(files: &Files) -> Result<Tls, cachekit::Error> {
    // By its key, as what a configuration says is shown to nobody.
    let read = |path: &Path, key: &str| {
        fs::read(path)
            .map_err(|error| cachekit::Error::refused(format_args!("the file of `{key}` cannot be read: {error}")))
    };
    let mut tls = Tls::new();
    if let Some(roots) = &files.roots {
        tls = tls.roots(read(roots, "roots")?);
    }
    match (&files.certificate, &files.key) {
        (None, None) => Ok(tls),
        (Some(certificate), Some(key)) => Ok(tls.certificate(read(certificate, "certificate")?, read(key, "key")?)),
        _ => Err(cachekit::Error::refused("`certificate` and `key` go together")),
    }
}

/// Without keys and certificates.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { roots, own } = self;
        f.debug_struct("Tls")
            .field("roots", if roots.is_some() { &"one's own" } else { &"the system's" })
            .field("certificate", &own.is_some())
            .finish()
    }
}
