//! `tags = ["user:{id}"]`: names of tags, with arguments where `format!` would have them.
//!
//! What it deliberately does not do: know the arguments, which `validate` compares; or judge how they are shown, which the
//! compiler does where the name is made.

use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Expr, ExprLit, Ident, Lit, LitStr};

/// One tag as written.
pub(crate) struct Tag {
    pub(crate) text: LitStr,
    /// The arguments that it names, without `r#`.
    pub(crate) names: Vec<String>,
}

const EXPECTED: &str = "expected a list of strings: write for example `tags = [\"user:{id}\", \"all-users\"]`";

/// The tags of `["user:{id}", "all-users"]`; every mistake in them, if there is one.
pub(crate) fn tags(value: Expr) -> syn::Result<Vec<Tag>> {
    let Expr::Array(list) = value else {
        return Err(syn::Error::new_spanned(value, EXPECTED));
    };
    if list.elems.is_empty() {
        return Err(syn::Error::new_spanned(list, "`tags` names nothing: list the tags, or remove it"));
    }
    let mut tags = Vec::new();
    let mut mistakes: Option<syn::Error> = None;
    for element in list.elems {
        match tag(element) {
            Ok(tag) => tags.push(tag),
            Err(mistake) => match &mut mistakes {
                Some(mistakes) => mistakes.combine(mistake),
                None => mistakes = Some(mistake),
            },
        }
    }
    mistakes.map_or(Ok(tags), Err)
}

fn tag(element: Expr) -> syn::Result<Tag> {
    match element {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => match names(&text.value()) {
            Ok(names) => Ok(Tag { text, names }),
            Err(mistake) => Err(syn::Error::new_spanned(text, mistake)),
        },
        // What a `macro_rules` passes on comes in invisible parentheses.
        Expr::Group(group) => tag(*group.expr),
        other => Err(syn::Error::new_spanned(other, EXPECTED)),
    }
}

/// What a format string names.
///
/// Input: `{org}:{id:>width$} {{}}`. Output: `org`, `id`, `width`.
fn names(text: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (brace, behind) = rest[at..].split_at(1);
        if let Some(behind) = behind.strip_prefix(brace) {
            rest = behind;
            continue;
        }
        let (inside, behind) = if brace == "{" { behind.split_once('}') } else { None }
            .ok_or_else(|| format!("a lone `{brace}`: write `{brace}{brace}` for the brace itself"))?;
        let (name, format) = inside.split_once(':').unwrap_or((inside, ""));
        names.push(argument(name.trim(), inside)?);
        for width in widths(format) {
            names.push(argument(width, inside)?);
        }
        rest = behind;
    }
    Ok(names)
}

fn argument(name: &str, inside: &str) -> Result<String, String> {
    if name.chars().all(|digit| digit.is_ascii_digit()) {
        return Err(format!("`{{{inside}}}` names no argument: write for example `{{id}}`"));
    }
    match Ident::parse_any.parse_str(name) {
        Ok(ident) => Ok(ident.unraw().to_string()),
        Err(_) => Err(format!(
            "`{{{inside}}}` is more than the name of an argument: a tag names arguments only, such as `{{id}}`"
        )),
    }
}

/// The `width` and `precision` of `0>width$.precision$`, and a `.*` as one without a name.
fn widths(format: &str) -> impl Iterator<Item = &str> {
    let named = format.match_indices('$').map(|(end, _)| {
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        let before = &format[..end];
        let name = &before[before.trim_end_matches(is_name).len()..];
        // A `0` before it asks for zeros.
        name.trim_start_matches('0')
    });
    named.chain(format.contains(".*").then_some(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_a_format_string() {
        let of = |text| names(text).unwrap();
        assert_eq!(of("all users"), [""; 0]);
        assert_eq!(of("{{{org}}}:{id:?}"), ["org", "id"]);
        assert_eq!(
            of("{id:0>width$.precision$}{ name }{id:#010x}{type}"),
            ["id", "width", "precision", "name", "id", "type"]
        );
        assert_eq!(of("{id:0width$} é{ü}"), ["id", "width", "ü"]);
    }

    #[test]
    fn places_without_a_name_are_mistakes() {
        for text in ["{}", "{0}", "{:?}", "{id:1$}", "{id:.*}", "{org.id}", "{id", "id}", "{f()}"] {
            assert!(names(text).is_err(), "{text}");
        }
    }
}
