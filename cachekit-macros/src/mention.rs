//! Which names an expression of `key(…)` mentions, and how it reads.
//!
//! Companions that need only the key take the arguments that its expressions mention, and no others.
//! What it deliberately does not do: scopes. A closure's own parameter of an argument's name counts as a mention, which
//! costs a companion one argument too many and nothing else.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprPath, Ident, Macro};

/// The names, without those of fields, methods, functions in modules, and the like.
pub(crate) fn names<'a>(expressions: impl IntoIterator<Item = &'a Expr>) -> Vec<Ident> {
    let mut find = Find(Vec::new());
    for expression in expressions {
        // The visitor changes nothing; `syn` is built without the twin that reads only.
        find.visit_expr_mut(&mut expression.clone());
    }
    find.0
}

/// The name that an expression begins with.
///
/// Input: `&org.name()[..3]`. Output: `org`.
pub(crate) fn first(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Path(path) => path.path.get_ident(),
        Expr::Field(field) => first(&field.base),
        Expr::MethodCall(call) => first(&call.receiver),
        Expr::Index(index) => first(&index.expr),
        Expr::Reference(reference) => first(&reference.expr),
        Expr::Unary(unary) => first(&unary.expr),
        Expr::Cast(cast) => first(&cast.expr),
        Expr::Paren(inner) => first(&inner.expr),
        Expr::Group(inner) => first(&inner.expr),
        _ => None,
    }
}

struct Find(Vec<Ident>);

impl VisitMut for Find {
    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        self.0.extend(path.path.get_ident().cloned());
        visit_mut::visit_expr_path_mut(self, path);
    }

    fn visit_macro_mut(&mut self, invocation: &mut Macro) {
        self.tokens(invocation.tokens.clone());
    }
}

impl Find {
    /// What a macro mentions is known to the macro only; every name counts.
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => self.0.push(ident),
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => self.0.extend(inline_names(&literal.to_string())),
                TokenTree::Punct(_) => {}
            }
        }
    }
}

/// The `name` of `"{name}"` and `"{name:>8}"`, as `format!` reads it.
fn inline_names(literal: &str) -> impl Iterator<Item = Ident> {
    literal.split('{').skip(1).filter_map(|rest| {
        let name = rest.split(['}', ':']).next()?;
        syn::parse_str(name).ok()
    })
}

/// The expression as a person would write it.
///
/// Input: the tokens `org . id as u64`. Output: `org.id as u64`.
pub(crate) fn text(expression: &Expr) -> String {
    let mut text = String::new();
    write(expression.to_token_stream(), &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => text.push_str(", "),
            TokenTree::Punct(punct) => text.push(punct.as_char()),
            word => {
                if text.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '"') {
                    text.push(' ');
                }
                text.push_str(&word.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str) -> (Vec<String>, String) {
        let expression: Expr = syn::parse_str(expression).unwrap();
        let text = text(&expression);
        (names([&expression]).iter().map(ToString::to_string).collect(), text)
    }

    #[test]
    fn fields_and_paths_are_no_mention() {
        assert_eq!(of("org.id"), (vec!["org".into()], "org.id".into()));
        assert_eq!(of("Kind::id(&name[..3])"), (vec!["name".into()], "Kind::id(&name[..3])".into()));
        assert_eq!(of("*page as u64 + 1"), (vec!["page".into()], "*page as u64+1".into()));
        assert_eq!(of("Key { id, page: number }").0, ["id", "number"]);
    }

    #[test]
    fn an_expression_begins_with_a_name_or_not() {
        let begins = |text: &str| first(&syn::parse_str(text).unwrap()).map(ToString::to_string);
        assert_eq!(begins("&org.name()[..3]").as_deref(), Some("org"));
        assert_eq!(begins("*page as u64").as_deref(), Some("page"));
        assert_eq!(begins("current_tenant()"), None);
    }

    #[test]
    fn macros_mention_what_they_name() {
        assert_eq!(of("format!(\"{org}/{page:>3}\", x.id)").0, ["org", "page", "x", "id"]);
    }
}
