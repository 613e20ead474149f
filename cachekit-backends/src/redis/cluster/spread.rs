//! Requests for some keys, spread over the servers of a cluster, until each is answered: the same for threads and tasks.
//!
//! What goes to one server is sent together. A server that no longer has a slot names the one that has; one that is handing
//! a slot over names the one that has what it does not find, and there the request is announced by `ASKING`.

use std::sync::Arc;

use redis::{Cmd, Pipeline, Value};

use super::map::{Map, sent_to};
use crate::redis::fault::{Fault, FaultKind};
use crate::redis::request::{Form, Pack, Packed, Request};
use crate::redis::server::Server;

/// How often servers may say that another one has a slot.
const MOST: u32 = 8;

pub(super) struct Spread<'a> {
    parts: Vec<Part<'a>>,
    /// How often some have been sent to a server that was said to have their slot.
    moves: u32,
}

/// A request for one key.
struct Part<'a> {
    request: Request<'a>,
    /// What is to be asked when that is answered.
    then: Option<Request<'a>>,
    /// The slot of the key; none where it is about no key.
    slot: Option<u16>,
    /// Where another server has sent it, if one has.
    to: Option<To>,
    answer: Option<Result<Value, Fault>>,
}

struct To {
    server: Arc<Server>,
    /// Whether the slot is being handed over to it.
    is_asking: bool,
}

/// What goes to one server.
pub(super) struct Batch<'s, 'a> {
    pub(super) server: Arc<Server>,
    parts: Vec<(usize, &'s Request<'a>, bool)>,
}

/// What became of a batch: which of the requests it was, and the answer to all of them.
pub(super) struct Told {
    server: Arc<Server>,
    parts: Vec<(usize, bool)>,
    answer: Result<Value, Fault>,
}

/// What comes after the batches of a round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Next {
    /// The servers have changed.
    pub(super) doubts: bool,
    /// Some requests are to be sent again, a little later.
    pub(super) waits: bool,
}

impl<'a> Spread<'a> {
    pub(super) fn new(requests: impl IntoIterator<Item = (Request<'a>, u16)>) -> Self {
        let part = |(request, slot)| Part { request, then: None, slot: Some(slot), to: None, answer: None };
        Self { parts: requests.into_iter().map(part).collect(), moves: 0 }
    }

    /// One for each of the servers.
    pub(super) fn to_each(servers: &[Arc<Server>], request: impl Fn() -> Request<'a>) -> Self {
        let part = |server: &Arc<Server>| {
            let to = Some(To { server: Arc::clone(server), is_asking: false });
            Part { request: request(), then: None, slot: None, to, answer: None }
        };
        Self { parts: servers.iter().map(part).collect(), moves: 0 }
    }

    /// What is to be sent by now, by servers; nothing when all is answered.
    pub(super) fn batches(&mut self, map: &Map) -> Vec<Batch<'_, 'a>> {
        for part in self.parts.iter_mut().filter(|part| part.answer.is_none()) {
            let server = match (&part.to, part.slot) {
                (Some(_), _) => continue,
                (None, slot) => slot.and_then(|slot| map.server(slot)),
            };
            if let Some(server) = server {
                part.to = Some(To { server: Arc::clone(server), is_asking: false });
            } else {
                let fault = Fault::new(FaultKind::Unable, "no server of the cluster has the slot of the key");
                part.answer = Some(Err(fault));
            }
        }
        let mut batches: Vec<Batch<'_, 'a>> = Vec::new();
        for (place, part) in self.parts.iter().enumerate() {
            let (None, Some(to)) = (&part.answer, &part.to) else { continue };
            let sent = (place, &part.request, to.is_asking);
            match batches.iter_mut().find(|batch| Arc::ptr_eq(&batch.server, &to.server)) {
                Some(batch) => batch.parts.push(sent),
                None => batches.push(Batch { server: Arc::clone(&to.server), parts: vec![sent] }),
            }
        }
        batches
    }

    /// Takes what the servers have answered; `named` is the server at an address that another one names.
    pub(super) fn take(
        &mut self,
        told: Vec<Told>,
        named: impl Fn(&Server, &str, u16) -> Result<Arc<Server>, Fault>,
    ) -> Next {
        let mut next = Next::default();
        let mut is_moved = false;
        for Told { server, parts, answer } in told {
            let answers = match answer {
                Ok(answer) => each(answer, &parts),
                Err(fault) => {
                    next.doubts = true;
                    Err(fault)
                }
            };
            let mut answers = answers.map(Vec::into_iter);
            for (place, _) in parts {
                let part = &mut self.parts[place];
                let answer = match &mut answers {
                    Ok(answers) => answers.next().ok_or_else(Fault::strange),
                    Err(fault) => Err(fault.clone()),
                };
                let Ok(Value::ServerError(error)) = &answer else {
                    match part.then.take().filter(|_| answer.is_ok()) {
                        Some(then) => (part.request, part.to) = (then, None),
                        None => part.answer = Some(answer),
                    }
                    continue;
                };
                match error.code() {
                    code @ ("MOVED" | "ASK") => {
                        is_moved |= code == "MOVED";
                        let to = sent_to(error).ok_or_else(Fault::strange);
                        match to.and_then(|(host, port)| named(&server, host, port)) {
                            Ok(server) => part.to = Some(To { server, is_asking: code == "ASK" }),
                            Err(fault) => part.answer = Some(Err(fault)),
                        }
                    }
                    // Of the names of a key some have been handed over, and some have not.
                    "TRYAGAIN" => {
                        part.to = None;
                        if let Some([first, then]) = part.request.apart() {
                            (part.request, part.then) = (first, Some(then));
                        } else {
                            next.waits = true;
                        }
                    }
                    code => {
                        next.doubts |= code == "CLUSTERDOWN";
                        part.answer = Some(answer);
                    }
                }
            }
        }
        next.doubts |= is_moved;
        self.moves += u32::from(is_moved);
        if self.moves > MOST {
            self.end(&Fault::new(FaultKind::Unable, "the servers of the cluster do not agree on who has the slot"));
        }
        next
    }

    /// Whoever has no answer has this.
    pub(super) fn end(&mut self, fault: &Fault) {
        for part in self.parts.iter_mut().filter(|part| part.answer.is_none()) {
            part.answer = Some(Err(fault.clone()));
        }
    }

    /// The answers, in the order of the requests.
    pub(super) fn answers(self) -> Vec<Result<Value, Fault>> {
        self.parts.into_iter().map(|part| part.answer.unwrap_or_else(|| Err(Fault::strange()))).collect()
    }
}

impl Batch<'_, '_> {
    /// With what became of it.
    pub(super) fn told(&self, answer: Result<Value, Fault>) -> Told {
        let parts = self.parts.iter().map(|(place, _, is_asking)| (*place, *is_asking)).collect();
        Told { server: Arc::clone(&self.server), parts, answer }
    }
}

impl Pack for Batch<'_, '_> {
    /// Of several keys at once none is read together with those of others, as their slots are not the same.
    fn pack(&self, form: Form) -> Packed<'_> {
        if let [(_, request, false)] = &self.parts[..] {
            return request.pack(form);
        }
        let mut pipeline = Pipeline::with_capacity(self.parts.len());
        for (_, request, is_asking) in &self.parts {
            if *is_asking {
                pipeline.cmd("ASKING");
            }
            match request.pack(form) {
                Packed::Read(command) => {
                    pipeline.add_command(Cmd::clone(command));
                }
                Packed::One(command) => {
                    pipeline.add_command(command.into_owned());
                }
                Packed::Many(commands) => {
                    for command in commands.cmd_iter() {
                        pipeline.add_command(command.clone());
                    }
                }
            }
        }
        Packed::Many(pipeline)
    }
}

/// The answers to a batch, without those to what announces some of it.
fn each(answer: Value, parts: &[(usize, bool)]) -> Result<Vec<Value>, Fault> {
    if let [(_, false)] = parts {
        return Ok(vec![answer]);
    }
    let Value::Array(answers) = answer else { return Err(Fault::strange()) };
    let mut answers = answers.into_iter();
    let of_each = parts.iter().filter_map(|(_, is_asking)| {
        if *is_asking {
            answers.next();
        }
        answers.next()
    });
    Ok(of_each.collect())
}
