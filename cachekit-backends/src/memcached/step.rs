//! What is asked of a server for one key, and what its answers mean: round after round, until there is a result.
//!
//! Steps know nothing of sockets, and are the same for threads and tasks. Those of many keys go together: a round is one
//! round trip, however many they are.

use super::fault::Fault;
use super::protocol::{Pipeline, Response, Status};
use super::server::Server;
use super::welcome::Welcome;

/// Where a step is taken.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) server: &'a Server,
    pub(super) welcome: &'a Welcome,
    /// A round before this one was asked for on a connection that was lost then, and may have been carried out.
    pub(super) again: bool,
}

pub(super) trait Step: Send {
    type Done: Send;

    /// Adds the commands of this round; there need not be any.
    fn ask(&mut self, at: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault>;

    /// What the answers to them mean; nothing, if there is another round.
    fn hear(&mut self, at: At<'_>, answers: Vec<Response>) -> Result<Option<Self::Done>, Fault>;
}

/// As many answers as were asked for.
pub(super) fn exactly<const N: usize>(answers: Vec<Response>) -> Result<[Response; N], Fault> {
    answers.try_into().map_err(|_| Fault::strange())
}

/// What is stored with a value that is one; what only holds the place of one is empty and has no mark.
pub(super) const MARK: u64 = 1;

/// An item that was asked for with `v f c t`.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) content: Vec<u8>,
    pub(super) mark: u32,
    pub(super) version: u64,
    pub(super) left: Option<u64>,
    /// It has come into being with this answer.
    pub(super) is_new: bool,
}

impl Item {
    /// The item, if there is one.
    pub(super) fn of(answer: Response) -> Result<Option<Self>, Fault> {
        let is_new = answer.won && !answer.stale;
        let Response { status, value: content, mark, version, left, .. } = answer;
        match status {
            Status::Missing => Ok(None),
            Status::Value => Ok(Some(Self { content, mark, version, left, is_new })),
            _ => Err(Fault::strange()),
        }
    }

    /// Whether it only holds the place of a value.
    pub(super) fn is_vacant(&self) -> bool {
        self.mark == 0 && self.content.is_empty()
    }

    /// The content, if it is one.
    pub(super) fn stored(&self) -> Option<&[u8]> {
        (!self.is_vacant()).then_some(&self.content)
    }
}

/// A value that is too large is not even sent: a server would drop what was there before.
pub(super) fn fits(at: At<'_>, key: &str, name: &str, content: &[u8]) -> Result<(), Fault> {
    let most = at.welcome.room(name);
    if content.len() <= most { Ok(()) } else { Err(Fault::too_large(key, content.len(), most)) }
}
