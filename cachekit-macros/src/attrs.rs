//! Which attribute of the user's goes where.
//!
//! One function becomes several items. What callers see (documentation, `must_use`, `deprecated`) stays on the function
//! that they call; what changes the body (`tracing::instrument` and everything unknown) goes with the body; `cfg` goes
//! everywhere, or a configured-out function would leave its companions behind.
//!
//! | attribute | wrapper | original | type | implementations | registration |
//! |---|---|---|---|---|---|
//! | `doc`, `must_use`, `deprecated`, `inline` | x | | | | |
//! | `doc(hidden)` | x | | x | | |
//! | `cfg` | x | x | x | x | x |
//! | `allow` | x | x | x | x | |
//! | `warn`, `deny`, `forbid` | x | x | | | |
//! | `expect` of a lint about the function | x | as `allow` | as `allow` | as `allow` | |
//! | `expect` of another lint of rustc's | as `allow` | x | as `allow` | as `allow` | |
//! | `expect(clippy::…)` | as `allow` | as `allow` | as `allow` | as `allow` | |
//! | everything else | | x | | | |
//!
//! `cfg_attr` is taken apart, `expect` too. Where several items carry an `expect` that one of them fulfils, the others would
//! warn, so at most one item expects and the others allow.

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token, parse_quote};

/// An emitted item, or a kind of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The function that callers see.
    Wrapper,
    /// The user's body.
    Original,
    /// The companion type.
    Type,
    /// The `impl` blocks of the companion type.
    Impl,
    /// The entry in the list of annotated functions.
    Registration,
}

/// Lints that judge the function from outside, and so find the wrapper.
const OF_THE_WRAPPER: &[&str] = &["dead_code", "missing_docs", "non_snake_case", "unreachable_pub", "unused"];

/// The attributes that an item carries.
pub(crate) fn at(attrs: &[Attribute], place: Place) -> Vec<Attribute> {
    attrs
        .iter()
        .filter(|attr| !is_this_macro(attr))
        .flat_map(|attr| parts(&attr.meta, place).into_iter().map(|meta| Attribute { meta, ..attr.clone() }))
        .collect()
}

/// All of them but this macro's.
pub(crate) fn others(attrs: &[Attribute]) -> Vec<Attribute> {
    attrs.iter().filter(|attr| !is_this_macro(attr)).cloned().collect()
}

/// Whether an attribute below is a second one of this macro's, which `validate` reports.
pub(crate) fn is_this_macro(attr: &Attribute) -> bool {
    attr.path()
        .segments
        .last()
        .is_some_and(|segment| segment.ident == "cache_on_arguments" || segment.ident == "cache_multi_on_arguments")
}

/// What is left of an attribute at a place.
fn parts(meta: &Meta, place: Place) -> Vec<Meta> {
    use Place::{Original, Registration, Type, Wrapper};
    let name = meta.path().get_ident().map(ToString::to_string).unwrap_or_default();
    let stays = match name.as_str() {
        "cfg_attr" => return conditional(meta, place),
        "expect" => return expected(meta, place),
        "doc" => place == Wrapper || place == Type && is_hidden(meta),
        "must_use" | "deprecated" | "inline" => place == Wrapper,
        "cfg" => true,
        "allow" => place != Registration,
        "warn" | "deny" | "forbid" => matches!(place, Wrapper | Original),
        _ => place == Original,
    };
    stays.then(|| meta.clone()).into_iter().collect()
}

fn is_hidden(meta: &Meta) -> bool {
    matches!(meta, Meta::List(list) if list.tokens.to_string() == "hidden")
}

/// Input: `cfg_attr(test, doc = "…", cold)`. Output for the original: `cfg_attr(test, cold)`.
fn conditional(meta: &Meta, place: Place) -> Vec<Meta> {
    let inner = listed(meta);
    let Some((condition, attributes)) = inner.split_first() else { return unread(meta, place) };
    let left: Vec<Meta> = attributes.iter().flat_map(|attribute| parts(attribute, place)).collect();
    if left.is_empty() { Vec::new() } else { vec![parse_quote!(cfg_attr(#condition, #(#left),*))] }
}

/// Input: `expect(dead_code, clippy::foo, reason = "…")`.
/// Output for the original: `expect(clippy::foo, reason = "…")`.
fn expected(meta: &Meta, place: Place) -> Vec<Meta> {
    let inner = listed(meta);
    if inner.is_empty() {
        return unread(meta, place);
    }
    let (lints, reason): (Vec<Meta>, Vec<Meta>) = inner.into_iter().partition(|part| matches!(part, Meta::Path(_)));
    let with_level = |lint: &Meta| -> Option<Meta> {
        if place == Place::Registration {
            return None;
        }
        Some(if judge(lint) == Some(place) {
            parse_quote!(expect(#lint #(, #reason)*))
        } else {
            parse_quote!(allow(#lint #(, #reason)*))
        })
    };
    lints.iter().filter_map(with_level).collect()
}

/// The one item that a lint judges for certain.
///
/// Clippy's lints have each their own idea of code that a macro wrote, so what they judge is not known.
fn judge(lint: &Meta) -> Option<Place> {
    if OF_THE_WRAPPER.iter().any(|name| lint.path().is_ident(name)) {
        return Some(Place::Wrapper);
    }
    lint.path().get_ident().map(|_| Place::Original)
}

/// The list in parentheses; empty where `syn` cannot read it.
fn listed(meta: &Meta) -> Vec<Meta> {
    let Meta::List(list) = meta else { return Vec::new() };
    let parsed = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone());
    parsed.map(|parts| parts.into_iter().collect()).unwrap_or_default()
}

/// An attribute that this module cannot read goes where the compiler will complain about it, once.
fn unread(meta: &Meta, place: Place) -> Vec<Meta> {
    (place == Place::Original).then(|| meta.clone()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;

    /// What each place gets: wrapper, original, type, implementations, registration.
    fn placed(attr: &str) -> [String; 5] {
        let attrs = Attribute::parse_outer.parse_str(attr).unwrap();
        [Place::Wrapper, Place::Original, Place::Type, Place::Impl, Place::Registration].map(|place| {
            let attrs = at(&attrs, place);
            attrs.iter().map(|attr| attr.meta.to_token_stream().to_string()).collect::<Vec<_>>().join("; ")
        })
    }

    #[test]
    fn the_table_holds() {
        let table = [
            ("#[doc = \"Docs.\"]", ["doc = \"Docs.\"", "", "", "", ""]),
            ("#[doc(hidden)]", ["doc (hidden)", "", "doc (hidden)", "", ""]),
            ("#[must_use]", ["must_use", "", "", "", ""]),
            ("#[deprecated]", ["deprecated", "", "", "", ""]),
            ("#[inline]", ["inline", "", "", "", ""]),
            ("#[cfg(unix)]", ["cfg (unix)"; 5]),
            ("#[allow(x)]", ["allow (x)", "allow (x)", "allow (x)", "allow (x)", ""]),
            ("#[deny(x)]", ["deny (x)", "deny (x)", "", "", ""]),
            ("#[expect(unused)]", ["expect (unused)", "allow (unused)", "allow (unused)", "allow (unused)", ""]),
            (
                "#[expect(clippy::x)]",
                ["allow (clippy :: x)", "allow (clippy :: x)", "allow (clippy :: x)", "allow (clippy :: x)", ""],
            ),
            ("#[expect(x)]", ["allow (x)", "expect (x)", "allow (x)", "allow (x)", ""]),
            ("#[tracing::instrument]", ["", "tracing :: instrument", "", "", ""]),
        ];
        for (attr, places) in table {
            assert_eq!(placed(attr), places, "{attr}");
        }
    }

    #[test]
    fn conditions_and_lists_are_taken_apart() {
        assert_eq!(
            placed("#[cfg_attr(unix, doc = \"Docs.\", cold, cfg(x))]"),
            [
                "cfg_attr (unix , doc = \"Docs.\" , cfg (x))",
                "cfg_attr (unix , cold , cfg (x))",
                "cfg_attr (unix , cfg (x))",
                "cfg_attr (unix , cfg (x))",
                "cfg_attr (unix , cfg (x))",
            ]
        );
        assert_eq!(
            placed("#[expect(dead_code, x, reason = \"why\")]")[..2],
            [
                "expect (dead_code , reason = \"why\"); allow (x , reason = \"why\")",
                "allow (dead_code , reason = \"why\"); expect (x , reason = \"why\")",
            ]
        );
    }
}
