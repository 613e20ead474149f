//! The function that callers see, and the one call into the runtime that is its body.
//!
//! It keeps the user's documentation, visibility and signature; patterns among its arguments become names.
//! What it deliberately does not do: touch the user's body, which moves to `original` word for word.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{format_ident, quote};
use syn::Ident;

use super::{at, check, coalesce, inline, renewal, tags};
use crate::attrs::{self, Place};
use crate::hygiene;
use crate::lifetimes;
use crate::model::{Home, Model};

/// Input: `pub fn load_user(db: &Db, id: u64) -> User { body }` with `skip(db)`.
/// Output:
/// ```text
/// pub fn load_user(db: &Db, id: u64) -> User {
///     infallible(load_user::cachekit_at(&id).call(None, Work::named((db, id), load_user::cachekit_body)))
/// }
/// ```
pub(super) fn wrapper(model: &Model, inner: Option<&TokenStream>) -> TokenStream {
    let attrs = match model.home {
        // The body stays here, and so does what changes it.
        Home::Inline => attrs::others(&model.item.attrs),
        _ => attrs::at(&model.item.attrs, Place::Wrapper),
    };
    let vis = &model.item.vis;
    let sig = model.named_signature();
    let call = call(model, "call", None);
    let call = if model.is_boxed { quote!(::std::boxed::Box::pin(async move { #call })) } else { call };
    // The user's braces: the function is theirs from end to end, and a lint such as `dead_code` judges it.
    let mut body = Group::new(Delimiter::Brace, quote!(#inner #call));
    body.set_span(model.item.body.span());
    quote! {
        #(#attrs)*
        #vis #sig #body
    }
}

/// One call into the runtime that may run the body: `call`, `fetch`, `refresh`, `with`.
///
/// Output:
/// ```text
/// load_user::cachekit_at(&id).call(share, Work::named((db, id), load_user::cachekit_body))
/// ```
/// with `.tags(…)` and `.renewed(…)` behind `Work::named(…)` where the attribute asks for them.
/// A function that returns no `Result` returns one here that cannot fail, and it is unpacked outside.
pub(super) fn call(model: &Model, verb: &str, options: Option<&Ident>) -> TokenStream {
    let krate = &model.krate;
    let at = at::call(model);
    let is_async = model.is_async();
    let is_result = model.output.is_result;
    let share = if is_result { share(model) } else { quote!(::core::option::Option::None) };
    let work = if model.home == Home::Inline { inline::work(model) } else { work(model) };
    let (verb, wait) =
        if is_async { (format_ident!("{verb}_async"), quote!(.await)) } else { (format_ident!("{verb}"), quote!()) };
    let (tags, renewed, refused) = (tags::of_work(model), renewal::of_work(model), refusal(model));
    let options = options.map(|options| quote!(#options,));
    let call = quote!(#at.#verb(#options #share, #work #tags #renewed #refused) #wait);
    if is_result { call } else { quote!(#krate::__private::infallible(#call)) }
}

/// Output: `Work::named((db, id), load_user::cachekit_body)`, or with a closure where the types of the arguments cannot all be
/// named again.
fn work(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let values = model.all_values();
    if has_body(model) {
        let companion = &model.companion;
        let constructor = if model.is_async() { quote!(new) } else { quote!(named) };
        return quote!(#krate::__private::Work::#constructor((#(#values,)*), #companion::cachekit_body));
    }
    let locals = model.all_arguments().map(|argument| hygiene::as_local(&argument.name));
    let body = original(model);
    let body = if model.is_async() { quote!(async move { #body }) } else { body };
    quote!(#krate::__private::Work::new((#(#values,)*), |(#(#locals,)*)| #body))
}

/// Whether the body has a name: what the runtime does with it is then compiled once and not for each companion.
fn has_body(model: &Model) -> bool {
    let generics = &model.item.sig.generics;
    model.is_plain() && generics.type_params().next().is_none() && generics.const_params().next().is_none()
}

/// The body as the runtime takes it.
///
/// Output: `fn cachekit_body((db, id): (&Db, u64)) -> Result<User, Infallible> { Ok(load_user::original(db, id)) }`
pub(super) fn body(model: &Model) -> Option<TokenStream> {
    if !has_body(model) {
        return None;
    }
    let sig = &model.item.sig;
    let (asyncness, output) = (hygiene::repeated(sig.asyncness), &model.output.ty);
    let (generics, _, bounds) = sig.generics.split_for_impl();
    let locals: Vec<Ident> = model.all_arguments().map(|argument| hygiene::as_local(&argument.name)).collect();
    let types = model.all_arguments().map(|argument| &argument.ty);
    let output = if model.output.is_result {
        quote!(#output)
    } else {
        quote!(::core::result::Result<#output, ::core::convert::Infallible>)
    };
    let body = original(model);
    Some(quote! {
        #[doc(hidden)]
        #asyncness fn cachekit_body #generics((#(#locals,)*): (#(#types,)*)) -> #output #bounds { #body }
    })
}

/// What a call computes, as a `Result`.
fn original(model: &Model) -> TokenStream {
    let locals = model.all_arguments().map(|argument| hygiene::as_local(&argument.name));
    let (original, wait) = (model.original(), model.is_async().then(|| quote!(.await)));
    let output = quote!(#original(#(#locals),*)#wait);
    let output = if model.output.is_result { output } else { quote!(::core::result::Result::Ok(#output)) };
    coalesce::body(model, &output).unwrap_or(output)
}

/// How an error of the backend becomes one of the function's, where that has a `From` for it.
///
/// Found as [`share`] is; nothing for functions that cannot be told one.
pub(super) fn refusal(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let borrows = lifetimes::first_borrow(&model.output.ty, &model.scope).is_some();
    if !model.output.is_result || model.args.in_memory.is_some() || borrows {
        return TokenStream::new();
    }
    let error = check::error_type(model);
    quote! {
        .refused({
            use #krate::__private::{RefuseByFrom as _, RefuseNothing as _};
            (&#krate::__private::ErrorOf::<#error>::new()).refusal()
        })
    }
}

/// How everyone who waited for a call gets its error: as the user says, or by `Clone` where the error has it.
///
/// The method is found on the reference first, where the error can be cloned, and behind it for every type.
pub(super) fn share(model: &Model) -> TokenStream {
    let krate = &model.krate;
    if let Some((_, share_error)) = &model.args.share_error {
        let error = check::error_type(model);
        let copy = check::pointer(&quote!(fn(&#error) -> #error), share_error);
        return quote!(#krate::__private::Share::by(#copy));
    }
    if lifetimes::first_borrow(&model.output.ty, &model.scope).is_some() {
        return quote!(#krate::__private::Share::none());
    }
    if model.args.error_ttl.is_some() {
        let error = check::placed_error_type(model);
        return quote!(#krate::__private::share_remembered::<#error>());
    }
    let error = check::error_type(model);
    quote! {{
        use #krate::__private::{ShareByClone as _, ShareNothing as _};
        (&#krate::__private::ErrorOf::<#error>::new()).share()
    }}
}
