//! What is asked of a server to read and to write values.

use std::borrow::Cow;
use std::time::Duration;

use cachekit::backend::{Content, Patch};

use super::fault::Fault;
use super::name;
use super::protocol::{Pipeline, Response, Status};
use super::step::{At, Item, MARK, Step, exactly, fits};
use super::time;

/// Asks whether anybody is there.
pub(super) struct Ping;

impl Step for Ping {
    type Done = ();

    fn ask(&mut self, _: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        pipeline.noop();
        Ok(())
    }

    fn hear(&mut self, _: At<'_>, answers: Vec<Response>) -> Result<Option<()>, Fault> {
        let [answer] = exactly(answers)?;
        if answer.status == Status::Noop { Ok(Some(())) } else { Err(Fault::strange()) }
    }
}

/// Reads a value.
pub(super) struct Get<'a>(Cow<'a, str>);

impl<'a> Get<'a> {
    pub(super) fn new(key: &'a str) -> Self {
        Self(name::value(key))
    }
}

impl Step for Get<'_> {
    type Done = Option<Content>;

    fn ask(&mut self, _: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        pipeline.get(&self.0).with("v f").end();
        Ok(())
    }

    fn hear(&mut self, _: At<'_>, answers: Vec<Response>) -> Result<Option<Self::Done>, Fault> {
        let [answer] = exactly(answers)?;
        let item = Item::of(answer)?.filter(|item| !item.is_vacant());
        Ok(Some(item.map(|item| Content::Bytes(item.content))))
    }
}

/// Stores a value, or deletes it, and ends the lease.
///
/// The lease goes first. Were it the value, somebody could be lent the lease of the new value that goes then; so it is one
/// who computes from now on at most, and whose commit the change of the value prevents.
pub(super) struct Write<'a> {
    key: &'a str,
    name: Cow<'a, str>,
    new: Option<(&'a [u8], Option<Duration>)>,
}

impl<'a> Write<'a> {
    pub(super) fn set(key: &'a str, content: &'a [u8], keep: Option<Duration>) -> Self {
        Self { key, name: name::value(key), new: Some((content, keep)) }
    }

    pub(super) fn delete(key: &'a str) -> Self {
        Self { key, name: name::value(key), new: None }
    }
}

impl Step for Write<'_> {
    type Done = ();

    fn ask(&mut self, at: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        let name = &*self.name;
        if let Some((content, _)) = self.new {
            fits(at, self.key, name, content)?;
        }
        pipeline.delete(&name::lease(name)).end();
        match self.new {
            Some((content, keep)) => pipeline.set(name, content).number('F', MARK).keep(time::keep(keep)).end(),
            None => pipeline.delete(name).end(),
        }
        Ok(())
    }

    fn hear(&mut self, _: At<'_>, answers: Vec<Response>) -> Result<Option<()>, Fault> {
        let [_, value] = exactly(answers)?;
        match value.status {
            Status::Done => Ok(Some(())),
            Status::NotFound if self.new.is_none() => Ok(Some(())),
            _ => Err(Fault::strange()),
        }
    }
}

/// Stores a value where there is none.
pub(super) struct Add<'a> {
    key: &'a str,
    name: Cow<'a, str>,
    content: &'a [u8],
    keep: Option<Duration>,
    over: Over,
}

/// What a value is stored over.
enum Over {
    Nothing,
    /// The place of a value, of this version.
    Vacant(u64),
    /// The same value, which is not kept as long.
    Itself(Item),
}

impl<'a> Add<'a> {
    pub(super) fn new(key: &'a str, content: &'a [u8], keep: Option<Duration>) -> Self {
        Self { key, name: name::value(key), content, keep, over: Over::Nothing }
    }
}

impl Step for Add<'_> {
    type Done = Content;

    fn ask(&mut self, at: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        let (name, keep) = (&*self.name, time::keep(self.keep));
        fits(at, self.key, name, self.content)?;
        match &self.over {
            Over::Nothing => pipeline.set(name, self.content).with("ME").number('F', MARK).keep(keep).end(),
            Over::Vacant(version) => {
                pipeline.set(name, self.content).number('C', *version).number('F', MARK).keep(keep).end();
            }
            Over::Itself(item) => {
                let same = pipeline.set(name, &item.content).number('C', item.version);
                same.number('F', item.mark.into()).keep(keep).end();
            }
        }
        pipeline.get(name).with("v f c t").end();
        Ok(())
    }

    fn hear(&mut self, _: At<'_>, answers: Vec<Response>) -> Result<Option<Content>, Fault> {
        let [written, there] = exactly(answers)?;
        let over = std::mem::replace(&mut self.over, Over::Nothing);
        if written.status == Status::Done {
            let stored = if let Over::Itself(item) = over { item.content } else { self.content.to_vec() };
            return Ok(Some(Content::Bytes(stored)));
        }
        self.over = match Item::of(there)? {
            None => Over::Nothing,
            Some(item) if item.is_vacant() => Over::Vacant(item.version),
            Some(item) if time::is_enough(item.left, self.keep) => return Ok(Some(Content::Bytes(item.content))),
            Some(item) => Over::Itself(item),
        };
        Ok(None)
    }
}

/// Overwrites bytes of a value, and ends the lease.
pub(super) struct Change<'a> {
    name: Cow<'a, str>,
    patch: Patch,
    next: Next,
}

enum Next {
    Look,
    /// Stores the value that a patch has made of this item.
    Store(Item),
    /// Ends the computation that rests on this version; what holds a place goes altogether.
    End {
        version: u64,
        is_vacant: bool,
    },
}

impl<'a> Change<'a> {
    pub(super) fn new(key: &'a str, patch: Patch) -> Self {
        Self { name: name::value(key), patch, next: Next::Look }
    }

    /// What is to be done to an item.
    fn of(&self, mut item: Item) -> Next {
        let (version, is_vacant) = (item.version, item.is_vacant());
        let mut content = Content::Bytes(std::mem::take(&mut item.content));
        let is_patched = !is_vacant && content.patch(self.patch);
        match content {
            Content::Bytes(content) if is_patched => Next::Store(Item { content, ..item }),
            _ => Next::End { version, is_vacant },
        }
    }
}

impl Step for Change<'_> {
    type Done = bool;

    fn ask(&mut self, _: At<'_>, pipeline: &mut Pipeline) -> Result<(), Fault> {
        let name = &*self.name;
        match &self.next {
            // As with other writes the lease goes first.
            Next::Look => pipeline.delete(&name::lease(name)).end(),
            Next::Store(item) => {
                let changed = pipeline.set(name, &item.content).number('C', item.version);
                changed.number('F', item.mark.into()).keep(time::left(item.left)).end();
            }
            Next::End { version, is_vacant: true } => pipeline.delete(name).number('C', *version).end(),
            Next::End { version, is_vacant: false } => pipeline.delete(name).with("I").number('C', *version).end(),
        }
        pipeline.get(name).with("v f c t").end();
        Ok(())
    }

    fn hear(&mut self, _: At<'_>, answers: Vec<Response>) -> Result<Option<bool>, Fault> {
        let [done, there] = exactly(answers)?;
        match self.next {
            Next::Store(_) if done.status == Status::Done => return Ok(Some(true)),
            Next::End { .. } if done.status == Status::Done => return Ok(Some(false)),
            _ => {}
        }
        let Some(item) = Item::of(there)? else { return Ok(Some(false)) };
        self.next = self.of(item);
        Ok(None)
    }
}
