//! The one error of cachekit.
//!
//! Opaque, one word wide and cheap to clone, since one failure may reach many callers; asked by predicates.
//! The errors of a user's function are not wrapped: they come back as they are.

use std::fmt;
use std::sync::Arc;

/// What went wrong in the cache, with what to do about it.
///
/// ```
/// let error = cachekit::region("nowhere").unwrap_err();
/// assert!(error.is_unknown_region());
/// assert!(error.to_string().contains("`nowhere`"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: Kind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    UnknownRegion,
    AlreadyConfigured,
    Type,
    Settings,
    Untagged,
    Codec,
    Backend,
    Partial,
    Timeout,
    Refused,
    Check,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into() }))
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// A value cannot be written by a codec, or bytes cannot be read by it; for a [`Codec`](crate::Codec) of one's own.
    #[must_use]
    pub fn codec(reason: impl fmt::Display) -> Self {
        Self::new(Kind::Codec, format!("the value cannot be written or read: {reason}"))
    }

    /// A backend cannot be reached, or cannot do what it was asked for just now; for a [`Backend`](crate::Backend) of one's
    /// own.
    #[must_use]
    pub fn backend(reason: impl fmt::Display) -> Self {
        Self::new(Kind::Backend, format!("the backend failed: {reason}"))
    }

    /// One of several servers of a backend cannot be reached, or one content cannot be stored: what the backend is asked for
    /// besides goes its way, so this does not count toward the [`Breaker`](crate::Breaker).
    #[must_use]
    pub fn partial(reason: impl fmt::Display) -> Self {
        Self::new(Kind::Partial, format!("a part of the backend failed: {reason}"))
    }

    /// A backend did not answer within its time limit.
    #[must_use]
    pub fn timeout(reason: impl fmt::Display) -> Self {
        Self::new(Kind::Timeout, format!("the backend did not answer in time: {reason}"))
    }

    /// A backend can never do what it was asked for, as it is set up: a wrong password, an address that is none.
    /// [`check`](crate::check) tells it.
    #[must_use]
    pub fn refused(reason: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, format!("the backend cannot be used: {reason}"))
    }

    /// No linked crate declares a region of that name.
    #[must_use]
    pub fn is_unknown_region(&self) -> bool {
        self.0.kind == Kind::UnknownRegion
    }

    /// The region was configured before; [`reconfigure`](crate::Region::reconfigure) replaces settings.
    #[must_use]
    pub fn is_already_configured(&self) -> bool {
        self.0.kind == Kind::AlreadyConfigured
    }

    /// The entry holds a value of another type than the one that was asked for.
    #[must_use]
    pub fn is_type_mismatch(&self) -> bool {
        self.0.kind == Kind::Type
    }

    /// A setting of a region makes no sense, or faults of several kinds are in a configuration.
    #[must_use]
    pub fn is_settings(&self) -> bool {
        self.0.kind == Kind::Settings
    }

    /// The key is the text of an entry whose function has tags, which a text does not tell.
    #[must_use]
    pub fn is_untagged(&self) -> bool {
        self.0.kind == Kind::Untagged
    }

    /// A codec cannot write a value, or read it.
    #[must_use]
    pub fn is_codec(&self) -> bool {
        self.0.kind == Kind::Codec
    }

    /// The backend failed, did not answer in time, or cannot be used at all.
    #[must_use]
    pub fn is_backend(&self) -> bool {
        matches!(self.0.kind, Kind::Backend | Kind::Partial | Kind::Timeout | Kind::Refused)
    }

    /// A part of the backend failed, and the others work: see [`partial`](Self::partial).
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.0.kind == Kind::Partial
    }

    /// The backend did not answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.kind == Kind::Timeout
    }

    /// The backend can never be used as it is set up.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.0.kind == Kind::Refused
    }

    /// [`check`](crate::check) found something; the message lists all of it.
    #[must_use]
    pub fn is_check(&self) -> bool {
        self.0.kind == Kind::Check
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// The message as it is, since this is what a `main` that returns the error, or an `unwrap`, shows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
