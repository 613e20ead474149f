//! How a renewal in the background comes by what it needs.
//!
//! One hidden function copies the arguments and packs the body, for every companion that may renew, so that an argument
//! that cannot be copied is one message at its type.
//! What it deliberately does not do: run. Where and when is the runtime's to say.

use std::ptr;

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Type};

use super::{check, key};
use crate::argument::Argument;
use crate::generics::Parameters;
use crate::hygiene;
use crate::many::Many;
use crate::model::Model;
use crate::owning::Owning;

/// Input: `db: &Db, id: u64`, with `background`.
/// Output:
/// ```text
/// fn cachekit_renewal(db: &&Db, id: &u64) -> Owned<User, Infallible> {
///     let db = keep_referent::<Db>(db);
///     let id = keep::<u64>(id);
///     Box::new(move || Ok(load_user::original(Borrow::<Db>::borrow(&*db), id)))
/// }
/// ```
/// and a task in place of the closure for an `async fn`.
pub(super) fn function(model: &Model) -> Option<TokenStream> {
    let krate = &model.krate;
    let owned = model.owned_arguments()?;
    let arguments: Vec<&Argument> = model.all_arguments().collect();
    let locals: Vec<Ident> = arguments.iter().map(|argument| hygiene::as_local(&argument.name)).collect();
    let references = arguments.iter().map(|argument| key::reference(model, argument));
    let function = model.hidden_ident("renewal");
    let (generics, bounds) = parameters(model).declared();
    let value = check::named_value(model);
    let copies = owned.iter().zip(&locals).map(|(owned, local)| {
        let copy = copied(model, owned, local);
        quote!(let #local = #copy;)
    });
    let lent = owned.iter().zip(&locals).map(|(owned, local)| lent(owned, local));
    let original = {
        let original = model.original();
        quote!(#original(#(#lent),*))
    };
    let (error, result) = result(model, &original);
    let (packed, work) = if model.is_async() {
        (quote!(OwnedTask), quote!(::std::boxed::Box::pin(async move { #result })))
    } else {
        (quote!(Owned), quote!(::std::boxed::Box::new(move || #result)))
    };
    Some(quote! {
        #[doc(hidden)]
        fn #function #generics(#(#locals: #references),*) -> #krate::__private::#packed<#value, #error> #bounds {
            #(#copies)*
            #work
        }
    })
}

/// Input: `db: &Db, ids: &[&str]`, with `background`.
/// Output:
/// ```text
/// fn cachekit_renewal(db: &&Db, ids: &[&&str]) -> OwnedMany<User, Infallible> {
///     let db = keep_referent::<Db>(db);
///     let ids = ids.iter().map(|ids| keep_referent::<str>(ids)).collect::<Vec<_>>();
///     OwnedMany::Thread(Box::new(move |places| {
///         let ids = at(ids, places);
///         let ids = ids.iter().map(|ids| Borrow::<str>::borrow(&**ids)).collect::<Vec<_>>();
///         split(&returned::<…>(), "load_users", &ids, Ok(load_users::original(Borrow::<Db>::borrow(&*db), &ids)))
///     }))
/// }
/// ```
/// and a task in place of the closure's result for an `async fn`.
pub(super) fn of_many(many: &Many) -> Option<TokenStream> {
    let model = &many.model;
    let (krate, name) = (&model.krate, &model.name);
    let owned = model.owned_arguments()?;
    let is_ids = |argument: &Argument| ptr::eq(argument, many.ids());
    let arguments: Vec<(&Argument, &Owning)> = model.all_arguments().zip(&owned).collect();
    let function = model.hidden_ident("renewal");
    let (generics, bounds) = parameters(model).declared();
    let value = super::many::value(many);
    let (places, vec) = (hygiene::local("places"), quote!(::std::vec::Vec<_>));
    let (mut taken, mut copies, mut passed, mut some) = (Vec::new(), Vec::new(), Vec::new(), TokenStream::new());
    for (argument, owned) in arguments {
        let (local, reference) = (hygiene::as_local(&argument.name), key::reference(model, argument));
        let copy = copied(model, owned, &local);
        if !is_ids(argument) {
            taken.push(quote!(#local: #reference));
            copies.push(quote!(let #local = #copy;));
            passed.push(lent(owned, &local));
            continue;
        }
        taken.push(quote!(#local: &[#reference]));
        copies.push(quote!(let #local = #local.iter().map(|#local| #copy).collect::<#vec>();));
        passed.push(quote!(&#local));
        some = quote!(let #local = #krate::__private::many::at(#local, #places););
        if let Owning::Referent(ty) = owned {
            let borrow = quote!(::core::borrow::Borrow::<#ty>::borrow(&**#local));
            some.extend(quote!(let #local = #local.iter().map(|#local| #borrow).collect::<#vec>();));
        }
    }
    let original = model.original();
    let (error, result) = result(model, &quote!(#original(#(#passed),*)));
    let local = hygiene::as_local(&many.ids().name);
    let returned = super::many::returned(many);
    let work = quote!(#some #krate::__private::many::split(&#returned, #name, &#local, #result));
    let (kind, work) = if model.is_async() {
        (quote!(Task), quote!(::std::boxed::Box::pin(async move { #work })))
    } else {
        (quote!(Thread), quote!({ #work }))
    };
    let packed = quote!(#krate::__private::many::OwnedMany);
    Some(quote! {
        #[doc(hidden)]
        fn #function #generics(#(#taken),*) -> #packed<#value, #error> #bounds {
            #(#copies)*
            #packed::#kind(::std::boxed::Box::new(move |#places| #work))
        }
    })
}

/// How an argument is owned.
fn copied(model: &Model, owned: &Owning, local: &Ident) -> TokenStream {
    let krate = &model.krate;
    match owned {
        Owning::Value(ty) => copied_by(&quote!(#krate::__private::keep::), ty, local),
        Owning::Referent(ty) => copied_by(&quote!(#krate::__private::keep_referent::), ty, local),
    }
}

/// How the body is handed what is owned.
fn lent(owned: &Owning, local: &Ident) -> TokenStream {
    match owned {
        Owning::Value(_) => quote!(#local),
        Owning::Referent(ty) => quote!(::core::borrow::Borrow::<#ty>::borrow(&*#local)),
    }
}

/// The type of the error, and what the body comes to as a `Result`.
fn result(model: &Model, original: &TokenStream) -> (TokenStream, TokenStream) {
    let output = if model.is_async() { quote!(#original.await) } else { original.clone() };
    if model.output.is_result {
        (check::error_type(model), output)
    } else {
        (quote!(::core::convert::Infallible), quote!(::core::result::Result::Ok(#output)))
    }
}

/// Output: `keep::<u64>(id)`, at the place of the type, so that messages about the copy point there.
fn copied_by(path: &TokenStream, ty: &Type, local: &Ident) -> TokenStream {
    let path = hygiene::repeated(hygiene::in_place_of(path, ty));
    let (_, end) = hygiene::ends(ty);
    quote_spanned!(hygiene::macro_span(end)=> #path<#ty>(#local))
}

/// Output: `.renewed(|(db, id)| load_user::cachekit_renewal(db, id))`.
///
/// It stands in the place of the error's type, as it asks for one that can be sent to another thread.
pub(super) fn of_work(model: &Model) -> Option<TokenStream> {
    model.owned_arguments()?;
    let (host, function, given) = (model.host(), model.hidden_ident("renewal"), parameters(model).given());
    let locals: Vec<Ident> = model.all_arguments().map(|argument| hygiene::as_local(&argument.name)).collect();
    let mut method = if model.is_async() { format_ident!("renewed_async") } else { format_ident!("renewed") };
    method.set_span(hygiene::ends(model.output.failed()).0);
    Some(quote!(.#method(|(#(#locals,)*)| #host::#function #given(#(#locals),*))))
}

/// Output: `.renewed(|ids| load_users::cachekit_renewal(&db, ids))`, in the same place.
pub(super) fn of_call(many: &Many) -> Option<TokenStream> {
    let model = &many.model;
    model.owned_arguments()?;
    let (host, function, given) = (model.host(), model.hidden_ident("renewal"), parameters(model).given());
    let local = hygiene::as_local(&many.ids().name);
    let arguments = model
        .all_arguments()
        .zip(model.all_values())
        .map(|(argument, value)| if ptr::eq(argument, many.ids()) { quote!(#local) } else { quote!(&#value) });
    let mut method = format_ident!("renewed");
    method.set_span(hygiene::ends(model.output.failed()).0);
    Some(quote!(.#method(|#local| #host::#function #given(#(#arguments),*))))
}

/// The parameters of a function that takes all arguments.
fn parameters(model: &Model) -> Parameters {
    let named = model.arguments.iter().flat_map(|argument| &argument.params);
    Parameters::all(&model.item.sig.generics).with(named)
}
