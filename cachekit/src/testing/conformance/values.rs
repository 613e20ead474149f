//! Contents under keys, one after the other: rules 1, 4, 5 and 15.

use std::time::Duration;

use super::fault::{Kept, Outcome};
use super::trial::{HOUR, Trial};
use crate::backend::{Content, Put};

pub(super) fn what_was_stored_is_found(t: &Trial<'_>) -> Outcome {
    let (key, other) = (t.key("key"), t.key("other"));
    let [one, two, else_where] = ["one", "two", "elsewhere"].map(|text| t.content(text));
    t.holds(&key, None, "of a key that nobody has stored")?;
    t.set(&key, &one)?;
    t.holds(&key, Some(&one), "after a `set`")?;
    t.holds(&key, Some(&one), "asked again")?;
    t.set(&other, &else_where)?;
    t.holds(&key, Some(&one), "after a `set` of another key")?;
    t.set(&key, &two)?;
    t.holds(&key, Some(&two), "after a second `set`")?;
    t.delete(&key)?;
    t.holds(&key, None, "after a `delete`")?;
    t.holds(&other, Some(&else_where), "after a `delete` of another key")?;
    t.delete(&key)?;
    t.set(&key, &one)?;
    t.holds(&key, Some(&one), "stored again after a `delete`")
}

pub(super) fn odd_contents_come_back_byte_for_byte(t: &Trial<'_>) -> Outcome {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let contents: [(&str, Vec<u8>); 12] = [
        ("of every byte", all.clone()),
        ("of no byte", Vec::new()),
        ("of one byte", vec![0]),
        ("of one byte with its highest bit", vec![0xff]),
        ("that is a number", b"41".to_vec()),
        ("that is no text", vec![0xc3, 0x28, 0xf0, 0x90]),
        ("that ends a line", b"a\r\nEND\r\n\r\n".to_vec()),
        ("that begins and ends with spaces", b"  a \t ".to_vec()),
        ("like one compressed by gzip", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0]),
        ("like the beginning of a record", b"ck\x01".to_vec()),
        ("of 64 KiB", all.iter().copied().cycle().take(1 << 16).collect()),
        ("of one byte, in the place of a long one", vec![7]),
    ];
    // Under one key after the other, so that a short one shows what a long one leaves behind; and one beside the other.
    let same = t.key("same");
    for (what, bytes) in &contents {
        let content = Content::Bytes(bytes.clone());
        t.set(&same, &content)?;
        t.holds(&same, Some(&content), &format!("of a content {what}"))?;
        t.set(&t.key(what), &content)?;
    }
    for (what, bytes) in contents {
        t.holds(&t.key(what), Some(&Content::Bytes(bytes)), &format!("of a content {what}, after others"))?;
    }
    Ok(())
}

pub(super) fn however_long_it_is_kept_it_is_found_at_first(t: &Trial<'_>) -> Outcome {
    const DAY: Duration = Duration::from_secs(86_400);
    let content = t.content("kept");
    let keeps =
        [None, Some(HOUR), Some(29 * DAY), Some(31 * DAY), Some(400 * DAY), Some(36_500 * DAY), Some(Duration::MAX)];
    for keep in keeps {
        let key = t.key(&format!("{keep:?}"));
        t.set_for(&key, &content, keep)?;
        t.holds(&key, Some(&content), &format!("at once after a `set` with `keep` of {keep:?}"))?;
    }
    // Whatever becomes of these, they are no error.
    for keep in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1)] {
        let key = t.key(&format!("{keep:?}"));
        t.set_for(&key, &content, Some(keep))?;
        t.get(&key)?.one_of(&[Some(Kept::from(&content)), None], format!("after a `set` with `keep` of {keep:?}"))?;
        t.set(&key, &content)?;
        t.holds(&key, Some(&content), "stored for an hour where it was to be kept for no time before")?;
    }
    Ok(())
}

pub(super) fn many_are_as_one(t: &Trial<'_>) -> Outcome {
    t.get_many(&[])?.is(Vec::new(), "of no keys")?;
    t.set_many(&[])?;
    t.delete_many(&[])?;
    let [a, b, c, missing] = ["a", "b", "c", "missing"].map(|name| t.key(name));
    let [one, two, three, last] = ["one", "two", "three", "last"].map(|text| t.content(text));
    let put = |key, content| Put { key, content, keep: Some(HOUR) };
    t.set_many(&[put(&*a, &one), put(&*b, &two), Put { key: &c, content: &three, keep: None }, put(&*a, &last)])?;
    t.holds(&a, Some(&last), "after a `set_many` that stores it twice")?;
    t.holds(&b, Some(&two), "after a `set_many`")?;
    let found = |of: &[Option<&Content>]| -> Vec<Option<Kept>> { of.iter().map(|one| one.map(Kept::from)).collect() };
    let (last, two, three) = (Some(&last), Some(&two), Some(&three));
    t.get_many(&[&c, &missing, &a, &c, &b, &missing])?.is(
        found(&[three, None, last, three, two, None]),
        "of keys in no order, some of them twice or stored by nobody",
    )?;
    t.get_many(&[&missing])?.is(vec![None], "of a key that nobody has stored")?;
    t.delete_many(&[&a, &missing, &c, &a])?;
    t.get_many(&[&a, &b, &c])?.is(found(&[None, two, None]), "after a `delete_many` of the first and the last")?;
    let [new, newer] = ["new", "newer"].map(|text| t.content(text));
    let puts = [put(&*a, &new), put(&*b, &new), put(&*c, &newer), put(&*a, &newer)];
    let kept = |of: &[&Content]| of.iter().map(|one| Kept::from(*one)).collect::<Vec<_>>();
    let stored = t.ask("add_many", |backend, context| backend.add_many(&puts, context))?;
    let stored = stored.map(|stored| stored.iter().map(Kept::from).collect::<Vec<_>>());
    let as_single = two.map_or_else(Vec::new, |two| kept(&[&new, two, &newer, &new]));
    stored.is(as_single, "where something is stored under the second key, and the last is the first again")?;
    t.get_many(&[&a, &b, &c])?.is(found(&[Some(&new), two, Some(&newer)]), "after an `add_many`")?;
    hundreds(t)
}

fn hundreds(t: &Trial<'_>) -> Outcome {
    let keys: Vec<String> = (0..300).map(|number| t.key(&number.to_string())).collect();
    let contents: Vec<Content> = (0..300).map(|number| t.content(&number.to_string())).collect();
    let puts: Vec<Put<'_>> =
        keys.iter().zip(&contents).map(|(key, content)| Put { key, content, keep: Some(HOUR) }).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    t.set_many(&puts)?;
    t.get_many(&keys)?.is(contents.iter().map(|content| Some(Kept::from(content))).collect(), "of 300 keys")?;
    t.delete_many(&keys)?;
    t.get_many(&keys)?.is(vec![None; 300], "of 300 keys after their `delete_many`")
}

pub(super) fn what_is_too_large_is_refused_aloud(t: &Trial<'_>) -> Outcome {
    let key = t.key("large");
    let before = t.content("before");
    t.set(&key, &before)?;
    let large = Content::Bytes((0..=u8::MAX).cycle().take(1 << 20).collect());
    let told = t.attempt("set", |backend, context| {
        backend.set(Put { key: &key, content: &large, keep: Some(HOUR) }, context)
    })?;
    let found = t.get(&key)?;
    match told.value {
        Ok(()) => found.is(Some(Kept::from(&large)), "after a `set` of 1 MiB that was said to be done")?,
        // A store that refuses it may have dropped what was there before.
        Err(_) => found.one_of(&[Some(Kept::from(&before)), None], "after a `set` of 1 MiB that was refused")?,
    }
    t.set(&key, &before)?;
    t.holds(&key, Some(&before), "after a `set` of something small again")
}
