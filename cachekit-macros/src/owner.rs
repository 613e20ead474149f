//! Whose method it is: the type of `owner = …`, and the parameters of its `impl` where `#[cachekit::methods]` hands it over.
//!
//! A `static` cannot name `Self`, so what stands in one names the owner instead.
//! What it deliberately does not do: look at the type's definition, which a macro never sees.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, Generics, PathArguments, PathSegment, Token, Type};

use crate::lifetimes;

/// The type whose method is cached.
pub(crate) struct Owner {
    /// The parameters of the `impl`.
    pub(crate) generics: Generics,
    pub(crate) ty: Type,
    /// Whether the whole head of the `impl` is known.
    pub(crate) is_handed: bool,
}

impl Parse for Owner {
    /// `UserRepo`, or `impl<'a, T> Repo<'a, T>`.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let is_handed = input.peek(Token![impl]);
        let generics = if is_handed {
            input.parse::<Token![impl]>()?;
            input.parse()?
        } else {
            Generics::default()
        };
        Ok(Self { generics, ty: input.parse()?, is_handed })
    }
}

impl Owner {
    /// Whether the type has parameters that tell its entries apart.
    pub(crate) fn is_generic(&self) -> bool {
        self.generics.type_params().next().is_some() || self.generics.const_params().next().is_some()
    }

    /// The type in the names of functions: as written, without its parameters.
    ///
    /// Input: `shop::Repo<'a, T>`. Output: `shop::Repo`.
    pub(crate) fn text(&self) -> String {
        let mut ty = self.ty.clone();
        Bare.visit_type_mut(&mut ty);
        let plain = |c: char| if c.is_alphanumeric() || matches!(c, '_' | ':') { c } else { '_' };
        flat(ty.to_token_stream()).chars().map(plain).collect()
    }

    /// The tokens with the owner in place of `Self`, for where the `impl` is out of scope.
    ///
    /// Input: `Vec<Self>`, `Self::TTL`. Output: `Vec<UserRepo>`, `<UserRepo>::TTL`.
    pub(crate) fn instead_of_self(&self, tokens: impl ToTokens) -> TokenStream {
        let ty = lifetimes::outlasting(&self.ty, &self.generics);
        replaced(tokens.into_token_stream(), &ty)
    }
}

fn replaced(tokens: TokenStream, ty: &Type) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut output = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replaced(group.stream(), ty));
                inner.set_span(group.span());
                output.extend([TokenTree::Group(inner)]);
            }
            TokenTree::Ident(ident) if ident == "Self" => {
                let is_prefix = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
                output.extend(if is_prefix { quote!(<#ty>) } else { ty.to_token_stream() });
            }
            token => output.extend([token]),
        }
    }
    output
}

/// Without the invisible parentheses of `macro_rules`, and without spaces.
fn flat(tokens: TokenStream) -> String {
    let mut text = String::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => text.push_str(&flat(group.stream())),
            token => {
                if matches!(token, TokenTree::Ident(_)) && text.ends_with(char::is_alphanumeric) {
                    text.push('_');
                }
                text.push_str(token.to_string().trim_start_matches("r#"));
            }
        }
    }
    text
}

/// Takes the parameters off a type.
struct Bare;

impl VisitMut for Bare {
    fn visit_path_segment_mut(&mut self, segment: &mut PathSegment) {
        segment.arguments = PathArguments::None;
        visit_mut::visit_path_segment_mut(self, segment);
    }
}

/// The parameters that a written type has, if it has any.
pub(crate) fn arguments(ty: &Type) -> Option<GenericArgument> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.first().cloned(),
        _ => None,
    }
}

/// The first `Self` in some tokens.
pub(crate) fn first_self(tokens: TokenStream) -> Option<TokenTree> {
    first(tokens, &|ident| ident == "Self")
}

/// The first `self` or `Self` in some tokens.
pub(crate) fn first_of_impl(tokens: TokenStream) -> Option<TokenTree> {
    first(tokens, &|ident| ident == "Self" || ident == "self")
}

fn first(tokens: TokenStream, is_meant: &dyn Fn(&proc_macro2::Ident) -> bool) -> Option<TokenTree> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => first(group.stream(), is_meant),
        TokenTree::Ident(ref ident) if is_meant(ident) => Some(token),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(text: &str) -> Owner {
        syn::parse_str(text).unwrap()
    }

    #[test]
    fn names_have_no_parameters() {
        assert_eq!(owner("UserRepo").text(), "UserRepo");
        assert_eq!(owner("impl<'a, T: Into<u8>> shop::Repo<'a, T>").text(), "shop::Repo");
        assert_eq!(owner("dyn Repo").text(), "dyn_Repo");
        assert!(owner("impl<const N: usize> Repo<N>").is_generic() && !owner("impl<'a> Repo<'a>").is_generic());
    }

    #[test]
    fn the_owner_stands_for_self() {
        let owner = owner("impl<'a> Repo<'a>");
        let replaced = owner.instead_of_self(quote!(Vec<Self>, { Self::TTL }));
        let text = replaced.to_string().replace(' ', "");
        assert_eq!(text, "Vec<Repo<'static>>,{<Repo<'static>>::TTL}");
    }
}
