//! What went wrong with a server: what that says of the connection, and what the caller is told.

use std::fmt;
use std::time::Duration;

use cachekit::Error;
use redis::{ErrorKind, RedisError, ServerError};

use super::tls;

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
}

impl Fault {
    pub(super) fn new(kind: FaultKind, reason: impl fmt::Display) -> Self {
        Self { kind, reason: reason.to_string() }
    }

    pub(super) fn late(limit: Duration) -> Self {
        Self::new(FaultKind::Late, format_args!("no answer within {limit:?}"))
    }

    pub(super) fn plain() -> Self {
        Self::new(FaultKind::Refused, "TLS: the server does not encrypt: `redis://` connects without")
    }

    pub(super) fn strange() -> Self {
        Self::new(FaultKind::Refused, "the answer is not one of Redis")
    }

    /// What the client found wrong.
    pub(super) fn of(error: &RedisError) -> Self {
        match error.kind() {
            // The server will say the same again.
            _ if tls::refuses(error) => Self::new(FaultKind::Refused, format_args!("TLS: {error}")),
            ErrorKind::Io if error.is_timeout() => Self::new(FaultKind::Late, "no answer within the time limit"),
            ErrorKind::Io => Self::new(FaultKind::Broken, error),
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::strange(),
            ErrorKind::InvalidClientConfig | ErrorKind::AuthenticationFailed => Self::new(FaultKind::Refused, error),
            _ => Self::new(FaultKind::Unable, error),
        }
    }

    /// What the server said.
    pub(super) fn said(error: &ServerError) -> Self {
        let (code, details) = (error.code(), error.details().unwrap_or_default());
        let kind = match code {
            "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => FaultKind::Refused,
            "MOVED" | "ASK" | "CROSSSLOT" => {
                let reason = "it is part of a cluster: name it by `Redis::cluster`, or `cluster` in place of `url`";
                return Self::new(FaultKind::Refused, reason);
            }
            "ERR" if NEVER.iter().any(|never| details.contains(never)) => FaultKind::Refused,
            _ => FaultKind::Unable,
        };
        Self::new(kind, format_args!("{code} {details}"))
    }

    /// What the server said to a password, or to the number of a database: it will say so again.
    pub(super) fn said_to_greeting(error: &ServerError) -> Self {
        let passes = error.code() != "ERR" && error.code() != "WRONGPASS";
        let crowded = error.details().is_some_and(|details| details.contains("max number of clients"));
        let mut fault = Self::said(error);
        if !passes && !crowded {
            fault.kind = FaultKind::Refused;
        }
        fault
    }

    /// What the caller is told of one of several servers.
    pub(super) fn told_of_part(&self, place: &str, operation: &str) -> Error {
        match self.kind {
            FaultKind::Refused => self.told(place, operation),
            FaultKind::Late | FaultKind::Broken | FaultKind::Unable => {
                Error::partial(format_args!("Redis at {place}, `{operation}`: {}", self.reason))
            }
        }
    }

    /// What the caller is told.
    pub(super) fn told(&self, place: &str, operation: &str) -> Error {
        let reason = format_args!("Redis at {place}, `{operation}`: {}", self.reason);
        match self.kind {
            FaultKind::Refused => Error::refused(reason),
            FaultKind::Late => Error::timeout(reason),
            FaultKind::Broken | FaultKind::Unable => Error::backend(reason),
        }
    }
}

/// Parts of general errors that no second attempt mends: commands that a server does not have, and those that its
/// users may not call from scripts.
const NEVER: &[&str] = &["nknown command", "nknown Redis command", "ACL failure", "executing the script can't"];

/// Whether what a server said is a reason to look for another: it is not what it was, or does not know who asks.
pub(super) fn parts(error: &ServerError) -> bool {
    matches!(error.code(), "READONLY" | "MASTERDOWN" | "LOADING" | "NOAUTH")
}
