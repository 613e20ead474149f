//! `#[cachekit::methods]`: tells each cached method of an `impl` whose method it is.
//!
//! The head of the `impl` is read, and handed to each `#[cache_on_arguments(…)]` in it as `owner = impl<…> Type`; everything
//! else stays as it is, token by token. What it deliberately does not do: look into bodies, or cache.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Generics, Token, Type};

use crate::errors::Errors;
use crate::fallback;

/// The attributes that take an owner.
const CACHED: &[&str] = &["cache_on_arguments", OF_MANY_KEYS];

const OF_MANY_KEYS: &str = "cache_multi_on_arguments";

/// What stands beside a method of a name.
const SIBLINGS: &[&str] = &["entry", "refresh", "original"];

/// What stands beside a method of many keys; first what only entries of its own have.
const SIBLINGS_OF_MANY_KEYS: &[&str] = &["entry", "get", "set", "invalidate", "expire", "refresh", "original"];

/// The whole attribute.
pub(crate) fn methods(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    if !args.is_empty() {
        errors.at(args, "`#[cachekit::methods]` takes no options: write them in the attribute of the method");
    }
    let (head, body) = match (|input: ParseStream<'_>| head(input)).parse2(item.clone()) {
        Ok(read) => read,
        Err(error) => {
            errors.push(error);
            return fallback::unchanged(item, errors);
        }
    };
    let owner = head.owner();
    // Read once for the names, so that an attribute whose siblings' names are taken can be told to make none.
    let mut read = Methods::new(&owner, Vec::new());
    read.body(body.stream());
    let mut methods = Methods::new(&owner, read.collisions(&mut errors));
    let mut handed = Group::new(Delimiter::Brace, methods.body(body.stream()));
    handed.set_span(body.span());
    errors.extend(methods.errors);
    let tokens = head.tokens;
    let errors = errors.into_compile_errors();
    quote!(#tokens #handed #errors)
}

/// What stands before the braces of an `impl`.
struct Head {
    tokens: TokenStream,
    generics: Generics,
    ty: Type,
}

impl Head {
    /// Output: `impl<'a, T> Repo<'a, T>`, without bounds, as those of the `impl` hold wherever it is used.
    fn owner(&self) -> TokenStream {
        let mut generics = self.generics.clone();
        for param in generics.type_params_mut() {
            param.bounds.clear();
            param.colon_token = None;
        }
        let ty = &self.ty;
        quote!(impl #generics #ty)
    }
}

const EXPECTED: &str = "`#[cachekit::methods]` goes on an `impl` of a type";

fn head(input: ParseStream<'_>) -> syn::Result<(Head, Group)> {
    let mut tokens = TokenStream::new();
    for attr in input.call(Attribute::parse_outer)? {
        attr.to_tokens(&mut tokens);
    }
    let start = input.fork();
    if input.parse::<Option<Token![unsafe]>>()?.is_some() || !input.peek(Token![impl]) {
        return Err(start.error(EXPECTED));
    }
    input.parse::<Token![impl]>()?;
    let generics: Generics = if input.peek(Token![<]) { input.parse()? } else { Generics::default() };
    let ty: Type = input.parse()?;
    if input.peek(Token![for]) {
        return Err(syn::Error::new_spanned(
            ty,
            "the implementation of a trait has no place for companions: remove `#[cachekit::methods]`, and write `companion = none` in the attribute of each cached method",
        ));
    }
    let written = start.cursor().token_stream();
    // The braces of the body are the last token, as no item has anything behind them.
    let mut written: Vec<TokenTree> = written.into_iter().collect();
    match written.pop() {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => {
            tokens.extend(written);
            while !input.is_empty() {
                input.parse::<TokenTree>()?;
            }
            Ok((Head { tokens, generics, ty }, body))
        }
        _ => Err(start.error(EXPECTED)),
    }
}

/// The siblings of the method that comes next, and what their names begin with where that is not the method's.
struct Siblings {
    of: Option<Ident>,
    names: &'static [&'static str],
}

struct Methods<'a> {
    owner: &'a TokenStream,
    errors: Errors,
    /// What the siblings of each cached method begin with, and which there are.
    cached: Vec<(Ident, &'static [&'static str])>,
    names: Vec<Ident>,
    /// Which cached methods have siblings whose names are taken.
    taken: Vec<usize>,
}

impl<'a> Methods<'a> {
    fn new(owner: &'a TokenStream, taken: Vec<usize>) -> Self {
        Self { owner, errors: Errors::default(), cached: Vec::new(), names: Vec::new(), taken }
    }

    fn body(&mut self, tokens: TokenStream) -> TokenStream {
        let mut output = TokenStream::new();
        let mut tokens = tokens.into_iter().peekable();
        let mut next = None;
        while let Some(token) = tokens.next() {
            match (&token, tokens.peek()) {
                (TokenTree::Punct(punct), Some(TokenTree::Group(attribute)))
                    if punct.as_char() == '#' && attribute.delimiter() == Delimiter::Bracket =>
                {
                    let mut handed = Group::new(Delimiter::Bracket, self.attribute(attribute.stream(), &mut next));
                    handed.set_span(attribute.span());
                    output.extend([token, TokenTree::Group(handed)]);
                    tokens.next();
                    continue;
                }
                (TokenTree::Ident(keyword), Some(TokenTree::Ident(name))) if keyword == "fn" => {
                    self.names.push(name.clone());
                    let siblings: Option<Siblings> = next.take();
                    self.cached.extend(siblings.map(|Siblings { of, names }| (of.unwrap_or(name.clone()), names)));
                }
                // What a `macro_rules` passes on comes in invisible parentheses.
                (TokenTree::Group(group), _) if group.delimiter() == Delimiter::None => {
                    let mut inner = Group::new(Delimiter::None, self.body(group.stream()));
                    inner.set_span(group.span());
                    output.extend([TokenTree::Group(inner)]);
                    continue;
                }
                _ => {}
            }
            output.extend([token]);
        }
        output
    }

    /// Input: `cachekit::cache_on_arguments(region = "users")`, or that in a `cfg_attr`.
    /// Output: `cachekit::cache_on_arguments(region = "users", owner = impl UserRepo)`.
    fn attribute(&mut self, tokens: TokenStream, next: &mut Option<Siblings>) -> TokenStream {
        let mut output = TokenStream::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let is_cached = matches!(&token, TokenTree::Ident(ident) if CACHED.iter().any(|name| ident == name));
            let is_conditional = matches!(&token, TokenTree::Ident(ident) if ident == "cfg_attr");
            let is_of_many = matches!(&token, TokenTree::Ident(ident) if ident == OF_MANY_KEYS);
            let siblings = if is_of_many { SIBLINGS_OF_MANY_KEYS } else { SIBLINGS };
            output.extend([token]);
            let options = match tokens.peek() {
                Some(TokenTree::Group(options)) if options.delimiter() == Delimiter::Parenthesis => {
                    Some(options.clone())
                }
                _ => None,
            };
            match options {
                Some(options) if is_cached || is_conditional => {
                    let inner = if is_cached {
                        self.options(options.stream(), siblings, next)
                    } else {
                        self.attribute(options.stream(), next)
                    };
                    let mut handed = Group::new(Delimiter::Parenthesis, inner);
                    handed.set_span(options.span());
                    output.extend([TokenTree::Group(handed)]);
                    tokens.next();
                }
                None if is_cached && !matches!(tokens.peek(), Some(TokenTree::Punct(_))) => {
                    let owner = self.options(TokenStream::new(), siblings, next);
                    output.extend(quote!((#owner)));
                }
                _ => {}
            }
        }
        output
    }

    fn options(
        &mut self,
        options: TokenStream,
        siblings: &'static [&'static str],
        next: &mut Option<Siblings>,
    ) -> TokenStream {
        let tokens: Vec<TokenTree> = options.clone().into_iter().collect();
        let after = |keyword: &str| {
            let is_keyword = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident == keyword);
            let is_start =
                |at: usize| at == 0 || matches!(&tokens[at - 1], TokenTree::Punct(comma) if comma.as_char() == ',');
            let at = (0..tokens.len()).find(|at| is_keyword(&tokens[*at]) && is_start(*at))?;
            Some((&tokens[at], tokens.get(at + 2)))
        };
        if let Some((owner, _)) = after("owner") {
            self.errors.at(owner, "`#[cachekit::methods]` says already whose method this is: remove `owner`");
            return options;
        }
        let companion = after("companion").and_then(|(_, name)| name);
        let names = if after("entries_of").is_some() { &siblings[1..] } else { siblings };
        *next = match companion {
            Some(TokenTree::Ident(none)) if none == "none" => None,
            Some(TokenTree::Ident(name)) => Some(Siblings { of: Some(name.clone()), names }),
            _ => Some(Siblings { of: None, names }),
        };
        let owner = self.owner;
        let is_open =
            tokens.last().is_some_and(|last| !matches!(last, TokenTree::Punct(comma) if comma.as_char() == ','));
        let comma = is_open.then(|| quote!(,));
        let is_taken = companion.is_none() && self.taken.contains(&self.cached.len());
        let none = is_taken.then(|| quote!(companion = none,));
        quote!(#none #options #comma owner = #owner)
    }

    /// Reports names that the siblings of cached methods take, and says of which ones.
    fn collisions(&self, errors: &mut Errors) -> Vec<usize> {
        let mut taken = Vec::new();
        for (number, (cached, siblings)) in self.cached.iter().enumerate() {
            for name in &self.names {
                if siblings.iter().any(|sibling| *name == format!("{}_{sibling}", cached.unraw())) {
                    taken.push(number);
                    errors.at(name, format_args!("the attribute of `{cached}` makes a method of this name: rename one of them, or write `companion = other_name` in the attribute"));
                }
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(item: &str) -> String {
        methods(TokenStream::new(), &item.parse().unwrap()).to_string()
    }

    #[test]
    fn the_head_is_handed_to_each_attribute() {
        let output = said(
            "#[cfg(unix)] impl<'a, T: Into<u8>> Repo<'a, T> where T: Copy {
                #[cachekit::cache_on_arguments(region = X,)] fn a() { #[cache_on_arguments(y)] fn b() {} }
                #[cfg_attr(unix, cache_on_arguments)] fn c() {}
            }",
        );
        assert_eq!(output.matches("owner = impl < 'a , T > Repo < 'a , T >").count(), 2, "{output}");
        assert!(
            output.replace(' ', "").starts_with("#[cfg(unix)]impl<'a,T:Into<u8>>Repo<'a,T>whereT:Copy{"),
            "{output}"
        );
    }

    #[test]
    fn names_that_siblings_take_are_found() {
        let item =
            "impl Repo { #[cache_on_arguments(companion = get)] fn find() {} fn find_entry() {} fn get_entry() {} }";
        assert_eq!(said(item).matches("compile_error").count(), 1);
        let item = "impl Repo {
            #[cache_multi_on_arguments(region = X)] fn all() {} fn all_get() {} fn all_entry() {}
            #[cache_multi_on_arguments(entries_of = find)] fn some() {} fn some_entry() {} fn some_set() {}
        }";
        assert_eq!(said(item).matches("compile_error").count(), 3);
    }
}
