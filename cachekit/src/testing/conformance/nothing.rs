//! A store that keeps nothing: each operation is carried out, and nothing is found.

use super::fault::{Kept, Outcome};
use super::trial::{HOUR, Trial};
use super::{Part, callers};
use crate::backend::{Patch, Put};

pub(super) const PARTS: &[Part] = &[
    Part::new(1, nothing_is_found),
    Part::new(13, callers::every_operation_answers),
    Part::new(13, callers::answers_do_not_block).of_bytes(),
];

fn nothing_is_found(t: &Trial<'_>) -> Outcome {
    let key = t.key("key");
    let content = t.content("gone");
    t.set(&key, &content)?;
    t.holds(&key, None, "of a store that keeps nothing")?;
    t.set_many(&[Put { key: &key, content: &content, keep: Some(HOUR) }; 2])?;
    t.on_rule(5).get_many(&[&key, &key])?.is(vec![None; 2], "of a store that keeps nothing")?;
    t.on_rule(6).add(&key, &content)?.is(Kept::from(&content), "of a store that keeps nothing")?;
    // What is added it may keep, for those who have nothing but epochs in common.
    t.delete(&key)?;
    t.on_rule(7).patch(&key, Patch::expired())?.is(false, "of a store that keeps nothing")?;
    t.delete_many(&[&key])
}
