//! Several at one key: rules 2 and 3.

use super::drive::Caller;
use super::fault::{Kept, Outcome};
use super::trial::{HOUR, Trial};
use crate::backend::{Content, Put};

/// Whether the second handle opens the same store as the first.
pub(super) fn see_each_other(t: &Trial<'_>) -> Outcome {
    let key = t.key("handles");
    let content = t.content("seen by both");
    t.by(0).set(&key, &content)?;
    t.by(1).holds(&key, Some(&content), "by the second backend that `make` has made, after a `set` by the first")
}

pub(super) fn who_has_written_reads(t: &Trial<'_>) -> Outcome {
    let (key, other) = (t.key("key"), t.key("other"));
    for round in 0..40_usize {
        let (writer, reader) =
            (t.by(round), t.by(round + 1).of(if round % 4 < 2 { Caller::Thread } else { Caller::Task }));
        let content = t.content(&round.to_string());
        writer.set(&key, &content)?;
        reader.holds(&key, Some(&content), "after a `set` that has returned")?;
        writer.set_many(&[Put { key: &other, content: &content, keep: Some(HOUR) }])?;
        reader.get_many(&[&other, &key])?.is(vec![Some(Kept::from(&content)); 2], "after writes that have returned")?;
        writer.delete(&key)?;
        reader.holds(&key, None, "after a `delete` that has returned")?;
        reader.add(&key, &content)?.is(Kept::from(&content), "after a `delete` that has returned")?;
        writer.holds(&key, Some(&content), "after an `add` that has returned")?;
        reader.delete_many(&[&key, &other])?;
        writer.get_many(&[&other, &key])?.is(vec![None; 2], "after a `delete_many` that has returned")?;
    }
    Ok(())
}

/// Two write contents of one byte each, of different lengths, over one another while two read.
pub(super) fn nobody_sees_half_a_content(t: &Trial<'_>) -> Outcome {
    const ROUNDS: usize = 60;
    let key = t.key("key");
    let contents: Vec<Content> =
        [(b'a', 40_000), (b'b', 65_000)].map(|(byte, length)| Content::Bytes(vec![byte; length])).into();
    let whole: Vec<Option<Kept>> = contents.iter().map(|content| Some(Kept::from(content))).collect();
    t.set(&key, &contents[0])?;
    t.at_once(4, |t, number| {
        let is_writer = number < 2;
        // Readers take the other handle than the writer of their parity.
        let t = t.by(if is_writer { number } else { number + 1 });
        for _ in 0..ROUNDS {
            if is_writer {
                t.set(&key, &contents[number])?;
            } else {
                t.get(&key)?.one_of(&whole, "while two write contents of 40,000 and of 65,000 bytes")?;
            }
        }
        Ok(())
    })
    .map(drop)
}
