//! Where generated tokens say that they come from.
//!
//! Lints judge a function where its first and last tokens are the user's. The wrapper is theirs from end to end; companions
//! begin with tokens that keep their place in the source and take the macro as their origin, so a lint judges the function
//! once and not eight times, without an `#[allow]` that a crate could forbid. Types stay the user's everywhere: the
//! compiler says one thing about one place only once.
//! What it deliberately does not do: rename. Names mean what they mean at the attribute.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// The same place, but written by this macro.
pub(crate) fn macro_span(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// The same tokens, but written by this macro.
pub(crate) fn repeated(tokens: impl ToTokens) -> TokenStream {
    tokens.into_token_stream().into_iter().map(repeated_token).collect()
}

fn repeated_token(mut token: TokenTree) -> TokenTree {
    match &mut token {
        TokenTree::Group(group) => {
            let mut repeated_group = Group::new(group.delimiter(), repeated(group.stream()));
            repeated_group.set_span(macro_span(group.span()));
            return TokenTree::Group(repeated_group);
        }
        // Its span is what says which crate it names.
        TokenTree::Ident(ident) if ident == "$crate" => {}
        token => token.set_span(macro_span(token.span())),
    }
    token
}

/// The first tokens at the place of the second, so that a message about the one points at the other.
pub(crate) fn in_place_of(tokens: &TokenStream, place: impl ToTokens) -> TokenStream {
    let (first, last) = ends(place);
    let length = tokens.clone().into_iter().count();
    let spans = (1..=length).map(|number| if number == length { last } else { first });
    let placed = tokens.clone().into_iter().zip(spans).map(|(mut token, span)| {
        if !matches!(&token, TokenTree::Ident(ident) if ident == "$crate") {
            token.set_span(span);
        }
        token
    });
    placed.collect()
}

/// The first tokens, each with the names that it knows, at the beginning of the second.
pub(crate) fn located(tokens: impl ToTokens, place: impl ToTokens) -> TokenStream {
    let (first, _) = ends(place);
    tokens.into_token_stream().into_iter().map(|token| located_token(token, first)).collect()
}

fn located_token(mut token: TokenTree, place: Span) -> TokenTree {
    if let TokenTree::Group(group) = &token {
        let inner = group.stream().into_iter().map(|token| located_token(token, place)).collect();
        token = TokenTree::Group(Group::new(group.delimiter(), inner));
    }
    let is_crate = matches!(&token, TokenTree::Ident(ident) if ident == "$crate");
    if !is_crate {
        token.set_span(token.span().located_at(place));
    }
    token
}

/// Where tokens begin and where they end.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let spans: Vec<Span> = tokens.into_token_stream().into_iter().map(|token| token.span()).collect();
    let first = spans.first().copied().unwrap_or_else(Span::call_site);
    (first, spans.last().copied().unwrap_or(first))
}

/// The same name at the same place, but written by this macro.
pub(crate) fn repeated_ident(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(macro_span(ident.span()));
    ident
}

/// A lifetime of generated code.
pub(crate) fn lifetime(name: &str) -> syn::Lifetime {
    syn::Lifetime::new(name, Span::mixed_site())
}

/// A local of generated code, invisible to expressions and patterns of the user's.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The same name as a local of generated code.
pub(crate) fn as_local(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(Span::mixed_site().located_at(ident.span()));
    ident
}
