//! The companion type and its associated functions.
//!
//! An empty `enum` lives in the namespace of types only, so the function and its companions share a name, and it works in
//! a function's body too. Signatures are mirrored, not tupled: completion shows the user's own names.
//! What it deliberately does not do: logic. Every companion is one call into the runtime.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, Ident};

use super::{at, check, docs, renewal, tags, wrapper};
use crate::argument::Argument;
use crate::attrs::{self, Place};
use crate::hygiene;
use crate::model::{Home, Model};

/// Input: `fn load_user(id: u64) -> User { body }`.
/// Output: `enum load_user {}` and an `impl` with `original`, which has the body, and the companions.
pub(super) fn companion(model: &Model) -> TokenStream {
    let hidden = [wrapper::body(model), at::function(model), tags::function(model), renewal::function(model)];
    let hidden: TokenStream = hidden.into_iter().flatten().collect();
    let shown = model.is_shown().then(|| {
        [key_only(model), refresh(model), fetch(model), with(model), handles(model)]
            .into_iter()
            .collect::<TokenStream>()
    });
    stand(model, &quote!(#shown #hidden))
}

/// The companion type with `original`, which has the body, and these functions.
pub(super) fn stand(model: &Model, functions: &TokenStream) -> TokenStream {
    let companion = &model.companion;
    let type_attrs = attrs::at(&model.item.attrs, Place::Type);
    let impl_attrs = attrs::at(&model.item.attrs, Place::Impl);
    let docs = docs::of(model, "type");
    let vis = vis(model);
    let original = original(model);
    // Clippy counts the arguments of every function; `set` has one more than the key.
    let wide = (model.arguments.len() >= 7).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    quote! {
        #docs
        #(#type_attrs)*
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #vis enum #companion {}

        #(#impl_attrs)*
        #wide
        impl #companion {
            #original
            #functions
        }
    }
}

pub(super) fn vis(model: &Model) -> Option<TokenStream> {
    // Hidden in the function's body there is nobody to show it to.
    (model.home != Home::Inside).then(|| hygiene::repeated(&model.item.vis))
}

/// The user's signature and body, word for word.
///
/// Only what stands before the name takes the macro as its origin: lints of the function as a whole judge the wrapper,
/// those of arguments and statements judge this.
pub(super) fn original(model: &Model) -> TokenStream {
    let docs = docs::of(model, "original");
    let attrs = attrs::at(&model.item.attrs, Place::Original);
    let vis = vis(model);
    let body = &model.item.body;
    let mut sig = model.item.sig.clone();
    sig.ident = model.companion_ident("original");
    sig.fn_token.span = hygiene::macro_span(sig.fn_token.span);
    if let Some(asyncness) = &mut sig.asyncness {
        asyncness.span = hygiene::macro_span(asyncness.span);
    }
    quote! {
        #docs
        #(#attrs)*
        #vis #sig #body
    }
}

/// `refresh` runs the body, so it has the whole signature.
pub(super) fn refresh(model: &Model) -> TokenStream {
    let output = &model.item.sig.output;
    running(model, "refresh", &quote!(#output), None)
}

/// `fetch` is the function with more to say of its value.
///
/// Output: `fn fetch(id: u64) -> Result<Fetched<User>, Error> { load_user::cachekit_at(…).fetch(…) }`
fn fetch(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let value = check::value(model);
    let fetched = quote!(#krate::Fetched<#value>);
    if model.output.is_result {
        let error = check::error_type(model);
        running(model, "fetch", &quote!(-> ::core::result::Result<#fetched, #error>), None)
    } else {
        running(model, "fetch", &quote!(-> #fetched), None)
    }
}

/// `with` is the function with options before its arguments.
///
/// Output: `fn with(options: impl FnOnce(CallOptions) -> CallOptions, id: u64) -> User { load_user::cachekit_at(…).with(options, …) }`
fn with(model: &Model) -> TokenStream {
    let output = &model.item.sig.output;
    let options =
        free_name(&model.arguments.iter().collect::<Vec<_>>(), ["options", "call_options", "cachekit_options"]);
    running(model, "with", &quote!(#output), Some(&options))
}

fn running(model: &Model, name: &str, output: &TokenStream, options: Option<&Ident>) -> TokenStream {
    let krate = &model.krate;
    let docs = docs::of(model, name);
    let ident = model.companion_ident(name);
    let vis = vis(model);
    let asyncness = hygiene::repeated(model.item.sig.asyncness);
    let (generics, _, bounds) = model.item.sig.generics.split_for_impl();
    let names = model.arguments.iter().map(|argument| &argument.name);
    let types = model.arguments.iter().map(|argument| &argument.ty);
    let receiver = model.named_signature().inputs.into_iter().filter(|input| matches!(input, FnArg::Receiver(_)));
    let call = wrapper::call(model, name, options);
    let options =
        options.map(|options| quote!(#options: impl ::core::ops::FnOnce(#krate::CallOptions) -> #krate::CallOptions,));
    quote! {
        #docs
        #[inline]
        #vis #asyncness fn #ident #generics (#(#receiver,)* #options #(#names: #types),*) #output #bounds { #call }
    }
}

/// Input: `id: u64, name: &'a str`.
/// Output: `fn get(id: u64, name: &str) -> Result<Option<User>, Error> { load_user::cachekit_at(…).get(…) }`
/// and likewise `set`, `invalidate` and `expire`; with `_async` and `.await` where the function is `async`.
fn key_only(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let value = check::value(model);
    let parameters = parameters(model);
    let (generics, bounds) = model.part.declared();
    let at = at::call(model);
    let (tags, tags_later) = (tags::call(model), tags::later(model));
    let new = free_name(&model.key_arguments(), ["value", "new_value", "cached_value"]);
    let (asyncness, wait) = if model.is_async() { (quote!(async), quote!(.await)) } else { (quote!(), quote!()) };
    let vis = vis(model);
    let one = |name: &str, extra: TokenStream, pass: TokenStream, ok: TokenStream| {
        let docs = docs::of(model, name);
        let ident = format_ident!("{name}");
        let runtime = if model.is_async() { format_ident!("{name}_async") } else { ident.clone() };
        quote! {
            #docs
            #[inline]
            #vis #asyncness fn #ident #generics(#parameters #extra) -> ::core::result::Result<#ok, #krate::Error> #bounds {
                #at.#runtime(#pass) #wait
            }
        }
    };
    [
        one("get", quote!(), quote!(#tags_later), quote!(::core::option::Option<#value>)),
        one("set", quote!(#new: #value), quote!(#tags, #new), quote!(())),
        one("invalidate", quote!(), quote!(), quote!(())),
        one("expire", quote!(), quote!(), quote!(())),
    ]
    .into_iter()
    .collect()
}

/// `key` and `entry`: nothing is asked of the cache, so they neither fail nor wait.
fn handles(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let parameters = parameters(model);
    let (generics, bounds) = model.part.declared();
    let at = at::call(model);
    let tags = tags::call(model);
    let vis = vis(model);
    let key_docs = docs::of(model, "key");
    let entry = entry(model);
    quote! {
        #key_docs
        #[must_use]
        #[inline]
        #vis fn key #generics(#parameters) -> #krate::Key #bounds {
            #at.key(#tags)
        }
        #entry
    }
}

/// Input: `fn find(&self, id: u64) -> User` with `key(self.tenant, id)`.
/// Output: `fn find_entry(&self, id: u64) -> Entry<User> { … }`, or `fn entry(id: u64) -> Entry<User>` of a function.
pub(super) fn entry(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let docs = docs::of(model, "entry");
    let vis = vis(model);
    let ident = model.companion_ident("entry");
    let (generics, bounds) = model.part.declared();
    let this = model.key_self().map(|this| quote!(&#this,));
    let parameters = parameters(model);
    let value = check::value(model);
    let at = at::call(model);
    let tags = tags::call(model);
    let (entry, handle) = if model.is_async() { ("entry_async", "AsyncEntry") } else { ("entry", "Entry") };
    let (entry, handle) = (format_ident!("{entry}"), format_ident!("{handle}"));
    quote! {
        #docs
        #[must_use]
        #[inline]
        #vis fn #ident #generics(#this #parameters) -> #krate::#handle<#value> #bounds {
            #at.#entry(#tags)
        }
    }
}

/// The arguments that form the key, as parameters.
fn parameters(model: &Model) -> TokenStream {
    let arguments = model.key_arguments();
    let names = arguments.iter().map(|argument| &argument.name);
    let types = arguments.iter().map(|argument| model.elided(&argument.ty));
    quote!(#(#names: #types,)*)
}

/// The plainest name that no argument has.
pub(super) fn free_name(arguments: &[&Argument], names: [&str; 3]) -> Ident {
    let is_free = |name: &Ident| arguments.iter().all(|argument| argument.name != *name);
    let plain = names.map(|name| format_ident!("{name}"));
    plain.into_iter().find(is_free).unwrap_or_else(|| hygiene::local(names[0]))
}
