//! What went wrong with a server: what that says of the connection, and what the caller is told.

use std::fmt;
use std::io;
use std::time::Duration;

use cachekit::Error;

use super::protocol::Malformed;
use crate::net::gate::Told;

/// Why a request was not carried out, or was and nobody knows.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// It can never succeed.
    Refused,
    /// The connection is lost.
    Broken,
    /// There is no answer yet.
    Late,
    /// The server says that it cannot, now.
    Unable,
    /// One value is more than a server takes.
    TooLarge,
}

impl Fault {
    pub(super) fn new(kind: FaultKind, reason: impl fmt::Display) -> Self {
        Self { kind, reason: reason.to_string() }
    }

    pub(super) fn late(limit: Duration) -> Self {
        Self::new(FaultKind::Late, format_args!("no answer within {limit:?}"))
    }

    pub(super) fn strange() -> Self {
        Self::new(FaultKind::Refused, "the answer is not one of memcached")
    }

    pub(super) fn ended() -> Self {
        Self::new(FaultKind::Broken, "the connection has ended")
    }

    pub(super) fn too_large(key: &str, length: usize, most: usize) -> Self {
        let key = key.chars().take(100).collect::<String>();
        let remedy = "keep less in it, or start the server with a larger `-I`";
        let reason = format_args!("`{key}` has {length} bytes, and the server takes {most}: {remedy}");
        Self::new(FaultKind::TooLarge, reason)
    }

    pub(super) fn no_room(name: &str) -> Self {
        Self::new(FaultKind::Unable, format_args!("out of memory storing `{name}`"))
    }

    /// What the server said that it cannot do.
    pub(super) fn said(error: &str) -> Self {
        if error.contains("object too large") {
            return Self::new(FaultKind::TooLarge, format_args!("{error}: start the server with a larger `-I`"));
        }
        let is_crowded = error.contains("Too many open connections");
        let kind = match error.split(' ').next() {
            _ if is_crowded => FaultKind::Unable,
            Some("SERVER_ERROR") => FaultKind::Unable,
            _ => FaultKind::Refused,
        };
        let remedy =
            if error.contains("unauthenticated") { ", which this backend cannot do: allow it without" } else { "" };
        Self::new(kind, format_args!("{error}{remedy}"))
    }

    /// Whether the connection is as good as before.
    pub(super) fn spares_the_connection(&self) -> bool {
        let kept = ["object too large", "out of memory storing"];
        self.kind == FaultKind::TooLarge || kept.iter().any(|kept| self.reason.contains(kept))
    }

    /// What the caller is told, of the only server or of one of several.
    pub(super) fn told(&self, place: impl fmt::Display, operation: &str, is_several: bool) -> Error {
        let reason = format_args!("memcached at {place}, `{operation}`: {}", self.reason);
        match self.kind {
            FaultKind::Refused => Error::refused(reason),
            // The other values go their way, and so do the other servers.
            FaultKind::TooLarge => Error::partial(reason),
            _ if is_several => Error::partial(reason),
            FaultKind::Late => Error::timeout(reason),
            FaultKind::Broken | FaultKind::Unable => Error::backend(reason),
        }
    }
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::strange()
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Self::new(FaultKind::Late, "no answer within the time limit")
            }
            _ => Self::new(FaultKind::Broken, error),
        }
    }
}

impl Told for Fault {
    fn to_others(&self) -> Self {
        let mut fault = self.clone();
        // Nobody waited for what is told from now on.
        fault.kind = if fault.kind == FaultKind::Late { FaultKind::Broken } else { fault.kind };
        fault
    }
}
