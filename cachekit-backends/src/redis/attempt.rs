//! What becomes of an attempt to have a request carried out: the same for threads and tasks.

use redis::{RedisResult, Value};

use super::fault::{self, Fault, FaultKind};
use super::request::Form;

/// What has been tried of a request.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    form: Form,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// Once more, on this connection.
    SpeltOut,
    /// Once more, on a new connection.
    Anew,
    /// It is over, and the connection is good.
    Over(Result<Value, Fault>),
    /// It is over, and so is the connection.
    Lost(Fault),
}

impl Attempt {
    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// `kept` says that the connection has been there before the request: the server may have left it since.
    pub(super) fn next(&mut self, answer: RedisResult<Value>, kept: bool) -> Next {
        match answer {
            Ok(value) => match complaint(&value) {
                None => Next::Over(Ok(value)),
                Some(error) if error.code() == "NOSCRIPT" && !self.form.spelt_out => {
                    self.form.spelt_out = true;
                    Next::SpeltOut
                }
                Some(error) if fault::parts(error) => Next::Lost(Fault::said(error)),
                Some(error) => Next::Over(Err(Fault::said(error))),
            },
            Err(error) => {
                let fault = Fault::of(&error);
                if fault.kind == FaultKind::Broken && kept && !self.form.again {
                    self.form.again = true;
                    return Next::Anew;
                }
                Next::Lost(fault)
            }
        }
    }
}

/// What a server complains of first.
fn complaint(value: &Value) -> Option<&redis::ServerError> {
    match value {
        Value::ServerError(error) => Some(error),
        Value::Array(values) => values.iter().find_map(complaint),
        _ => None,
    }
}
