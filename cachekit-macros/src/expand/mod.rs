//! Writes what was understood: the function first, its companions last.
//!
//! An editor takes a name for what it is first defined as, so the function comes first and stays a function.
//! Logic belongs to the runtime: everything here is one call into `cachekit::__private`, and names the companion type
//! (a path of types), never the function by its value name, which an argument could shadow.
//! What it deliberately does not do: decide anything that `Model` has not decided.

// In the order in which they are emitted.
mod wrapper;

mod companion;
mod method;

mod cached_fn;

mod many;

// What the others ask for.
mod at;
mod check;
mod coalesce;
mod docs;
mod info;
mod inline;
mod key;
mod renewal;
mod tags;

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};

use crate::args::{Args, Attribute};
use crate::errors::Errors;
use crate::fallback;
use crate::item::Item;
use crate::many::Many;
use crate::model::{Home, Model};
use crate::validate;

/// The whole attribute.
pub(crate) fn cache_on_arguments(args: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some((args, item)) = parse(Attribute::OneKey, args, tokens, &mut errors) else {
        return fallback::unchanged(tokens, errors);
    };

    let faults_of_options = errors.len();
    validate::signature(&item.sig, &args, &mut errors);
    let mut model = Model::new(item, args);
    validate::value(&model, &mut errors);
    // Of an owner that cannot be read nothing can be written.
    let has_owner = model.owner().is_some() || !model.args.owner_is_mentioned;
    let is_expandable = has_owner && errors.len() == faults_of_options;
    validate::options(&model, &mut errors);
    validate::fields(&mut model, &mut errors);
    validate::of_one_key(&model, &mut errors);
    if !is_expandable {
        return fallback::unchanged(tokens, errors);
    }

    let expansion = expand(&model);
    let errors = errors.into_compile_errors();
    quote!(#expansion #errors)
}

/// The whole attribute of a function of many keys.
pub(crate) fn cache_multi_on_arguments(args: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some((args, item)) = parse(Attribute::ManyKeys, args, tokens, &mut errors) else {
        return fallback::unchanged(tokens, errors);
    };

    let faults_of_options = errors.len();
    validate::signature(&item.sig, &args, &mut errors);
    let Some(model) = Many::new(item, args, &mut errors) else { return fallback::unchanged(tokens, errors) };
    validate::value(&model.model, &mut errors);
    // Of an owner that cannot be read nothing can be written.
    let has_owner = model.model.owner().is_some() || !model.model.args.owner_is_mentioned;
    let is_expandable = has_owner && errors.len() == faults_of_options;
    validate::options(&model.model, &mut errors);
    crate::many::judge(&model, &mut errors);
    if !is_expandable {
        return fallback::unchanged(tokens, errors);
    }

    let expansion = many::many(&model);
    let errors = errors.into_compile_errors();
    quote!(#expansion #errors)
}

/// The options and the function, where it is one.
fn parse(attribute: Attribute, args: TokenStream, tokens: &TokenStream, errors: &mut Errors) -> Option<(Args, Item)> {
    let args = Args::parse(attribute, args, errors);
    match (|input: ParseStream<'_>| Item::parse(attribute, input)).parse2(tokens.clone()) {
        Ok(item) => Some((args, item)),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

/// Input: `#[cache_on_arguments(region = "users")] fn load_user(id: u64) -> User { … }`
///
/// Output:
/// ```text
/// fn load_user(id: u64) -> User { … one call into the runtime … }
/// enum load_user {}
/// impl load_user { fn original(id: u64) -> User { … } fn get(id: u64) … }
/// impl CachedFn for load_user { … }
/// inventory::submit! { … }
/// ```
/// With `companion = none` everything but the function moves into the function,
/// and of a method everything stands in its `impl`.
fn expand(model: &Model) -> TokenStream {
    let companions = match model.home {
        Home::Inline => return wrapper::wrapper(model, None),
        Home::Impl => method::siblings(model),
        Home::Beside | Home::Inside => {
            let companion = companion::companion(model);
            let cached_fn = model.is_plain().then(|| cached_fn::cached_fn(model));
            let place = coalesce::place(model);
            quote!(#companion #cached_fn #place)
        }
    };
    if model.home == Home::Inside {
        return wrapper::wrapper(model, Some(&companions));
    }
    let wrapper = wrapper::wrapper(model, None);
    quote!(#wrapper #companions)
}
