//! The programs of `docs/recipes.md` print what they are about, run as a reader would run them.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What a program of `examples/recipes` prints.
fn run(name: &str) -> String {
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "cachekit-examples", "--example", name])
        .output()
        .unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{text}{}", String::from_utf8_lossy(&run.stderr));
    text
}

/// Runs a program and compares what it prints, line by line.
fn prints(name: &str, lines: &[&str]) {
    let text = run(name);
    assert_eq!(text.lines().collect::<Vec<_>>(), lines, "{name}");
}

#[test]
fn a_group_is_forgotten_by_a_tag_and_by_recorded_keys() {
    let pages = [
        "making page 1 of user 5",
        "making page 2 of user 5",
        "making page 1 of user 6",
        // After the group was forgotten.
        "making page 1 of user 5",
        "making page 2 of user 5",
    ];
    prints("groups", &[&["by a tag"], &pages[..], &["by recorded keys"], &pages[..]].concat());
}

#[test]
fn a_change_is_seen_when_the_background_has_caught_up() {
    let lines = ["at first: Ann, number 5", "after the change: Ann, number 5", "when it is renewed: Anna, number 5"];
    prints("background", &lines);
}

#[test]
fn programs_that_share_a_server_have_names_of_their_own() {
    prints(
        "shared_redis",
        &[
            "a call:   shop:users:shared_redis::load_user|5",
            "by hand:  shop:users:greeting",
            "the same: blog:users:greeting",
            "found by the other program: None",
        ],
    );
}

#[test]
fn a_proxy_compresses() {
    prints(
        "compression",
        &[
            "a page of 16000 bytes, and room for 4000",
            "kept as it is: false",
            "kept when packed: true",
            "read as it was: true",
        ],
    );
}

#[test]
fn values_of_a_session_stay_in_it() {
    prints(
        "session",
        &[
            "first request",
            "  loading account 5",
            "  greeting account 5",
            "  billing account 5",
            "second request",
            "  loading account 5",
            "  greeting account 5",
            "  billing account 5",
            "third request",
            "  loading account 5",
            "  in another thread: account 5",
        ],
    );
}

#[test]
fn a_backend_of_ones_own_keeps_every_rule() {
    prints("own_backend", &["every rule is kept", "stored: Some(5)", "invalidated: None"]);
}

#[test]
fn keys_are_as_their_generators_and_manglers_make_them() {
    prints(
        "keys",
        &[
            r#"ann 5 by users:keys::canonical|5,"ann""#,
            r#"ann 5 by keys::named(id=5, name="ann")"#,
            "ann 5 by user:5:ann",
            "ann 5 by own/5",
            "ann 5 by own/5",
            "myapp:users:user:5:ann",
            "narrow:short",
            "75f223021bed5657e0bdf45da664fb0eb08ac9cc",
        ],
    );
}

#[test]
fn what_cannot_be_decoded_is_computed_again() {
    prints(
        "changed_struct",
        &[
            r#"stored: User { name: "Ann Lee" }"#,
            r#"with a default: Some(UserWithMail { name: "Ann Lee", mail: None })"#,
            "unreadable: 0",
            "without one: None",
            "unreadable: 1",
            r#"computed again: UserInTwoParts { first: "Ann", last: "Lee" }"#,
            r#"and stored: Some(UserInTwoParts { first: "Ann", last: "Lee" })"#,
        ],
    );
}

#[test]
fn the_old_value_is_served_while_no_new_one_can_be_made() {
    prints(
        "outage",
        &[
            "at first: Ok(1.25)",
            "  the bank does not answer",
            "two minutes later: Ok(1.25)",
            "once more: Ok(1.25)",
            "  the bank does not answer",
            "another currency: Err(Down)",
            "  the bank does not answer",
            "after six hours: Err(Down)",
        ],
    );
}

#[test]
fn a_test_moves_the_clock_and_switches_the_region_off() {
    let asking = "  asking for Bern";
    prints("manual_clock", &["a minute passes", asking, "the region is off", asking, asking]);
}

#[test]
fn requests_that_come_together_cause_one_query() {
    prints(
        "web",
        &[
            r#"10 answers such as "200 user 5""#,
            "queries: 1",
            r#""204 ""#,
            r#""200 user 5""#,
            "queries: 2",
            r#""404 no such user""#,
        ],
    );
}

#[test]
fn a_query_for_each_becomes_one_for_all() {
    prints(
        "n_plus_one",
        &[
            "past the cache",
            "  query for [5]",
            "  query for [7]",
            "  query for [5]",
            "  query for [500]",
            "gathered",
            "  query for [5, 7, 500]",
            "first, by author 5",
            "second, by author 7",
            "third, by author 5",
            "fourth, by somebody",
            "many keys",
            "  query for [8, 9]",
            "4 authors",
            "  query for [8]",
            "4 authors",
        ],
    );
}

#[test]
fn a_region_is_declared_first_and_configured_later() {
    let text = run("two_phases");
    assert!(text.contains("regions.user: there is no region `user`; declared are `users`"), "{text}");
    let lines = ["user 5", "myapp:users:k", "fresh for more than 9 minutes: true"];
    assert!(text.lines().collect::<Vec<_>>().ends_with(&lines), "{text}");
}

#[test]
fn the_page_and_this_file_name_every_program() {
    let programs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/recipes")).unwrap();
    for program in programs {
        let path = program.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(include_str!("../docs/recipes.md").contains(&format!("| `{name}` |")), "{name}");
        assert!(include_str!("recipes.rs").contains(&format!("\"{name}\"")), "{name}");
    }
}
