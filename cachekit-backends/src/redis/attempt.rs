//! What becomes of an attempt to have a request carried out: the same for threads and tasks.

use redis::{RedisResult, ServerError, Value};

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
    Over(Value),
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
            Ok(value) => {
                if !self.form.spelt_out && complaint(&value, |error| error.code() == "NOSCRIPT").is_some() {
                    self.form.spelt_out = true;
                    return Next::SpeltOut;
                }
                match complaint(&value, fault::parts) {
                    Some(error) => Next::Lost(Fault::said(error)),
                    // Of others, whoever reads the answer makes something.
                    None => Next::Over(value),
                }
            }
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

/// What a server complains of, if it is this.
fn complaint(value: &Value, is_this: fn(&ServerError) -> bool) -> Option<&ServerError> {
    match value {
        Value::ServerError(error) => Some(error).filter(|error| is_this(error)),
        Value::Array(values) => values.iter().find_map(|value| complaint(value, is_this)),
        _ => None,
    }
}
