//! The annotated function: attributes, visibility, signature, and the body as tokens.
//!
//! The body is carried and never parsed: that is faster, lets syntax that `syn` does not know pass, and keeps a body that
//! is half typed expanding in an editor. What it deliberately does not do: decide whether such a function can be cached.

use proc_macro2::{Delimiter, Group, TokenTree};
use syn::parse::ParseStream;
use syn::{Abi, Signature, Token, Visibility};

use crate::args::Attribute;

/// A function as written.
pub(crate) struct Item {
    pub(crate) attrs: Vec<syn::Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The braces and what stands between them.
    pub(crate) body: Group,
}

impl Item {
    pub(crate) fn parse(attribute: Attribute, input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(syn::Attribute::parse_outer)?;
        let vis = input.parse()?;
        if !is_function(&input.fork()) {
            let name = attribute.name();
            return Err(input.error(format_args!(
                "`#[{name}]` goes on a function: move it to the `fn` whose results are to be kept"
            )));
        }
        let sig = input.parse()?;
        if input.peek(Token![;]) {
            return Err(
                input.error("a function without a body has no results to keep: move the attribute to one that has")
            );
        }
        match input.parse()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => Ok(Self { attrs, vis, sig, body }),
            other => Err(syn::Error::new(other.span(), "expected the body of the function")),
        }
    }
}

/// Whether the qualifiers of a function lead to `fn`; `const` and `unsafe` begin other items too.
fn is_function(ahead: ParseStream<'_>) -> bool {
    let qualifiers = || -> syn::Result<()> {
        ahead.parse::<Option<Token![const]>>()?;
        ahead.parse::<Option<Token![async]>>()?;
        ahead.parse::<Option<Token![unsafe]>>()?;
        ahead.parse::<Option<Abi>>()?;
        Ok(())
    };
    qualifiers().is_ok() && ahead.peek(Token![fn])
}
