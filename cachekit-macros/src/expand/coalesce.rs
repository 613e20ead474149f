//! How single calls reach a function of many keys that gathers them.
//!
//! A function of one key that can be gathered for has a place where another leaves word that it computes; the types on
//! both sides are compared by the compiler.
//! What it deliberately does not do: gather, which is the runtime's.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::{check, wrapper};
use crate::argument::Argument;
use crate::attrs::{self, Place};
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
        && model.first_parameter().is_none()
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
    let Model { krate, companion, .. } = model;
    let others = others(model, key).map(|argument| named(model, &argument.ty));
    let (id, lifetime) = (&key.ty, hygiene::lifetime(LIFETIME));
    let output = one(&quote!(<#companion as #krate::CachedFn>::Value), &error(model));
    quote!(for<#lifetime> fn(#(#others,)* &#lifetime #id) -> #output)
}

fn others<'a>(model: &'a Model, key: &Argument) -> impl Iterator<Item = &'a Argument> {
    model.arguments.iter().filter(|argument| argument.name != key.name)
}

/// What two functions have in common of which one computes for the other, each as it says it.
///
/// Output: `Gathered<u64, (&'static Db,), DbError>`
fn gathered(model: &Model, key: &Argument, id: &Type) -> TokenStream {
    let krate = &model.krate;
    let others = others(model, key).map(|argument| lifetimes::named(&argument.ty, &model.item.sig.generics, "'static"));
    let error = error(model);
    quote!(#krate::__private::coalesce::Gathered<#id, (#(#others,)*), #error>)
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
/// Output: `impl Gathered<u64, (), DbError> for load_user { type One = fn(&u64) -> …; fn word(one: Option<…>) -> … { … } }`
pub(super) fn place(model: &Model) -> Option<TokenStream> {
    let key = key(model)?;
    let Model { krate, companion, .. } = model;
    let impl_attrs = attrs::at(&model.item.attrs, Place::Impl);
    let (gathered, pointer) = (gathered(model, key, &key.ty), pointer(model, key));
    Some(quote! {
        #(#impl_attrs)*
        #[automatically_derived]
        impl #gathered for #companion {
            type One = #pointer;

            fn word(one: ::core::option::Option<Self::One>) -> ::core::option::Option<Self::One> {
                static ONE: ::std::sync::OnceLock<#pointer> = ::std::sync::OnceLock::new();
                #krate::__private::coalesce::word(&ONE, one)
            }
        }
    })
}

/// The body of a call of one key: by the function of many keys, if one gathers, and for what that does not return by
/// the function itself.
pub(super) fn body(model: &Model, original: &TokenStream) -> Option<TokenStream> {
    let key = key(model)?;
    let (krate, companion) = (&model.krate, &model.companion);
    let (one, value, error) = (hygiene::local("one"), hygiene::local("value"), hygiene::local("error"));
    let others = others(model, key).map(|argument| hygiene::as_local(&argument.name));
    let id = hygiene::as_local(&key.name);
    Some(quote! {{
        if let ::core::option::Option::Some(#one) =
            <#companion as #krate::__private::coalesce::Gathered<_, _, _>>::word(::core::option::Option::None)
        {
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
    let Model { krate, companion, .. } = model;
    let (ids, id, lifetime) = (many.ids(), &many.id, hygiene::lifetime(LIFETIME));
    let key = hygiene::local("key");
    let names = others(model, ids).map(|argument| &argument.name);
    let types = others(model, ids).map(|argument| named(model, &argument.ty));
    let shared = super::many::shared(many);
    let value = quote!(<#shared as #krate::CachedFn>::Value);
    let error = error(model);
    let output = one(&value, &error);
    let within = super::info::duration(within);
    let share = if model.output.is_result { wrapper::share(model) } else { quote!(::core::option::Option::None) };
    let (returned, compute) = (super::many::returned(many), super::many::compute(many));
    let function = quote! {
        #[doc(hidden)]
        fn cachekit_one<#lifetime>(#(#names: #types,)* #key: &#lifetime #id) -> #output {
            static CACHEKIT_GATHER: #krate::__private::coalesce::Gather<#id, #value, #error> =
                #krate::__private::coalesce::Gather::new();
            ::std::boxed::Box::pin(CACHEKIT_GATHER.one(
                #krate::__private::Of::<#shared>::THIS,
                #key,
                #within,
                #returned,
                #share,
                move #compute,
            ))
        }
    };
    let function_name = hygiene::repeated_ident(&model.item.sig.ident);
    let gathered = gathered(model, ids, id);
    let one = quote!(::core::option::Option::Some(#companion::cachekit_one));
    let word = hygiene::located(quote!(<#shared as #gathered>::word(#one);), path);
    let word = quote! {
        #krate::__private::inventory::submit! {
            #krate::__private::coalesce::Coalesced(|| {
                // It may be that nobody calls it but for one key.
                let _ = #function_name;
                #word
            })
        }
    };
    Some((function, word))
}
