//! Grammar of the attribute: tokens to [`Args`].
//!
//! Every option passes one setter that keeps its keyword, so an option given twice is found once, and for all of them.
//! An option that cannot be read is reported and left out, and reading goes on behind the next comma.
//! What it deliberately does not do: compare options with one another or with the function; `validate` does.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprField, ExprLit, Ident, Lit, Member, Path, Token, parenthesized};

use crate::ahead::{self, Ahead};
use crate::duration::{self, Ttl};
use crate::errors::Errors;
use crate::owner::{self, Owner};
use crate::tag::{self, Tag};

/// An option as written: its keyword, to point at, and its value.
pub(crate) type Given<T> = Option<(Ident, T)>;

/// What `region = …` names.
pub(crate) enum Region {
    Name(String),
    Path(Expr),
}

/// What `companion = …` says.
pub(crate) enum Companion {
    Named(Ident),
    None,
}

/// Which attribute it is: each has options of its own, and speaks of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    OneKey,
    ManyKeys,
}

impl Attribute {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneKey => "cache_on_arguments",
            Self::ManyKeys => "cache_multi_on_arguments",
        }
    }

    /// The options that it has.
    fn options(self) -> impl Iterator<Item = &'static str> {
        let of_many: &[&str] = match self {
            Self::OneKey => &[],
            Self::ManyKeys => OF_MANY_KEYS,
        };
        OF_BOTH.iter().chain(of_many).copied()
    }
}

/// The options of one attribute.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) region: Given<Region>,
    pub(crate) ttl: Given<Ttl>,
    pub(crate) ttl_of: Given<Expr>,
    pub(crate) stale_while_revalidate: Given<Ttl>,
    pub(crate) stale_if_error: Given<Ttl>,
    pub(crate) refresh_ahead: Given<Ahead>,
    pub(crate) background: Given<()>,
    pub(crate) jitter: Given<Expr>,
    pub(crate) error_ttl: Given<Ttl>,
    pub(crate) wait_timeout: Given<Ttl>,
    pub(crate) deadline: Given<Ttl>,
    pub(crate) namespace: Given<Expr>,
    pub(crate) version: Given<Expr>,
    pub(crate) skip: Given<Punctuated<Ident, Token![,]>>,
    pub(crate) key: Given<Punctuated<Expr, Token![,]>>,
    pub(crate) key_generator: Given<Expr>,
    pub(crate) should_cache: Given<Expr>,
    pub(crate) share_error: Given<Expr>,
    pub(crate) tags: Given<Vec<Tag>>,
    pub(crate) result: Given<bool>,
    pub(crate) in_memory: Given<()>,
    pub(crate) entries_of: Given<Expr>,
    pub(crate) coalesce: Given<Ttl>,
    pub(crate) owner: Given<Owner>,
    pub(crate) companion: Given<Companion>,
    pub(crate) krate: Given<Path>,
    /// A type was given, perhaps one that cannot be read.
    pub(crate) owner_is_mentioned: bool,
    /// A region was given, or misspelt: its absence is no second mistake.
    pub(crate) region_is_mentioned: bool,
}

const OF_BOTH: &[&str] = &[
    "region",
    "ttl",
    "ttl_of",
    "stale_while_revalidate",
    "stale_if_error",
    "refresh_ahead",
    "background",
    "jitter",
    "error_ttl",
    "wait_timeout",
    "deadline",
    "namespace",
    "version",
    "skip",
    "key",
    "key_generator",
    "should_cache",
    "share_error",
    "tags",
    "result",
    "in_memory",
    "owner",
    "companion",
    "crate",
];

const OF_MANY_KEYS: &[&str] = &["entries_of", "coalesce"];

/// Settings that a function cannot have.
const OF_THE_REGION: &[&str] =
    &["retry_after", "capacity", "clock", "runner", "max_disowned", "key_prefix", "key_mangler"];

impl Args {
    pub(crate) fn parse(attribute: Attribute, tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parsed = (|input: ParseStream<'_>| args.options(attribute, input, errors)).parse2(tokens);
        if let Err(error) = parsed {
            errors.push(error);
        }
        args
    }

    /// What the user wrote as expressions that are evaluated apart from any call.
    pub(crate) fn expressions(&self) -> Vec<&Expr> {
        let spans = [
            &self.ttl,
            &self.stale_while_revalidate,
            &self.stale_if_error,
            &self.error_ttl,
            &self.wait_timeout,
            &self.deadline,
        ];
        let spans = spans.into_iter().flatten().filter_map(|(_, span)| match span {
            Ttl::Expr(expression) => Some(expression),
            Ttl::Fixed(_) => None,
        });
        let ahead = self.refresh_ahead.iter().filter_map(|(_, ahead)| match ahead {
            Ahead::Expr(expression) => Some(expression),
            Ahead::XFetch => None,
        });
        let others = [
            &self.ttl_of,
            &self.jitter,
            &self.namespace,
            &self.version,
            &self.key_generator,
            &self.should_cache,
            &self.share_error,
        ];
        spans.chain(ahead).chain(others.into_iter().flatten().map(|(_, expression)| expression)).collect()
    }

    fn options(&mut self, attribute: Attribute, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        while !input.is_empty() {
            let read = self.option(attribute, input, errors).and_then(|()| end_of_option(input));
            if let Err(error) = read {
                errors.push(error);
                skip_to_comma(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn option(&mut self, attribute: Attribute, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        if !input.peek(Ident::peek_any) {
            self.region_is_mentioned = true;
            return Err(input.error("expected an option such as `region = \"users\"`"));
        }
        let keyword = input.call(Ident::parse_any)?;
        match keyword.to_string().as_str() {
            "region" => {
                self.region_is_mentioned = true;
                set(&mut self.region, &keyword, region(assigned(&keyword, input)?)?, errors);
            }
            "ttl" => set(&mut self.ttl, &keyword, span(&keyword, input)?, errors),
            "ttl_of" => set(&mut self.ttl_of, &keyword, assigned(&keyword, input)?, errors),
            "stale_while_revalidate" => {
                set(&mut self.stale_while_revalidate, &keyword, span(&keyword, input)?, errors);
            }
            "stale_if_error" => set(&mut self.stale_if_error, &keyword, span(&keyword, input)?, errors),
            "refresh_ahead" => {
                set(&mut self.refresh_ahead, &keyword, ahead::ahead(assigned(&keyword, input)?)?, errors);
            }
            "background" => set(&mut self.background, &keyword, alone(&keyword, input)?, errors),
            "jitter" => set(&mut self.jitter, &keyword, fraction(assigned(&keyword, input)?)?, errors),
            "error_ttl" => set(&mut self.error_ttl, &keyword, span(&keyword, input)?, errors),
            "wait_timeout" => set(&mut self.wait_timeout, &keyword, span(&keyword, input)?, errors),
            "deadline" => set(&mut self.deadline, &keyword, span(&keyword, input)?, errors),
            "namespace" => set(&mut self.namespace, &keyword, text(assigned(&keyword, input)?)?, errors),
            "version" => set(&mut self.version, &keyword, number(assigned(&keyword, input)?)?, errors),
            "skip" => {
                set(&mut self.skip, &keyword, listed(&keyword, input, "skip(db, log)", Ident::parse_any)?, errors);
            }
            "key" => set(&mut self.key, &keyword, listed(&keyword, input, "key(org.id, page)", Expr::parse)?, errors),
            "key_generator" => set(&mut self.key_generator, &keyword, assigned(&keyword, input)?, errors),
            "should_cache" => set(&mut self.should_cache, &keyword, assigned(&keyword, input)?, errors),
            "share_error" => set(&mut self.share_error, &keyword, assigned(&keyword, input)?, errors),
            "tags" => set(&mut self.tags, &keyword, tag::tags(assigned(&keyword, input)?)?, errors),
            "result" => set(&mut self.result, &keyword, yes_or_no(assigned(&keyword, input)?)?, errors),
            "in_memory" => set(&mut self.in_memory, &keyword, alone(&keyword, input)?, errors),
            "entries_of" => set(&mut self.entries_of, &keyword, function(assigned(&keyword, input)?)?, errors),
            "coalesce" => set(&mut self.coalesce, &keyword, span(&keyword, input)?, errors),
            "owner" => {
                self.owner_is_mentioned = true;
                set(&mut self.owner, &keyword, owner(&keyword, input)?, errors);
            }
            "companion" => set(&mut self.companion, &keyword, companion(&keyword, input)?, errors),
            "crate" => set(&mut self.krate, &keyword, path(&keyword, input)?, errors),
            other => {
                self.region_is_mentioned |= nearest(attribute, other) == Some("region");
                skip_to_comma(input)?;
                errors.at(&keyword, unknown(attribute, other));
            }
        }
        Ok(())
    }
}

/// Keeps the first value of an option and reports every further one.
fn set<T>(slot: &mut Given<T>, keyword: &Ident, value: T, errors: &mut Errors) {
    if slot.is_some() {
        errors.at(keyword, format_args!("`{keyword}` is given twice: remove one of the two"));
    } else {
        *slot = Some((keyword.clone(), value));
    }
}

fn unknown(attribute: Attribute, option: &str) -> String {
    if OF_THE_REGION.contains(&option) {
        return format!("`{option}` is a setting of the region: write it where `regions!` declares that");
    }
    let known = attribute.options().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    match nearest(attribute, option) {
        Some(near) => format!("unknown option `{option}`: write `{near}`, or another one of {known}"),
        None => format!("unknown option `{option}`: expected one of {known}"),
    }
}

/// The known option that differs from this one by a slip or two.
fn nearest(attribute: Attribute, option: &str) -> Option<&'static str> {
    let near = attribute.options().map(|known| (strsim::damerau_levenshtein(option, known), known)).min()?;
    (near.0 <= 1 + near.1.len() / 4).then_some(near.1)
}

fn assigned(keyword: &Ident, input: ParseStream<'_>) -> syn::Result<Expr> {
    equals(keyword, input)?;
    input.parse()
}

fn span(keyword: &Ident, input: ParseStream<'_>) -> syn::Result<Ttl> {
    duration::ttl(assigned(keyword, input)?)
}

fn equals(keyword: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(());
    }
    Err(syn::Error::new(keyword.span(), format_args!("`{keyword}` needs a value: write `{keyword} = …`")))
}

fn listed<T>(
    keyword: &Ident,
    input: ParseStream<'_>,
    example: &str,
    item: fn(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<Punctuated<T, Token![,]>> {
    if !input.peek(syn::token::Paren) {
        let message = format!("`{keyword}` takes a list in parentheses: write for example `{example}`");
        return Err(syn::Error::new(keyword.span(), message));
    }
    let content;
    parenthesized!(content in input);
    content.parse_terminated(item, Token![,])
}

fn alone(keyword: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(input.error(format_args!("`{keyword}` takes no value: write `{keyword}` alone")))
}

fn region(value: Expr) -> syn::Result<Region> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) if name.value().is_empty() => {
            Err(syn::Error::new_spanned(name, "a region has a name: write `region = \"users\"`"))
        }
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Ok(Region::Name(name.value())),
        Expr::Path(_) => Ok(Region::Path(value)),
        other => Err(syn::Error::new_spanned(
            other,
            "expected the name of a region or the path of one: write `region = \"users\"` or `region = USERS`",
        )),
    }
}

fn function(value: Expr) -> syn::Result<Expr> {
    match &value {
        Expr::Path(_) => Ok(value),
        Expr::Field(ExprField { base, member: Member::Named(_), .. }) if matches!(&**base, Expr::Path(path) if path.path.is_ident("self")) => {
            Ok(value)
        }
        other => Err(syn::Error::new_spanned(
            other,
            "expected the path of a function with `#[cache_on_arguments]`: write `entries_of = load_user`",
        )),
    }
}

fn text(value: Expr) -> syn::Result<Expr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => Ok(value),
        Expr::Lit(other) => Err(syn::Error::new_spanned(other, "expected a string: write `namespace = \"v1\"`")),
        constant => Ok(constant),
    }
}

fn number(value: Expr) -> syn::Result<Expr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => Ok(value),
        Expr::Lit(other) => Err(syn::Error::new_spanned(other, "expected a whole number: write `version = 3`")),
        constant => Ok(constant),
    }
}

fn fraction(value: Expr) -> syn::Result<Expr> {
    const EXPECTED: &str = "expected a fraction from 0 to 1: write `jitter = 0.1`";
    match &value {
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. })
            if number.base10_parse().is_ok_and(|number: f64| (0.0..=1.0).contains(&number)) =>
        {
            Ok(value)
        }
        Expr::Lit(other) => Err(syn::Error::new_spanned(other, EXPECTED)),
        _ => Ok(value),
    }
}

fn yes_or_no(value: Expr) -> syn::Result<bool> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }) => Ok(value.value),
        other => Err(syn::Error::new_spanned(other, "expected `result = true` or `result = false`")),
    }
}

fn companion(keyword: &Ident, input: ParseStream<'_>) -> syn::Result<Companion> {
    equals(keyword, input)?;
    let name: Ident = input.parse().map_err(|error| {
        syn::Error::new(error.span(), "expected a name for the companion type, or `companion = none`")
    })?;
    Ok(if name == "none" { Companion::None } else { Companion::Named(name) })
}

fn owner(keyword: &Ident, input: ParseStream<'_>) -> syn::Result<Owner> {
    equals(keyword, input)?;
    let owner: Owner = input.parse().map_err(|error| {
        syn::Error::new(error.span(), "expected the type whose method this is: write `owner = UserRepo`")
    })?;
    match owner::arguments(&owner.ty) {
        Some(argument) if !owner.is_handed => Err(syn::Error::new_spanned(
            argument,
            "of a type with parameters the attribute needs to see the whole `impl`: remove `owner`, and write `#[cachekit::methods]` above the `impl`",
        )),
        _ => Ok(owner),
    }
}

fn path(keyword: &Ident, input: ParseStream<'_>) -> syn::Result<Path> {
    equals(keyword, input)?;
    input.call(Path::parse_mod_style).map_err(|error| {
        syn::Error::new(error.span(), "expected the path of cachekit: write `crate = other::cachekit`")
    })
}

fn end_of_option(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        Ok(())
    } else {
        Err(input.error("expected `,` between two options"))
    }
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_the_option_that_was_meant() {
        let nearest = |option| nearest(Attribute::OneKey, option);
        assert_eq!(nearest("regoin"), Some("region"));
        assert_eq!(nearest("should_cach"), Some("should_cache"));
        assert_eq!(nearest("namespce"), Some("namespace"));
        assert_eq!(nearest("capacity"), None);
    }

    #[test]
    fn each_attribute_knows_its_own_options() {
        assert_eq!(nearest(Attribute::OneKey, "entreis_of"), None);
        assert_eq!(nearest(Attribute::ManyKeys, "entreis_of"), Some("entries_of"));
    }

    #[test]
    fn every_mistake_is_found_and_reading_goes_on() {
        let mut errors = Errors::default();
        let tokens = "region = 5, skip = a, ttl = \"soon\", |, nothing, version = 3".parse().unwrap();
        let args = Args::parse(Attribute::OneKey, tokens, &mut errors);
        assert_eq!(errors.into_compile_errors().to_string().matches("compile_error").count(), 5);
        assert!(args.version.is_some());
    }
}
