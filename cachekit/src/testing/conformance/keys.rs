//! Any text is a key: rule 1, and what leases have to do with keys.

use super::fault::{Kept, Outcome};
use super::trial::{Trial, token};
use crate::backend::{Claim, Content};

/// How often a key that others may use as well is tried.
const TRIES: usize = 20;

/// These two cannot be random; another run of the suite may use them at the same time.
pub(super) fn the_shortest_keys_are_keys(t: &Trial<'_>) -> Outcome {
    for key in ["", "k"] {
        let key = t.exactly(key.to_owned());
        let mut outcome = Ok(());
        for _ in 0..TRIES {
            let content = t.content(&format!("{:032x}", fastrand::u128(..)));
            t.set(&key, &content)?;
            outcome = t.holds(&key, Some(&content), &format!("of the key {key:?}"));
            t.delete(&key)?;
            if outcome.is_ok() {
                break;
            }
        }
        outcome?;
    }
    Ok(())
}

pub(super) fn odd_keys_are_told_apart(t: &Trial<'_>) -> Outcome {
    let base = t.key("odd");
    let keys: Vec<String> = endings().into_iter().map(|ending| t.exactly(format!("{base}{ending}"))).collect();
    let beginnings = ["{", "}", "{}", "{a}", "../", "/", "\\", " ", "\n", "\0", "-", "$", "%", "é", "."];
    let more = beginnings.into_iter().map(|beginning| t.exactly(format!("{beginning}{base}")));
    let keys: Vec<String> = keys.into_iter().chain(more).collect();
    let contents: Vec<Content> = (0..keys.len()).map(|number| t.content(&number.to_string())).collect();
    for (key, content) in keys.iter().zip(&contents) {
        t.holds(key, None, &format!("of the key {}, where only others are stored", shown(key)))?;
        t.set(key, content)?;
    }
    for (key, content) in keys.iter().zip(&contents) {
        t.holds(key, Some(content), &format!("of the key {}", shown(key)))?;
    }
    let all: Vec<&str> = keys.iter().map(String::as_str).collect();
    t.get_many(&all)?.is(contents.iter().map(|content| Some(Kept::from(content))).collect(), "of odd keys")?;
    for (key, next) in keys.iter().zip(keys.iter().zip(&contents).skip(1)) {
        t.delete(key)?;
        t.holds(key, None, &format!("of the key {} after its `delete`", shown(key)))?;
        t.holds(next.0, Some(next.1), &format!("of the key {} after the `delete` of another", shown(next.0)))?;
    }
    Ok(())
}

/// What stands at the end of keys that are otherwise equal.
fn endings() -> Vec<String> {
    let short = [
        "",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "a",
        "A",
        "b",
        "a ",
        " a",
        "a\n",
        "a\0",
        "a\0b",
        "{}",
        "{",
        "}",
        "{a}",
        "a}b{",
        "{a}{b}",
        "}{",
        "/",
        "/a",
        "/../a",
        "\\a",
        ".",
        "..",
        "a.",
        "*",
        "?",
        "[a]",
        "a?",
        "%",
        "%00",
        "%20",
        "+",
        "\"",
        "'",
        "`",
        "$(a)",
        ";",
        "|",
        "<a>",
        ":",
        "::",
        "a:b",
        "\u{7f}",
        "\u{1b}[0m",
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "ſ",
        "中文",
        "\u{202e}a",
        "\u{feff}",
        "\u{10ffff}",
        "🦀",
        "con",
        "nul.txt",
        "~",
        "#",
        "\u{e000}",
    ];
    // Limits of stores that are known, and keys that differ in their last character only.
    let long = [200, 254, 255, 256, 1_000, 3_900];
    let long = long.iter().flat_map(|&length| ["x", "y"].map(|last| format!("{}{last}", "l".repeat(length))));
    short.into_iter().map(str::to_owned).chain(long).chain(["é".repeat(2_000)]).collect()
}

/// Names that a store might give to the lease of a key, or to a content that is half written.
const RELATED: [&str; 22] = [
    "KEY:lock",
    "KEY:lease",
    "KEY%lock",
    "KEY%lease",
    "KEY.lock",
    "KEY.lease",
    "KEY#lock",
    "KEY#lease",
    "KEY/lock",
    "KEY/lease",
    "KEY-lock",
    "KEY_lock",
    "lock:KEY",
    "lease:KEY",
    "{KEY}",
    "{KEY}:lock",
    "{KEY}:lease",
    "{KEY}%lease",
    "KEY.tmp",
    "KEY\0",
    "_lockKEY",
    "KEY:",
];

pub(super) fn a_lease_is_of_one_key(t: &Trial<'_>) -> Outcome {
    let base = t.key("base");
    let (mine, others, content) = (token(), token(), t.content("committed"));
    t.lend(&base, mine)?;
    let related = RELATED.map(|name| t.exactly(name.replace("KEY", &base)));
    for key in &related {
        let when = format!("of the key {}, while another is lent out", shown(key));
        t.on_rule(1).holds(key, None, &when)?;
        t.acquire(key, others, Claim::Unseen(&[]))?.is(super::fault::Lent::Granted, &when)?;
        t.commit(key, &content, others)?.is(true, &when)?;
    }
    for key in &related {
        t.set(key, &content)?;
        t.delete(key)?;
    }
    t.commit(&base, &content, mine)?.is(true, "after keys of like names were stored and deleted")?;
    t.holds(&base, Some(&content), "after its `commit`")
}

fn shown(key: &str) -> String {
    let mut shown: String = key.escape_debug().collect();
    if shown.chars().count() > 90 {
        shown = shown.chars().take(87).chain("...".chars()).collect();
    }
    format!("\"{shown}\" of {} bytes", key.len())
}
