//! A function of many keys: what callers see, and its companions.
//!
//! Each is one call into the runtime, which is handed how one key becomes a handle for its entry, and how the body is
//! called for some of the keys.
//! What it deliberately does not do: keys and tags of one entry, which are made as for any other function.

use std::ptr;

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, Ident, Type};

use super::{at, cached_fn, check, coalesce, companion, info, inline, method, renewal, tags, wrapper};
use crate::argument::Argument;
use crate::attrs::{self, Place};
use crate::entries;
use crate::hygiene;
use crate::lifetimes;
use crate::many::Many;
use crate::model::{Home, Model};

/// Input: `#[cache_multi_on_arguments(region = "users")] fn load_users(db: &Db, ids: &[u64]) -> HashMap<u64, User> { … }`
///
/// Output:
/// ```text
/// fn load_users(db: &Db, ids: &[u64]) -> HashMap<u64, User> { … one call into the runtime … }
/// enum load_users {}
/// impl load_users { fn original(db: &Db, ids: &[u64]) … fn get(ids: &[u64]) … }
/// impl CachedFn for load_users { … }         // unless the entries are another function's
/// ```
/// and of a method `find_users_original`, `find_users_get` and so on in its `impl`.
pub(super) fn many(many: &Many) -> TokenStream {
    let model = &many.model;
    match model.home {
        Home::Inline => wrapper(many, None),
        Home::Impl => {
            let siblings = method::stand(model, &shown(many), &hidden(many));
            let wrapper = wrapper(many, None);
            quote!(#wrapper #siblings)
        }
        Home::Beside | Home::Inside => {
            let cached_fn = (model.is_plain() && many.entries_of().is_none()).then(|| cached_fn::cached_fn(model));
            let (one, word) = coalesce::gathers(many).unzip();
            let shown: TokenStream =
                if model.is_shown() { shown(many).into_iter().collect() } else { TokenStream::new() };
            let hidden: TokenStream = hidden(many).into_iter().collect();
            let companion = companion::stand(model, &quote!(#shown #hidden #one));
            let shares = shares(many);
            let companions = quote!(#companion #cached_fn #shares #word);
            if model.is_shown() {
                let wrapper = wrapper(many, None);
                quote!(#wrapper #companions)
            } else {
                wrapper(many, Some(&companions))
            }
        }
    }
}

/// As [`check::no_hidden_result`], of what holds the values; an expression where no item can name that.
fn no_hidden_result(many: &Many) -> Option<TokenStream> {
    let model = &many.model;
    if model.output.is_result || many.is_written_out() {
        return None;
    }
    let values = lifetimes::named(&many.values, &model.scope, "'static").into_token_stream();
    let message = "this is a `Result`, of whose `Ok` the values are: write `result = true`";
    let compared = check::is_no_result(model, &values, message);
    let is_item = model.home != Home::Inline && !model.is_instantiated(&values);
    Some(if is_item { model.outside(quote!(const _: () = #compared;)) } else { quote!(const #compared;) })
}

/// The function whose entries these are, in the one place that names it: what is wrong with the name is told once.
///
/// Output: `impl Shares for load_users { type Function = load_user; }`, and with `region = "users"`, which is that
/// function's to say, `submit! { Repeated { given: FnInfo::new(…), entries_of: … } }`.
fn shares(many: &Many) -> Option<TokenStream> {
    let path = many.shares()?;
    let Model { krate, companion, .. } = &many.model;
    let impl_attrs = attrs::at(&many.model.item.attrs, Place::Impl);
    let repeated = many.model.args.region.as_ref().map(|_| {
        let registration_attrs = attrs::at(&many.model.item.attrs, Place::Registration);
        let (given, shared) = (info::place(&many.model), shared(many));
        quote! {
            #(#registration_attrs)*
            #krate::__private::inventory::submit! {
                #krate::__private::Repeated { given: #given, entries_of: <#shared as #krate::CachedFn>::info }
            }
        }
    });
    Some(quote! {
        #(#impl_attrs)*
        #[automatically_derived]
        impl #krate::__private::many::Shares for #companion {
            type Function = #path;
        }
        #repeated
    })
}

/// Output: `<load_users as Shares>::Function`
pub(super) fn shared(many: &Many) -> TokenStream {
    let Model { krate, companion, .. } = &many.model;
    quote!(<#companion as #krate::__private::many::Shares>::Function)
}

fn wrapper(many: &Many, inner: Option<&TokenStream>) -> TokenStream {
    let model = &many.model;
    let attrs = match model.home {
        // The body stays here, and so does what changes it.
        Home::Inline => attrs::others(&model.item.attrs),
        _ => attrs::at(&model.item.attrs, Place::Wrapper),
    };
    let (vis, sig) = (&model.item.vis, model.named_signature());
    let (no_hidden_result, call) = (no_hidden_result(many), running(many, false));
    let call = if model.is_boxed { quote!(::std::boxed::Box::pin(async move { #call })) } else { call };
    let mut body = Group::new(Delimiter::Brace, quote!(#inner #no_hidden_result #call));
    body.set_span(model.item.body.span());
    quote! {
        #(#attrs)*
        #vis #sig #body
    }
}

/// The companions; a method has a handle for one of the entries too, unless they are another function's.
fn shown(many: &Many) -> Vec<TokenStream> {
    let entry = (many.model.home == Home::Impl && many.entries_of().is_none()).then(|| companion::entry(&many.model));
    let (invalidate, expire) = (forget(many, "invalidate"), forget(many, "expire"));
    entry.into_iter().chain([get(many), set(many), invalidate, expire, refresh(many)]).collect()
}

/// What finds an entry, unless it is another function's, and what renews keys in the background.
fn hidden(many: &Many) -> Vec<TokenStream> {
    let model = &many.model;
    let renewal = renewal::of_many(many);
    if many.entries_of().is_some() {
        return renewal.into_iter().collect();
    }
    [at::function(model), at::of_owner(model), tags::function(model), renewal].into_iter().flatten().collect()
}

/// One call into the runtime that may run the body.
///
/// Output:
/// ```text
/// infallible(many::call(
///     many::Function::new("load_users", None),
///     returned::<u64, User, HashMap<u64, User>>(),
///     ids,
///     |ids| many::entry(load_users::cachekit_at(ids), …),
///     |ids| Ok(load_users::original(again(&db), ids)),
/// ))
/// ```
fn running(many: &Many, refreshes: bool) -> TokenStream {
    let Model { krate, name, .. } = &many.model;
    let share =
        if many.model.output.is_result { wrapper::share(&many.model) } else { quote!(::core::option::Option::None) };
    let refused = wrapper::refusal(&many.model);
    let (ids, returned, entry) = (&many.ids().name, returned(many), entry(many));
    let (compute, is_async) = (compute(many), many.model.is_async());
    let (verb, wait) = if is_async { (quote!(call_async), quote!(.await)) } else { (quote!(call), quote!()) };
    let renewed = if refreshes { None } else { renewal::of_call(many) };
    let refreshes = refreshes.then(|| quote!(.refreshes()));
    let call = quote! {
        #krate::__private::many::#verb(
            #krate::__private::many::Function::new(#name, #share) #refused #refreshes #renewed,
            #returned,
            #ids,
            #entry,
            #compute,
        ) #wait
    };
    if many.model.output.is_result { call } else { quote!(#krate::__private::infallible(#call)) }
}

/// What is needed of the types of keys and values, which is told once: every call of it stands at the same place.
///
/// Output: `returned::<u64, User, HashMap<u64, User>>()`, or `borrowed::<str, User, Vec<User>>()` of keys `&str`.
pub(super) fn returned(many: &Many) -> TokenStream {
    let krate = &many.model.krate;
    let (id, values, value) = (many.model.elided(&many.id), many.model.elided(&many.values), value(many));
    let here = |tokens: TokenStream| hygiene::located(tokens, &many.values);
    let (function, id) = match (many.is_in_order(), &id) {
        (true, Type::Reference(reference)) => (quote!(borrowed), &*reference.elem),
        _ => (quote!(returned), &id),
    };
    let (path, comma) = (here(quote!(#krate::__private::many::#function::<)), here(quote!(,)));
    let call = here(quote!(>()));
    quote!(#path #id #comma #value #comma #values #call)
}

/// The type of a value, by a name that says nothing again of a type that is no value.
pub(super) fn value(many: &Many) -> TokenStream {
    match many.entries_of() {
        Some(_) => check::value(&many.model),
        None if many.is_written_out() => check::value(&many.model),
        None => hygiene::located(check::named_value(&many.model), &many.values),
    }
}

/// How the body is called for some of the keys.
///
/// Output: `|ids| { let db = again(&db); Ok(load_users::original(db, ids)) }`
pub(super) fn compute(many: &Many) -> TokenStream {
    let model = &many.model;
    let krate = &model.krate;
    let (ids, is_async) = (many.ids(), model.is_async());
    let is_ids = |argument: &Argument| ptr::eq(argument, ids);
    let some = hygiene::as_local(&ids.name);
    let slice = if is_async { quote!(&#some) } else { quote!(#some) };
    let is_inline = model.home == Home::Inline;
    let arguments: Vec<&Argument> =
        if is_inline { model.arguments.iter().collect() } else { model.all_arguments().collect() };
    let values = if is_inline {
        arguments.iter().map(|argument| argument.name.to_token_stream()).collect()
    } else {
        model.all_values()
    };
    let copies = arguments.iter().zip(&values).filter(|(argument, _)| !is_ids(argument)).map(|(argument, value)| {
        let local = hygiene::as_local(&argument.name);
        let again = again(krate, value, &argument.ty);
        quote!(let #local = #again;)
    });
    let passed = arguments.iter().map(|argument| {
        if is_ids(argument) { slice.clone() } else { hygiene::as_local(&argument.name).into_token_stream() }
    });
    let (named, original) = if is_inline {
        let patterns = model.item.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(&typed.pat),
            FnArg::Receiver(_) => None,
        });
        (quote!(#(let #patterns = #passed;)*), inline::once(model))
    } else {
        let original = model.original();
        (quote!(), quote!(#original(#(#passed),*)))
    };
    let body = match (is_async, model.output.is_result) {
        (false, true) => quote!(#named #original),
        (false, false) => quote!(#named ::core::result::Result::Ok(#original)),
        (true, true) => quote!(async move { #named #original.await }),
        (true, false) => quote!(async move { #named ::core::result::Result::Ok(#original.await) }),
    };
    quote!(|#some| { #(#copies)* #body })
}

/// Output: `again::<&Db>(&db)`, at the place of the type, where it is found out if that cannot be.
fn again(krate: &TokenStream, value: impl ToTokens, ty: &Type) -> TokenStream {
    let value = value.into_token_stream();
    hygiene::located(quote!(#krate::__private::many::again(&#value)), ty)
}

/// How one key becomes a handle for its entry.
///
/// Output: `|ids| many::entry(load_users::cachekit_at(ids, &page), …)`, or
/// `|ids| { let ids = again(ids); let page = again(&page); entry_of::<load_user>(load_user::entry(ids, page)) }`.
fn entry(many: &Many) -> TokenStream {
    let model = &many.model;
    let krate = &model.krate;
    let id = hygiene::as_local(&many.ids().name);
    let is_id = |argument: &Argument| ptr::eq(argument, many.ids());
    let key_arguments = model.key_arguments();
    if let Some(function) = many.entries_of() {
        // Named first, so that each is compared with the other function's at its type.
        let (copies, names): (Vec<_>, Vec<_>) = key_arguments
            .iter()
            .map(|argument| {
                let copy = hygiene::as_local(&argument.name);
                let again = if is_id(argument) {
                    quote!(#krate::__private::many::again(#id))
                } else {
                    again(krate, &argument.name, &argument.ty)
                };
                let name = hygiene::located(&copy, &argument.ty);
                (quote!(let #copy = #again;), name)
            })
            .unzip();
        let mut arguments = Group::new(Delimiter::Parenthesis, quote!(#(#names),*));
        let (_, end) = hygiene::ends(function);
        arguments.set_span(arguments.span().located_at(end));
        let entry = if many.shares().is_some() {
            let shared = shared(many);
            let entry = hygiene::located(quote!(<#shared>::entry), function);
            quote!(#krate::__private::many::entry_of::<#shared>(#entry #arguments))
        } else {
            let handle = entries::handle(function);
            quote!(#handle #arguments)
        };
        return quote!(|#id| { #(#copies)* #entry });
    }
    let references = key_arguments.into_iter().map(|argument| {
        let name = &argument.name;
        if is_id(argument) { id.to_token_stream() } else { quote!(&#name) }
    });
    let references: Vec<TokenStream> = references.collect();
    let (at, tags) = (at::call_with(model, &references), tags::call_with(model, &references));
    quote!(|#id| #krate::__private::many::entry(#at, #tags))
}

/// What a companion takes that needs only keys: the arguments that form them, the keys as a slice or left out, and `self`
/// where an entry depends on it.
fn parameters(many: &Many, with_ids: bool) -> TokenStream {
    let model = &many.model;
    let this = many.entry_self().map(|this| quote!(&#this,));
    let parameters = model.key_arguments().into_iter().filter_map(|argument| {
        let (name, ty) = (&argument.name, model.elided(&argument.ty));
        match (ptr::eq(argument, many.ids()), with_ids) {
            (false, _) => Some(quote!(#name: #ty,)),
            (true, true) => Some(quote!(#name: &[#ty],)),
            (true, false) => None,
        }
    });
    this.into_iter().chain(parameters).collect()
}

/// How a companion that needs only keys is written, up to its name; the function of the runtime, and how it waits.
fn verb(many: &Many, verb: &str) -> (TokenStream, Ident, TokenStream) {
    let (vis, name) = (companion::vis(&many.model), many.model.companion_ident(verb));
    if many.model.is_async() {
        (quote!(#vis async fn #name), format_ident!("{verb}_async"), quote!(.await))
    } else {
        (quote!(#vis fn #name), format_ident!("{verb}"), quote!())
    }
}

fn get(many: &Many) -> TokenStream {
    let krate = &many.model.krate;
    let docs =
        docs(many, "The values that the cache holds of {} for these keys, as far as they are fresh; never computes.");
    let (head, verb, wait) = verb(many, "get");
    let (generics, bounds) = many.model.part.declared();
    let (ids, parameters, entry) = (&many.ids().name, parameters(many, true), entry(many));
    let returned = returned(many);
    let (key, value) = (many.model.elided(&many.key_of_map()), value(many));
    quote! {
        #docs
        #head #generics(
            #parameters
        ) -> ::core::result::Result<::std::collections::HashMap<#key, #value>, #krate::Error> #bounds {
            #krate::__private::many::#verb(#returned, #ids, #entry) #wait
        }
    }
}

fn set(many: &Many) -> TokenStream {
    let model = &many.model;
    let krate = &model.krate;
    let docs =
        docs(many, "Stores values as if {} had returned them now; computations that run already are not stored.");
    let (head, verb, wait) = verb(many, "set");
    let (parameters, entry, value) = (parameters(many, false), entry(many), value(many));
    // A lifetime of its own, since that of an `impl Trait` cannot be left out.
    let id = lifetimes::named(&many.id, &model.scope, "'id");
    let has_lifetime = id.to_token_stream().to_string() != many.id.to_token_stream().to_string();
    let part = model.part.after(has_lifetime.then_some("'id"));
    let (generics, bounds) = part.declared();
    let entries = companion::free_name(&model.key_arguments(), ["entries", "new_entries", "cached_entries"]);
    quote! {
        #docs
        #head #generics(
            #parameters
            #entries: impl ::core::iter::IntoIterator<Item = (#id, #value)>,
        ) -> ::core::result::Result<(), #krate::Error> #bounds {
            #krate::__private::many::#verb(#entries, #entry) #wait
        }
    }
}

fn forget(many: &Many, name: &str) -> TokenStream {
    let krate = &many.model.krate;
    let text = match name {
        "invalidate" => {
            "Forgets the values of {} for these keys, everywhere; computations that run already are not stored."
        }
        _ => {
            "Lets the next caller of {} renew the values of these keys, while the others are served those that are there."
        }
    };
    let docs = docs(many, text);
    let (head, verb, wait) = verb(many, name);
    let (generics, bounds) = many.model.part.declared();
    let (ids, parameters, entry) = (&many.ids().name, parameters(many, true), entry(many));
    quote! {
        #docs
        #head #generics(#parameters) -> ::core::result::Result<(), #krate::Error> #bounds {
            #krate::__private::many::#verb(#ids, #entry) #wait
        }
    }
}

/// `refresh` runs the body, so it has the whole signature.
fn refresh(many: &Many) -> TokenStream {
    let docs = docs(
        many,
        "Computes {} now for all of these keys, stores the values in place of the old ones, and returns them.",
    );
    let vis = companion::vis(&many.model);
    let mut sig = many.model.named_signature();
    sig.ident = many.model.companion_ident("refresh");
    sig.fn_token.span = hygiene::macro_span(sig.fn_token.span);
    if let Some(asyncness) = &mut sig.asyncness {
        asyncness.span = hygiene::macro_span(asyncness.span);
    }
    let call = running(many, true);
    quote! {
        #docs
        #vis #sig { #call }
    }
}

fn docs(many: &Many, text: &str) -> TokenStream {
    let text = text.replace("{}", &super::docs::link(&many.model));
    let text = format!("{text}\n\n{}", super::docs::ERRORS);
    quote!(#[doc = #text])
}
