//! Threads and tasks, and those who do not wait: rules 13 and 14.

use std::task::{Poll, Waker};
use std::time::Duration;

use super::drive::{self, Caller};
use super::fault::{Fault, Kept, Outcome};
use super::trial::{HOUR, Trial, token};
use crate::backend::{Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};
use crate::error::Error;

/// What the operations of the contract are asked with.
struct Asked<'a> {
    key: &'a str,
    keys: [&'a str; 2],
    put: Put<'a>,
    puts: [Put<'a>; 1],
    token: Token,
    leases: [(&'a str, Lease, Claim<'a>); 1],
    commits: [(Put<'a>, Token); 1],
    tokens: [(&'a str, Token); 1],
}

type Operation = for<'a> fn(&'a dyn Backend, &'a Asked<'a>, Context) -> Answer<'a, ()>;

fn done<'a, T: Send + 'a>(answer: Answer<'a, T>) -> Answer<'a, ()> {
    Answer::later(async { answer.await.map(drop) })
}

/// Each operation of the contract.
const OPERATIONS: [(&str, Operation); 17] = [
    ("ping", |backend, _, context| backend.ping(context)),
    ("get", |backend, asked, context| done(backend.get(asked.key, context))),
    ("set", |backend, asked, context| backend.set(asked.put, context)),
    ("get_many", |backend, asked, context| done(backend.get_many(&asked.keys, context))),
    ("set_many", |backend, asked, context| backend.set_many(&asked.puts, context)),
    ("add", |backend, asked, context| done(backend.add(asked.put, context))),
    ("add_many", |backend, asked, context| done(backend.add_many(&asked.puts, context))),
    ("patch", |backend, asked, context| done(backend.patch(asked.key, Patch::expired(), context))),
    ("delete", |backend, asked, context| backend.delete(asked.key, context)),
    ("delete_many", |backend, asked, context| backend.delete_many(&asked.keys, context)),
    ("acquire", |backend, asked, context| done(backend.acquire(asked.key, lease(asked.token), Claim::Always, context))),
    ("renew", |backend, asked, context| done(backend.renew(asked.key, lease(asked.token), context))),
    ("commit", |backend, asked, context| done(backend.commit(asked.put, asked.token, context))),
    ("abandon", |backend, asked, context| backend.abandon(asked.key, asked.token, context)),
    ("acquire_many", |backend, asked, context| done(backend.acquire_many(&asked.leases, context))),
    ("commit_many", |backend, asked, context| done(backend.commit_many(&asked.commits, context))),
    ("abandon_many", |backend, asked, context| backend.abandon_many(&asked.tokens, context)),
];

fn lease(token: Token) -> Lease {
    Lease { token, length: HOUR }
}

/// Goes through the operations that the backend has.
fn each_operation(t: &Trial<'_>, mut each: impl FnMut(&'static str, Operation, &Asked<'_>) -> Outcome) -> Outcome {
    let count = if t.backend().has_leases() { OPERATIONS.len() } else { OPERATIONS.len() - 7 };
    for (name, operation) in &OPERATIONS[..count] {
        let (key, other, content) = (t.key(name), t.key("other"), t.content(name));
        let put = Put { key: &key, content: &content, keep: Some(HOUR) };
        let token = token();
        let asked = Asked {
            key: &key,
            keys: [&key, &other],
            put,
            puts: [put],
            token,
            leases: [(&key, lease(token), Claim::Always)],
            commits: [(put, token)],
            tokens: [(&key, token)],
        };
        each(name, *operation, &asked)?;
    }
    Ok(())
}

pub(super) fn every_operation_answers(t: &Trial<'_>) -> Outcome {
    each_operation(t, |name, operation, asked| {
        t.ask(name, |backend, context| operation(backend, asked, context)).map(drop)
    })
}

/// Whether an answer blocks shows by the fastest of some: all others may have met a busy machine.
pub(super) fn answers_do_not_block(t: &Trial<'_>) -> Outcome {
    const LONG: Duration = Duration::from_millis(40);
    if t.backend().is_blocking() || t.caller == Caller::Thread {
        return Ok(());
    }
    each_operation(t, |name, operation, asked| {
        let mut fastest = Duration::MAX;
        for _ in 0..5 {
            let longest = drive::longest_poll(|| operation(t.backend(), asked, t.context()), t.limit);
            fastest = fastest.min(longest);
            if fastest < LONG {
                return Ok(());
            }
        }
        let came = format!("one that takes {fastest:?}, though `is_blocking` is false");
        Err(t.fault(name, "in a task", "an answer that does not block the thread which polls it", came))
    })
}

pub(super) fn many_answers_at_once(t: &Trial<'_>) -> Outcome {
    const COUNT: usize = 64;
    let keys: Vec<String> = (0..COUNT).map(|number| t.key(&number.to_string())).collect();
    let contents: Vec<Content> = (0..COUNT).map(|number| t.content(&number.to_string())).collect();
    let puts: Vec<Put<'_>> =
        keys.iter().zip(&contents).map(|(key, content)| Put { key, content, keep: Some(HOUR) }).collect();
    if t.caller == Caller::Thread || t.backend().is_blocking() {
        return t
            .at_once(8, |t, number| {
                for round in 0..COUNT {
                    let own = (number + round) % COUNT;
                    t.set(&keys[own], &contents[own])?;
                    t.holds(&keys[own], Some(&contents[own]), "while 8 threads store the same under 64 keys")?;
                }
                Ok(())
            })
            .map(drop);
    }
    // One task waits for all of them, while other tasks do the same.
    t.at_once(3, |t, _| {
        let context = t.context();
        all(t, "set", puts.iter().map(|put| t.backend().set(*put, context)).collect(), |_| true)?;
        let found = keys.iter().map(|key| t.backend().get(key, context)).collect();
        let found = all(t, "get", found, |_| true)?;
        let expected: Vec<_> = contents.iter().map(|content| Some(Kept::from(content))).collect();
        let found: Vec<_> = found.iter().map(|found| found.as_ref().map(Kept::from)).collect();
        if found == expected {
            return Ok(());
        }
        let wrong = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        let came = wrong.map(|(found, expected)| format!("{found:?} in place of {expected:?}")).unwrap_or_default();
        Err(t.fault("get", "as one of 64 that a task waits for at once", "an answer of one's own", came))
    })
    .map(drop)
}

/// Waits for some answers at once, and drops those that are not `wanted` after they were polled once.
fn all<T>(
    t: &Trial<'_>,
    operation: &'static str,
    answers: Vec<Answer<'_, T>>,
    wanted: impl Fn(usize) -> bool,
) -> Outcome<Vec<T>> {
    let mut wanted_answers = Vec::with_capacity(answers.len());
    for (number, mut answer) in answers.into_iter().enumerate() {
        if wanted(number) {
            wanted_answers.push(Some(answer));
        } else {
            let _: Poll<Result<T, Error>> = drive::poll(&mut answer, Waker::noop());
        }
    }
    let Some(results) = drive::together(wanted_answers, t.limit * 2) else {
        let fault = t.on_rule(14).fault(operation, "as one of 64 at once", "an answer in time", "none".to_owned());
        return Err(Fault { hangs: true, ..fault });
    };
    results
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error: Error| t.fault(operation, "as one of 64 at once", "an answer", format!("the error: {error}")))
}

pub(super) fn any_limit_will_do(t: &Trial<'_>) -> Outcome {
    each_operation(t, |name, operation, asked| {
        let for_ever = t.within(Duration::MAX);
        for_ever.ask(name, |backend, context| operation(backend, asked, context)).map(drop)
    })?;
    let (key, content) = (t.key("in no time"), t.content("stored"));
    for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(50), Duration::from_millis(1)] {
        each_operation(t, |name, operation, asked| {
            // It may be carried out or not; it is no panic, and comes.
            t.within(limit).attempt(name, |backend, context| operation(backend, asked, context)).map(drop)
        })?;
        t.set(&key, &content)?;
        t.holds(&key, Some(&content), &format!("after operations that were to be done within {limit:?}"))?;
        t.delete(&key)?;
    }
    Ok(())
}

pub(super) fn what_is_dropped_harms_no_other(t: &Trial<'_>) -> Outcome {
    if t.caller == Caller::Thread || t.backend().is_blocking() {
        return Ok(());
    }
    let (key, content) = (t.key("others"), t.content("others"));
    each_operation(t, |name, operation, asked| {
        t.set(&key, &content)?;
        for polls in [0, 1, 2] {
            let mut answer = operation(t.backend(), asked, t.context());
            for _ in 0..polls {
                if drive::poll(&mut answer, Waker::noop()).is_ready() {
                    break;
                }
            }
            drop(answer);
            let when = format!("after an answer of `{name}` was dropped that had been polled {polls} times");
            t.holds(&key, Some(&content), &when)?;
            let stored = Kept::from(asked.put.content);
            let here = [Some(stored.clone()), Some(stored.expired()), None];
            t.get(asked.key)?.one_of(&here, format!("of the same key, {when}"))?;
        }
        t.commit_after(name)
    })?;
    some_of_many(t)
}

impl Trial<'_> {
    /// A computation of another key goes its way.
    fn commit_after(&self, name: &str) -> Outcome {
        if !self.backend().has_leases() {
            return Ok(());
        }
        let (key, content, mine) = (self.key(&format!("after {name}")), self.content("computed"), token());
        self.lend(&key, mine)?;
        self.commit(&key, &content, mine)?.is(true, format!("after answers of `{name}` were dropped"))
    }
}

/// Every other answer is dropped half-way: the rest come, each with its own.
fn some_of_many(t: &Trial<'_>) -> Outcome {
    const COUNT: usize = 64;
    let keys: Vec<String> = (0..COUNT).map(|number| t.key(&format!("of many {number}"))).collect();
    let contents: Vec<Content> = (0..COUNT).map(|number| t.content(&number.to_string())).collect();
    for (key, content) in keys.iter().zip(&contents) {
        t.set(key, content)?;
    }
    for round in 0..5 {
        let answers = keys.iter().map(|key| t.backend().get(key, t.context())).collect();
        let found = all(t, "get", answers, |number| number % 2 == round % 2)?;
        let expected = contents.iter().skip(round % 2).step_by(2);
        for (found, expected) in found.iter().zip(expected) {
            let found = found.as_ref().map(Kept::from);
            if found != Some(Kept::from(expected)) {
                let (expected, came) = (format!("{:?}", Kept::from(expected)), format!("{found:?}"));
                return Err(t.fault("get", "beside answers that were dropped half-way", &expected, came));
            }
        }
    }
    Ok(())
}
