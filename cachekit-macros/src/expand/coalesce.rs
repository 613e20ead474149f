//! How single calls reach a function of many keys that gathers them.
//!
//! A function of one key that can be gathered for has a place where another leaves word that it computes; the types on
//! both sides are compared by the compiler.
//! What it deliberately does not do: gather, which is the runtime's.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Type};

use super::{check, companion, wrapper};
use crate::argument::Argument;
use crate::hygiene;
use crate::lifetimes;
use crate::many::Many;
use crate::model::Model;

/// The lifetime of what a call of one key borrows.
const LIFETIME: &str = "'cachekit";

/// The argument that is the key of a function which others may compute for: an `async fn` of one owned key, whose other
/// arguments are shared references.
fn key(model: &Model) -> Option<&Argument> {
    let [key] = &model.key_arguments()[..] else { return None };
    let generics = &model.item.sig.generics;
    let is_plain = model.is_async()
        && model.is_shown()
        && model.is_plain()
        && model.key_expressions().is_none()
        && generics.type_params().next().is_none()
        && generics.const_params().next().is_none()
        && model.arguments.len() == model.item.sig.inputs.len()
        && lifetimes::first_borrow(&model.output.ty, generics).is_none()
        && lifetimes::first_borrow(&key.ty, generics).is_none();
    let is_shared = |argument: &&Argument| {
        argument.name == key.name
            || matches!(&argument.ty, Type::Reference(reference) if reference.mutability.is_none())
    };
    (is_plain && model.arguments.iter().all(|argument| is_shared(&argument))).then_some(*key)
}

/// Output: `for<'cachekit> fn(&'cachekit Db, &'cachekit u64) -> Pin<Box<dyn Future<…> + Send + 'cachekit>>`.
fn pointer(model: &Model, key: &Argument) -> TokenStream {
    let Model { krate, companion, arguments, .. } = model;
    let others =
        arguments.iter().filter(|argument| argument.name != key.name).map(|argument| named(model, &argument.ty));
    let (id, lifetime) = (&key.ty, hygiene::lifetime(LIFETIME));
    let output = one(&quote!(<#companion as #krate::CachedFn>::Value), &error(model));
    quote!(for<#lifetime> fn(#(#others,)* &#lifetime #id) -> #output)
}

fn named(model: &Model, ty: &Type) -> Type {
    lifetimes::named(ty, &model.item.sig.generics, LIFETIME)
}

fn error(model: &Model) -> TokenStream {
    if model.output.is_result { check::error_type(model) } else { quote!(::core::convert::Infallible) }
}

/// What a call of one key returns.
fn one(value: &TokenStream, error: &TokenStream) -> TokenStream {
    let lifetime = hygiene::lifetime(LIFETIME);
    quote! {
        ::core::pin::Pin<::std::boxed::Box<
            dyn ::core::future::Future<
                Output = ::core::result::Result<::core::option::Option<#value>, #error>,
            > + ::core::marker::Send + #lifetime,
        >>
    }
}

/// Where a function of many keys leaves word.
///
/// Output: `fn cachekit_coalesced(one: Option<fn(&u64) -> …>) -> Option<fn(&u64) -> …> { … }`
pub(super) fn place(model: &Model) -> Option<TokenStream> {
    let key = key(model)?;
    let (krate, vis, pointer) = (&model.krate, companion::vis(model), pointer(model, key));
    Some(quote! {
        #[doc(hidden)]
        #vis fn cachekit_coalesced(one: ::core::option::Option<#pointer>) -> ::core::option::Option<#pointer> {
            static ONE: ::std::sync::OnceLock<#pointer> = ::std::sync::OnceLock::new();
            #krate::__private::coalesce::word(&ONE, one)
        }
    })
}

/// The body of a call of one key: by the function of many keys, if one gathers, and for what that does not return by
/// the function itself.
pub(super) fn body(model: &Model, original: &TokenStream) -> Option<TokenStream> {
    let key = key(model)?;
    let companion = &model.companion;
    let (one, value, error) = (hygiene::local("one"), hygiene::local("value"), hygiene::local("error"));
    let others = model.arguments.iter().filter(|argument| argument.name != key.name);
    let others = others.map(|argument| hygiene::as_local(&argument.name));
    let id = hygiene::as_local(&key.name);
    Some(quote! {{
        if let ::core::option::Option::Some(#one) = #companion::cachekit_coalesced(::core::option::Option::None) {
            match #one(#(#others,)* &#id).await {
                ::core::result::Result::Ok(::core::option::Option::Some(#value)) => return ::core::result::Result::Ok(#value),
                ::core::result::Result::Ok(::core::option::Option::None) => {}
                ::core::result::Result::Err(#error) => return ::core::result::Result::Err(#error),
            }
        }
        #original
    }})
}

/// What a function of many keys does for those who ask for one, and the word that it leaves.
pub(super) fn gathers(many: &Many) -> Option<(TokenStream, TokenStream)> {
    let model = &many.model;
    let (_, within) = model.args.coalesce.as_ref()?;
    let path = many.entries_of()?;
    let Model { krate, companion, arguments, .. } = model;
    let (id, lifetime) = (&many.id, hygiene::lifetime(LIFETIME));
    let key = hygiene::local("key");
    let others: Vec<&Argument> =
        arguments.iter().enumerate().filter(|(place, _)| !many.is_ids(*place)).map(|(_, argument)| argument).collect();
    let names: Vec<&Ident> = others.iter().map(|argument| &argument.name).collect();
    let types = others.iter().map(|argument| named(model, &argument.ty));
    let value = quote!(<#path as #krate::CachedFn>::Value);
    let error = error(model);
    let output = one(&value, &error);
    let within = super::info::duration(within);
    let share = if model.output.is_result { wrapper::share(model) } else { quote!(::core::option::Option::None) };
    let compute = super::many::compute(many);
    let function = quote! {
        #[doc(hidden)]
        fn cachekit_one<#lifetime>(#(#names: #types,)* #key: &#lifetime #id) -> #output {
            static GATHER: #krate::__private::coalesce::Gather<#id, #value, #error> =
                #krate::__private::coalesce::Gather::new();
            ::std::boxed::Box::pin(GATHER.one(
                ::core::clone::Clone::clone(#key),
                (<#path as #krate::CachedFn>::info(), #within),
                #share,
                move #compute,
            ))
        }
    };
    let function_name = hygiene::repeated_ident(&model.item.sig.ident);
    let word = quote! {
        #krate::__private::inventory::submit! {
            #krate::__private::coalesce::Coalesced(|| {
                // It may be that nobody calls it but for one key.
                let _ = #function_name;
                #path::cachekit_coalesced(::core::option::Option::Some(#companion::cachekit_one));
            })
        }
    };
    Some((function, word))
}
