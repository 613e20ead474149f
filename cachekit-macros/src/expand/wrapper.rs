//! The function that callers see, and the one call into the runtime that is its body.
//!
//! It keeps the user's documentation, visibility and signature; patterns among its arguments become names.
//! What it deliberately does not do: touch the user's body, which moves to `original` word for word.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{format_ident, quote};

use super::{check, key};
use crate::attrs::{self, Place};
use crate::lifetimes;
use crate::model::Model;

/// Input: `pub fn load_user(db: &Db, id: u64) -> User { body }` with `skip(db)`.
/// Output:
/// ```text
/// pub fn load_user(db: &Db, id: u64) -> User {
///     call::<load_user>(load_user::cachekit_key(&id), move || load_user::original(db, id))
/// }
/// ```
pub(super) fn wrapper(model: &Model, inner: Option<&TokenStream>) -> TokenStream {
    let attrs = attrs::at(&model.item.attrs, Place::Wrapper);
    let vis = &model.item.vis;
    let sig = model.named_signature();
    let call = call(model, "call");
    // The user's braces: the function is theirs from end to end, and a lint such as `dead_code` judges it.
    let mut body = Group::new(Delimiter::Brace, quote!(#inner #call));
    body.set_span(model.item.body.span());
    quote! {
        #(#attrs)*
        #vis #sig #body
    }
}

/// The call that runs the body when it must: `call` asks the cache first, `refresh` does not.
pub(super) fn call(model: &Model, verb: &str) -> TokenStream {
    let Model { krate, companion, .. } = model;
    let key = key::call(model);
    let names = model.arguments.iter().map(|argument| &argument.name);
    let original = quote!(move || #companion::original(#(#names),*));
    // The inferred types: the error of a `Result`, the future of an `async fn`.
    let (function, inferred, wait) = match (model.output.is_result, model.is_async()) {
        (false, false) => (format_ident!("{verb}"), quote!(), quote!()),
        (false, true) => (format_ident!("{verb}_async"), quote!(_), quote!(.await)),
        (true, false) => (format_ident!("{verb}_result"), quote!(_), quote!()),
        (true, true) => (format_ident!("{verb}_result_async"), quote!(_, _), quote!(.await)),
    };
    let share = model.output.is_result.then(|| share(model)).map(|share| quote!(#share,));
    quote!(#krate::__private::#function::<#companion, #inferred>(#key, #share #original) #wait)
}

/// How everyone who waited for a call gets its error: as the user says, or by `Clone` where the error has it.
///
/// The method is found on the reference first, where the error can be cloned, and behind it for every type.
fn share(model: &Model) -> TokenStream {
    let krate = &model.krate;
    if let Some((_, share_error)) = &model.args.share_error {
        let error = check::error_type(model);
        let copy = check::pointer(&quote!(fn(&#error) -> #error), share_error);
        return quote!(#krate::__private::Share::by(#copy));
    }
    if lifetimes::first_borrow(&model.output.ty, &model.item.sig.generics).is_some() {
        return quote!(#krate::__private::Share::none());
    }
    let error = check::error_type(model);
    quote! {{
        use #krate::__private::{ShareByClone as _, ShareNothing as _};
        (&#krate::__private::ErrorOf::<#error>::new()).share()
    }}
}
