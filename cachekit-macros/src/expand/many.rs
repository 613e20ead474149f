//! A function of many keys: what callers see, and its companions.
//!
//! Each is one call into the runtime, which is handed how one key becomes a handle for its entry, and how the body is
//! called for some of the keys.
//! What it deliberately does not do: keys and tags of one entry, which are made as for any other function.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Ident, Type};

use super::{at, cached_fn, check, coalesce, companion, info, tags, wrapper};
use crate::argument::Argument;
use crate::attrs::{self, Place};
use crate::hygiene;
use crate::lifetimes;
use crate::many::Many;
use crate::model::Model;

/// Input: `#[cache_multi_on_arguments(region = "users")] fn load_users(db: &Db, ids: &[u64]) -> HashMap<u64, User> { … }`
///
/// Output:
/// ```text
/// fn load_users(db: &Db, ids: &[u64]) -> HashMap<u64, User> { … one call into the runtime … }
/// enum load_users {}
/// impl load_users { fn original(db: &Db, ids: &[u64]) … fn get(ids: &[u64]) … }
/// impl CachedFn for load_users { … }         // unless the entries are another function's
/// ```
pub(super) fn many(many: &Many) -> TokenStream {
    let model = &many.model;
    let cached_fn = many.entries_of().is_none().then(|| cached_fn::cached_fn(model));
    let gathers = coalesce::gathers(many);
    let (one, word) = gathers.unzip();
    let companions = companions(many, one.as_ref());
    let (shares, no_hidden_result) = (shares(many), no_hidden_result(many));
    let companions = quote!(#companions #cached_fn #shares #no_hidden_result #word);
    let inner = (!model.is_shown()).then_some(&companions);
    let call = running(many, false);
    let (attrs, vis, sig) = (attrs::at(&model.item.attrs, Place::Wrapper), &model.item.vis, model.named_signature());
    let mut body = Group::new(Delimiter::Brace, quote!(#inner #call));
    body.set_span(model.item.body.span());
    let outside = model.is_shown().then_some(&companions);
    quote! {
        #(#attrs)*
        #vis #sig #body
        #outside
    }
}

/// As [`check::no_hidden_result`], of what holds the values.
fn no_hidden_result(many: &Many) -> Option<TokenStream> {
    let is_hidden = !many.model.output.is_result && !many.is_written_out();
    is_hidden.then(|| {
        let values = lifetimes::named(&many.values, &many.model.item.sig.generics, "'static");
        let message = "this is a `Result`, of whose `Ok` the values are: write `result = true`";
        let compared = check::is_no_result(&many.model, &values.to_token_stream(), message);
        quote!(const _: () = #compared;)
    })
}

/// The function whose entries these are, in the one place that names it: what is wrong with the name is told once.
///
/// Output: `impl Shares for load_users { type Function = load_user; }`, and with `region = "users"`, which is that
/// function's to say, `submit! { Repeated { given: FnInfo::new(…), entries_of: … } }`.
fn shares(many: &Many) -> Option<TokenStream> {
    let path = many.entries_of()?;
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

fn companions(many: &Many, one: Option<&TokenStream>) -> TokenStream {
    let model = &many.model;
    let hidden = many.entries_of().is_none().then(|| {
        let (at, tags) = (at::function(model), tags::function(model));
        quote!(#at #tags)
    });
    let shown = model.is_shown().then(|| {
        let (get, refresh) = (get(many), refresh(many));
        let (invalidate, expire) = (forget(many, "invalidate"), forget(many, "expire"));
        let set = set(many);
        quote!(#get #set #invalidate #expire #refresh)
    });
    companion::stand(model, &quote!(#shown #hidden #one))
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
    let Model { krate, name, arguments, .. } = &many.model;
    let share =
        if many.model.output.is_result { wrapper::share(&many.model) } else { quote!(::core::option::Option::None) };
    let refused = wrapper::refusal(&many.model);
    let (ids, returned, entry) = (&arguments[many.place].name, returned(many), entry(many));
    let (compute, is_async) = (compute(many), many.model.is_async());
    let (verb, wait) = if is_async { (quote!(call_async), quote!(.await)) } else { (quote!(call), quote!()) };
    let refreshes = refreshes.then(|| quote!(.refreshes()));
    let call = quote! {
        #krate::__private::many::#verb(
            #krate::__private::many::Function::new(#name, #share) #refused #refreshes,
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
    let (id, values, value) = (elided(many, &many.id), elided(many, &many.values), value(many));
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
fn value(many: &Many) -> TokenStream {
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
    let Model { krate, companion, arguments, .. } = &many.model;
    let ids = &arguments[many.place].name;
    let some = hygiene::as_local(ids);
    let is_async = many.model.is_async();
    let locals: Vec<Ident> = arguments.iter().map(|argument| hygiene::as_local(&argument.name)).collect();
    let copies = arguments.iter().enumerate().filter(|(place, _)| !many.is_ids(*place)).map(|(_, argument)| {
        let local = hygiene::as_local(&argument.name);
        let again = again(krate, argument);
        quote!(let #local = #again;)
    });
    let passed = locals
        .iter()
        .enumerate()
        .map(|(place, local)| if many.is_ids(place) && is_async { quote!(&#local) } else { quote!(#local) });
    let original = quote!(#companion::original(#(#passed),*));
    let body = match (is_async, many.model.output.is_result) {
        (false, true) => original,
        (false, false) => quote!(::core::result::Result::Ok(#original)),
        (true, true) => quote!(async move { #original.await }),
        (true, false) => quote!(async move { ::core::result::Result::Ok(#original.await) }),
    };
    quote!(|#some| { #(#copies)* #body })
}

/// Output: `again::<&Db>(&db)`, at the place of the type, where it is found out if that cannot be.
fn again(krate: &TokenStream, argument: &Argument) -> TokenStream {
    let name = &argument.name;
    hygiene::located(quote!(#krate::__private::many::again(&#name)), &argument.ty)
}

/// How one key becomes a handle for its entry.
///
/// Output: `|ids| many::entry(load_users::cachekit_at(ids, &page), …)`, or
/// `|ids| { let ids = again(ids); let page = again(&page); entry_of::<load_user>(load_user::entry(ids, page)) }`.
fn entry(many: &Many) -> TokenStream {
    let Model { krate, companion, arguments, .. } = &many.model;
    let id = hygiene::as_local(&arguments[many.place].name);
    let key_arguments = many.model.key_arguments();
    let is_id = |argument: &Argument| argument.name == arguments[many.place].name;
    if let Some(path) = many.entries_of() {
        // Named first, so that each is compared with the other function's at its type.
        let (copies, names): (Vec<_>, Vec<_>) = key_arguments
            .iter()
            .map(|argument| {
                let copy = hygiene::as_local(&argument.name);
                let again =
                    if is_id(argument) { quote!(#krate::__private::many::again(#id)) } else { again(krate, argument) };
                let name = hygiene::located(&copy, &argument.ty);
                (quote!(let #copy = #again;), name)
            })
            .unzip();
        let shared = shared(many);
        let mut arguments = Group::new(Delimiter::Parenthesis, quote!(#(#names),*));
        let (_, end) = hygiene::ends(path);
        arguments.set_span(arguments.span().located_at(end));
        let entry = hygiene::located(quote!(<#shared>::entry), path);
        return quote!(|#id| { #(#copies)* #krate::__private::many::entry_of::<#shared>(#entry #arguments) });
    }
    let forwarded = key_arguments.iter().map(|argument| {
        let name = &argument.name;
        if is_id(argument) { id.to_token_stream() } else { quote!(&#name) }
    });
    let forwarded = quote!(#(#forwarded),*);
    let tags = if many.model.tags().is_empty() {
        quote!(#krate::__private::no_tags())
    } else {
        quote!(#companion::cachekit_tags(#forwarded))
    };
    quote!(|#id| #krate::__private::many::entry(#companion::cachekit_at(#forwarded), #tags))
}

/// The arguments that form the key, as parameters; the keys as a slice, or left out.
fn parameters(many: &Many, with_ids: bool) -> TokenStream {
    let model = &many.model;
    let ids = &model.arguments[many.place].name;
    let parameters = model.key_arguments().into_iter().filter_map(|argument| {
        let (name, ty) = (&argument.name, model.elided(&argument.ty));
        match (argument.name == *ids, with_ids) {
            (false, _) => Some(quote!(#name: #ty,)),
            (true, true) => Some(quote!(#name: &[#ty],)),
            (true, false) => None,
        }
    });
    parameters.collect()
}

/// How a companion that needs only keys is written, and how it waits.
fn verb(many: &Many, verb: &str) -> (Option<TokenStream>, Ident, TokenStream) {
    if many.model.is_async() {
        (Some(quote!(async)), format_ident!("{verb}_async"), quote!(.await))
    } else {
        (None, format_ident!("{verb}"), quote!())
    }
}

fn get(many: &Many) -> TokenStream {
    let Model { krate, arguments, .. } = &many.model;
    let (vis, docs) = (
        companion::vis(&many.model),
        docs(many, "The values that the cache holds of {} for these keys, as far as they are fresh; never computes."),
    );
    let (asyncness, verb, wait) = verb(many, "get");
    let (ids, parameters, entry) = (&arguments[many.place].name, parameters(many, true), entry(many));
    let returned = returned(many);
    let (key, value) = (elided(many, &many.key_of_map()), value(many));
    quote! {
        #docs
        #vis #asyncness fn get(
            #parameters
        ) -> ::core::result::Result<::std::collections::HashMap<#key, #value>, #krate::Error> {
            #krate::__private::many::#verb(#returned, #ids, #entry) #wait
        }
    }
}

fn set(many: &Many) -> TokenStream {
    let Model { krate, .. } = &many.model;
    let (vis, docs) = (
        companion::vis(&many.model),
        docs(many, "Stores values as if {} had returned them now; computations that run already are not stored."),
    );
    let (asyncness, verb, wait) = verb(many, "set");
    let (parameters, entry, value) = (parameters(many, false), entry(many), value(many));
    // A lifetime of its own, since that of an `impl Trait` cannot be left out.
    let id = lifetimes::named(&many.id, &many.model.item.sig.generics, "'id");
    let lifetime = (id.to_token_stream().to_string() != many.id.to_token_stream().to_string()).then(|| quote!(<'id>));
    let entries = companion::free_name(&many.model.key_arguments(), ["entries", "new_entries", "cached_entries"]);
    quote! {
        #docs
        #vis #asyncness fn set #lifetime(
            #parameters
            #entries: impl ::core::iter::IntoIterator<Item = (#id, #value)>,
        ) -> ::core::result::Result<(), #krate::Error> {
            #krate::__private::many::#verb(#entries, #entry) #wait
        }
    }
}

fn forget(many: &Many, name: &str) -> TokenStream {
    let Model { krate, arguments, .. } = &many.model;
    let text = match name {
        "invalidate" => {
            "Forgets the values of {} for these keys, everywhere; computations that run already are not stored."
        }
        _ => {
            "Lets the next caller of {} renew the values of these keys, while the others are served those that are there."
        }
    };
    let (vis, docs, function) = (companion::vis(&many.model), docs(many, text), format_ident!("{name}"));
    let (asyncness, verb, wait) = verb(many, name);
    let (ids, parameters, entry) = (&arguments[many.place].name, parameters(many, true), entry(many));
    quote! {
        #docs
        #vis #asyncness fn #function(#parameters) -> ::core::result::Result<(), #krate::Error> {
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
    sig.ident = format_ident!("refresh");
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

fn elided(many: &Many, ty: &Type) -> Type {
    lifetimes::elided(ty, &many.model.item.sig.generics)
}

fn docs(many: &Many, text: &str) -> TokenStream {
    let text = text.replace("{}", &super::docs::link(&many.model));
    let text = format!("{text}\n\n{}", super::docs::ERRORS);
    quote!(#[doc = #text])
}
