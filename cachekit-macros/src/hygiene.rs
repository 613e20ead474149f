//! Where generated tokens say that they come from.
//!
//! A token with the user's span is the user's: lints judge it. Companions repeat the user's types and visibility, and a
//! lint that judges the function once must not judge it eight times, so repeated tokens keep their place in the source
//! and take the macro as their origin. No `#[allow]` is needed then, which a crate could forbid.
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

/// The same name at the same place, but written by this macro.
pub(crate) fn repeated_ident(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(macro_span(ident.span()));
    ident
}

/// A local of generated code, invisible to expressions and patterns of the user's.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
