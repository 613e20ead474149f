//! What is asked of a server, in one round trip: each operation of a backend as commands or calls of scripts.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use cachekit::Error;
use cachekit::backend::{Claim, Content, Lease, Patch, Put, Token};
use cachekit::record::HEAD;
use redis::{Arg, Cmd, Pipeline};
use smallvec::{SmallVec, smallvec};

use super::script::{self, Script};
use super::slot;

/// A request, to be packed for each attempt anew.
pub(super) struct Request<'a> {
    /// Which operation of the backend it is, for messages.
    pub(super) operation: &'static str,
    steps: Steps<'a>,
}

enum Steps<'a> {
    Read(Arc<Cmd>),
    Command(Cmd),
    Script(&'static Script, Vec<Call<'a>>),
}

struct Call<'a> {
    names: SmallVec<[Cow<'a, str>; 2]>,
    arguments: SmallVec<[Argument<'a>; 5]>,
}

enum Argument<'a> {
    Bytes(&'a [u8]),
    Number(u64),
    Token(Token),
    Patch(Patch),
    /// Whether an attempt before this one may have been carried out.
    Again,
}

/// What can be sent, as often as it takes.
pub(super) trait Pack {
    fn pack(&self, form: Form) -> Packed<'_>;
}

/// How a request is packed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Form {
    /// With the text of its script rather than the hash.
    pub(super) spelt_out: bool,
    /// After an attempt that may have been carried out.
    pub(super) again: bool,
}

/// A request as the client takes it.
pub(super) enum Packed<'a> {
    /// It may be carried out together with others.
    Read(&'a Arc<Cmd>),
    One(Cow<'a, Cmd>),
    Many(Pipeline),
}

impl<'a> Request<'a> {
    pub(super) fn ping() -> Self {
        Self::command("ping", redis::cmd("PING"))
    }

    pub(super) fn get_many(keys: &[&'a str]) -> Self {
        let mut get = redis::cmd("MGET");
        for key in keys {
            get.arg(slot::value(key).as_ref());
        }
        Self { operation: "get", steps: Steps::Read(Arc::new(get)) }
    }

    pub(super) fn delete(keys: &[&'a str]) -> Self {
        let mut delete = redis::cmd("UNLINK");
        for key in keys {
            delete.arg(slot::value(key).as_ref()).arg(slot::lease(key));
        }
        Self::command("delete", delete)
    }

    pub(super) fn set(puts: &[Put<'a>]) -> Result<Self, Error> {
        let calls = puts.iter().map(|put| {
            let arguments = smallvec![Argument::Bytes(bytes(put.content)?), Argument::keep(put.keep)];
            Ok(Call { names: both(put.key), arguments })
        });
        Ok(Self::scripts("set", &script::SET, calls.collect::<Result<_, Error>>()?))
    }

    pub(super) fn add(puts: &[Put<'a>]) -> Result<Self, Error> {
        let calls = puts.iter().map(|put| {
            let arguments = smallvec![Argument::Bytes(bytes(put.content)?), Argument::keep(put.keep)];
            Ok(Call { names: smallvec![slot::value(put.key)], arguments })
        });
        Ok(Self::scripts("add", &script::ADD, calls.collect::<Result<_, Error>>()?))
    }

    pub(super) fn patch(key: &'a str, patch: Patch) -> Self {
        let arguments = smallvec![Argument::Number(patch.at as u64), Argument::Patch(patch)];
        Self::script("patch", &script::PATCH, both(key), arguments)
    }

    pub(super) fn acquire(leases: &[(&'a str, Lease, Claim<'a>)]) -> Self {
        let calls = leases.iter().map(|(key, lease, claim)| {
            let (when, seen): (&[u8], _) = match claim {
                Claim::Unseen(seen) => (b"unseen", *seen),
                Claim::Always => (b"always", &[][..]),
            };
            let arguments = smallvec![
                Argument::Token(lease.token),
                Argument::Number(millis(lease.length)),
                Argument::Bytes(when),
                Argument::Bytes(seen),
                Argument::Number(HEAD as u64 - 1),
            ];
            Call { names: both(key), arguments }
        });
        Self::scripts("acquire", &script::ACQUIRE, calls.collect())
    }

    pub(super) fn commit(puts: &[(Put<'a>, Token)]) -> Result<Self, Error> {
        let calls = puts.iter().map(|(put, token)| {
            let content = Argument::Bytes(bytes(put.content)?);
            let arguments = smallvec![content, Argument::keep(put.keep), Argument::Token(*token), Argument::Again];
            Ok(Call { names: both(put.key), arguments })
        });
        Ok(Self::scripts("commit", &script::COMMIT, calls.collect::<Result<_, Error>>()?))
    }

    pub(super) fn renew(key: &'a str, lease: Lease) -> Self {
        let arguments = smallvec![Argument::Token(lease.token), Argument::Number(millis(lease.length))];
        Self::script("renew", &script::RENEW, smallvec![slot::lease(key).into()], arguments)
    }

    pub(super) fn abandon(leases: &[(&'a str, Token)]) -> Self {
        let calls = leases.iter().map(|(key, token)| Call {
            names: smallvec![slot::lease(key).into()],
            arguments: smallvec![Argument::Token(*token)],
        });
        Self::scripts("abandon", &script::ABANDON, calls.collect())
    }

    fn command(operation: &'static str, command: Cmd) -> Self {
        Self { operation, steps: Steps::Command(command) }
    }

    fn script(
        operation: &'static str,
        script: &'static Script,
        names: SmallVec<[Cow<'a, str>; 2]>,
        arguments: SmallVec<[Argument<'a>; 5]>,
    ) -> Self {
        Self::scripts(operation, script, vec![Call { names, arguments }])
    }

    fn scripts(operation: &'static str, script: &'static Script, calls: Vec<Call<'a>>) -> Self {
        Self { operation, steps: Steps::Script(script, calls) }
    }

    /// Whether it changes nothing.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.steps, Steps::Read(_))
    }

    /// Whether whoever has asked for this must not see any more what was there before.
    pub(super) fn overtakes(&self) -> bool {
        matches!(self.operation, "set" | "delete" | "patch")
    }

    /// Which servers of a cluster have which slots.
    pub(super) fn slots() -> Self {
        let mut slots = redis::cmd("CLUSTER");
        slots.arg("SLOTS");
        Self::command("connect", slots)
    }

    /// The same as requests for one key each, with the slots of their names; none where it is about no key.
    pub(super) fn by_key(self) -> Vec<(Request<'a>, u16)> {
        let Self { operation, steps } = self;
        let alone = |steps| Self { operation, steps };
        let of = |command: &str, names: &[&str]| {
            let mut command = redis::cmd(command);
            command.arg(names);
            (alone(Steps::Command(command)), slot::slot(names[0]))
        };
        match steps {
            Steps::Read(get) => names(&get).map(|name| of("MGET", &[name])).collect(),
            Steps::Command(delete) => {
                let names: Vec<_> = names(&delete).collect();
                names.chunks(2).map(|both| of("UNLINK", both)).collect()
            }
            Steps::Script(script, calls) => {
                let of_each = calls.into_iter().map(|call| {
                    let slot = slot::slot(&call.names[0]);
                    (alone(Steps::Script(script, vec![call])), slot)
                });
                of_each.collect()
            }
        }
    }
}

impl Request<'_> {
    /// To delete a key whose names are not in one place, name by name: the lease, and when that is gone, the value.
    ///
    /// So nobody commits any more who has computed before, and whoever is lent the lease between the two computes afresh.
    pub(super) fn apart(&self) -> Option<[Self; 2]> {
        let Steps::Command(delete) = &self.steps else { return None };
        let [value, lease] = names(delete).collect::<Vec<_>>()[..] else { return None };
        let of = |name: &str| {
            let mut delete = redis::cmd("UNLINK");
            delete.arg(name);
            Self::command(self.operation, delete)
        };
        Some([of(lease), of(value)])
    }
}

impl Pack for Request<'_> {
    fn pack(&self, form: Form) -> Packed<'_> {
        match &self.steps {
            Steps::Read(command) => Packed::Read(command),
            Steps::Command(command) => Packed::One(Cow::Borrowed(command)),
            Steps::Script(script, calls) if calls.len() == 1 => Packed::One(Cow::Owned(calls[0].pack(script, form))),
            Steps::Script(script, calls) => {
                let mut pipeline = Pipeline::with_capacity(calls.len());
                for (place, call) in calls.iter().enumerate() {
                    // The server knows a script from the first time on.
                    let form = Form { spelt_out: form.spelt_out && place == 0, ..form };
                    pipeline.add_command(call.pack(script, form));
                }
                Packed::Many(pipeline)
            }
        }
    }
}

/// The names in a command that is about nothing else.
fn names(command: &Cmd) -> impl Iterator<Item = &str> {
    command.args_iter().skip(1).filter_map(|name| match name {
        Arg::Simple(name) => std::str::from_utf8(name).ok(),
        _ => None,
    })
}

impl Call<'_> {
    fn pack(&self, script: &Script, form: Form) -> Cmd {
        let bytes: usize = self.arguments.iter().map(Argument::len).sum();
        let names: usize = self.names.iter().map(|name| name.len()).sum();
        let mut command = Cmd::with_capacity(3 + self.names.len() + self.arguments.len(), 64 + names + bytes);
        if form.spelt_out {
            command.arg("EVAL").arg(script.text);
        } else {
            command.arg("EVALSHA").arg(script.hash());
        }
        command.arg(self.names.len());
        for name in &self.names {
            command.arg(name.as_ref());
        }
        for argument in &self.arguments {
            match argument {
                Argument::Bytes(bytes) => command.arg(bytes),
                Argument::Number(number) => command.arg(number),
                Argument::Token(token) => command.arg(token.to_string()),
                Argument::Patch(patch) => command.arg(patch.bytes()),
                Argument::Again => command.arg(if form.again { "again" } else { "" }),
            };
        }
        command
    }
}

impl Argument<'_> {
    /// For ever is an empty text.
    fn keep(keep: Option<Duration>) -> Self {
        keep.map_or(Self::Bytes(&[]), |keep| Self::Number(millis(keep)))
    }

    /// How many bytes it takes, about.
    fn len(&self) -> usize {
        if let Self::Bytes(bytes) = self { bytes.len() } else { 32 }
    }
}

fn both(key: &str) -> SmallVec<[Cow<'_, str>; 2]> {
    smallvec![slot::value(key), slot::lease(key).into()]
}

fn bytes(content: &Content) -> Result<&[u8], Error> {
    content.as_bytes().ok_or_else(|| Error::refused("Redis keeps bytes, and was handed a live object"))
}

/// Milliseconds, rounded up: at least 1, and at most what the server can add to its clock.
fn millis(span: Duration) -> u64 {
    const MOST: u64 = 1 << 50;
    let millis = span.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(MOST).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_up_and_bounded() {
        let of = |span| millis(span);
        assert_eq!((of(Duration::ZERO), of(Duration::from_nanos(1)), of(Duration::from_millis(7))), (1, 1, 7));
        assert_eq!((of(Duration::from_micros(7_001)), of(Duration::MAX)), (8, 1 << 50));
    }
}
