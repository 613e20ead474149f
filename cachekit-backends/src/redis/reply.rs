//! What a server's answers mean; others than these are none of a Redis.

use std::time::Duration;

use cachekit::backend::{Acquired, Content};
use redis::Value;

use super::fault::Fault;

pub(super) fn content(value: Value) -> Result<Option<Content>, Fault> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(Content::Bytes(bytes))),
        other => Err(unlike(&other)),
    }
}

/// The answers to many; a single one may come by itself.
pub(super) fn each<T>(value: Value, count: usize, read: impl Fn(Value) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    match value {
        Value::Array(values) if values.len() == count => values.into_iter().map(read).collect(),
        value if count == 1 => Ok(vec![read(value)?]),
        other => Err(unlike(&other)),
    }
}

/// 1; 0 or nothing.
pub(super) fn flag(value: &Value) -> Result<bool, Fault> {
    match value {
        Value::Int(number) => Ok(*number == 1),
        Value::Nil => Ok(false),
        other => Err(unlike(other)),
    }
}

pub(super) fn pong(value: &Value) -> Result<(), Fault> {
    match value {
        Value::SimpleString(word) if word == "PONG" => Ok(()),
        other => Err(unlike(other)),
    }
}

/// Nothing, how long somebody else's lease lasts, or what is stored.
pub(super) fn acquired(value: Value) -> Result<Acquired, Fault> {
    match value {
        Value::Nil => Ok(Acquired::Granted),
        Value::Int(millis) => Ok(Acquired::Busy(Duration::from_millis(millis.try_into().unwrap_or_default()))),
        Value::BulkString(bytes) => Ok(Acquired::Stored(Content::Bytes(bytes))),
        other => Err(unlike(&other)),
    }
}

/// Whatever is no error.
pub(super) fn done(value: &Value) -> Result<(), Fault> {
    match value {
        Value::ServerError(error) => Err(Fault::said(error)),
        Value::Array(values) => values.iter().try_for_each(done),
        _ => Ok(()),
    }
}

/// An answer that was not asked for.
fn unlike(value: &Value) -> Fault {
    match value {
        Value::ServerError(error) => Fault::said(error),
        _ => Fault::strange(),
    }
}
