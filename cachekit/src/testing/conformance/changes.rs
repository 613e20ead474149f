//! Changes that depend on what is stored: rules 6 and 7.

use super::fault::{Kept, Outcome};
use super::trial::{HOUR, Trial};
use crate::backend::{Content, Patch, Put};
use crate::record::EXPIRED_AT;

pub(super) fn add_stores_where_nothing_is_stored(t: &Trial<'_>) -> Outcome {
    let key = t.key("key");
    let [one, two] = ["one", "two"].map(|text| t.content(text));
    t.add(&key, &one)?.is(Kept::from(&one), "where nothing is stored")?;
    t.holds(&key, Some(&one), "after an `add` where nothing was stored")?;
    t.add(&key, &two)?.is(Kept::from(&one), "where something else is stored")?;
    t.holds(&key, Some(&one), "after an `add` where something else was stored")?;
    let told = t.ask("add", |backend, context| backend.add(Put { key: &key, content: &two, keep: None }, context))?;
    told.map(|stored| Kept::from(&stored)).is(Kept::from(&one), "for ever, where something else is stored")?;
    t.holds(&key, Some(&one), "after it was added for ever")?;
    t.delete(&key)?;
    t.add(&key, &two)?.is(Kept::from(&two), "after a `delete`")?;
    t.holds(&key, Some(&two), "after an `add` after a `delete`")?;
    let bytes = Content::Bytes(Vec::new());
    let empty = t.key("empty");
    t.set(&empty, &bytes)?;
    t.add(&empty, &one)?.is(Kept::from(&bytes), "where a content of no bytes is stored")
}

pub(super) fn those_who_add_at_once_are_told_the_same(t: &Trial<'_>) -> Outcome {
    const THREADS: usize = 8;
    for round in 0..20 {
        let key = t.key(&round.to_string());
        let told = t.at_once(THREADS, |t, number| t.add(&key, &t.content(&format!("of thread {number}"))))?;
        let found = t.get(&key)?;
        for told in told {
            let stored = found.value.clone().unwrap_or(Kept::Bytes(Vec::new()));
            told.is(stored, "of one of 8 at once, of whom all are told what is stored afterwards")?;
        }
    }
    Ok(())
}

pub(super) fn patch_overwrites_some_bytes(t: &Trial<'_>) -> Outcome {
    let key = t.key("key");
    let before: Vec<u8> = (0..100).collect();
    let last = before.len() - 1;
    let patches: [(&str, Patch); 6] = [
        ("of a byte in the middle", Patch::new(EXPIRED_AT, &[1])),
        ("of the first byte", Patch::new(0, &[200])),
        ("of the last byte", Patch::new(last, &[200])),
        ("of 8 bytes in the middle", Patch::new(40, &[10, 13, 0, 255, 128, 39, 92, 34])),
        ("of the last 8 bytes", Patch::new(last - 7, &[0; 8])),
        ("of bytes that are the same already", Patch::new(50, &[50, 51])),
    ];
    for (what, patch) in patches {
        t.set(&key, &Content::Bytes(before.clone()))?;
        let mut after = Content::Bytes(before.clone());
        after.patch(patch);
        patched(t, &key, patch, &after, what)?;
    }
    let beyond = [last, before.len(), before.len() + 1, 100_000, usize::MAX - 4, usize::MAX];
    for at in beyond {
        let content = Content::Bytes(before.clone());
        t.set(&key, &content)?;
        let when = format!("of 2 bytes at {at}, beyond the end of 100");
        t.patch(&key, Patch::new(at, &[200, 201]))?.is(false, &when)?;
        let unchanged = [Some(Kept::from(&content)), None];
        t.get(&key)?.one_of(&unchanged, format!("after a `patch` {when}"))?;
    }
    t.set(&key, &Content::Bytes(Vec::new()))?;
    t.patch(&key, Patch::expired())?.is(false, "where a content of no bytes is stored")?;
    t.get(&key)?.one_of(&[Some(Kept::Bytes(Vec::new())), None], "after a `patch` of a content of no bytes")?;
    nothing_is_made(t)
}

pub(super) fn patch_marks_a_live_object(t: &Trial<'_>) -> Outcome {
    let key = t.key("key");
    let before = t.content("of some length");
    let Content::Live(_) = before else { return Ok(()) };
    let mut after = before.clone();
    after.patch(Patch::expired());
    t.set(&key, &before)?;
    patched(t, &key, Patch::expired(), &after, "that marks it as expired")?;
    t.set(&key, &before)?;
    t.holds(&key, Some(&before), "stored anew, after the object was marked as expired")?;
    nothing_is_made(t)
}

/// Patches a content that has room for it: it is changed so, or gone.
fn patched(t: &Trial<'_>, key: &str, patch: Patch, after: &Content, what: &str) -> Outcome {
    let told = t.patch(key, patch)?;
    let expected = if told.value { Some(Kept::from(after)) } else { None };
    t.get(key)?.is(expected, format!("after a `patch` {what} that told {}", told.value))
}

fn nothing_is_made(t: &Trial<'_>) -> Outcome {
    let key = t.key("missing");
    t.patch(&key, Patch::expired())?.is(false, "where nothing is stored")?;
    t.holds(&key, None, "after a `patch` where nothing was stored")?;
    let content = t.content("deleted");
    t.set_for(&key, &content, Some(HOUR))?;
    t.delete(&key)?;
    t.patch(&key, Patch::new(0, &[1]))?.is(false, "after a `delete`")?;
    t.holds(&key, None, "after a `patch` after a `delete`")
}
