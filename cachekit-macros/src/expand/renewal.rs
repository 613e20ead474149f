//! How a renewal in the background comes by what it needs.
//!
//! One hidden function copies the arguments and packs the body, for every companion that may renew, so that an argument
//! that cannot be copied is one message at its type.
//! What it deliberately does not do: run. Where and when is the runtime's to say.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Type};

use super::{check, key};
use crate::argument::Argument;
use crate::generics::Parameters;
use crate::hygiene;
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
        let copy = match owned {
            Owning::Value(ty) => copied(&quote!(#krate::__private::keep::), ty, local),
            Owning::Referent(ty) => copied(&quote!(#krate::__private::keep_referent::), ty, local),
        };
        quote!(let #local = #copy;)
    });
    let lent = owned.iter().zip(&locals).map(|(owned, local)| match owned {
        Owning::Value(_) => quote!(#local),
        Owning::Referent(ty) => quote!(::core::borrow::Borrow::<#ty>::borrow(&*#local)),
    });
    let original = {
        let original = model.original();
        quote!(#original(#(#lent),*))
    };
    let output = if model.is_async() { quote!(#original.await) } else { original };
    let (error, result) = if model.output.is_result {
        (check::error_type(model), output)
    } else {
        (quote!(::core::convert::Infallible), quote!(::core::result::Result::Ok(#output)))
    };
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

/// Output: `keep::<u64>(id)`, at the place of the type, so that messages about the copy point there.
fn copied(path: &TokenStream, ty: &Type, local: &Ident) -> TokenStream {
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

/// The parameters of a function that takes all arguments.
fn parameters(model: &Model) -> Parameters {
    let named = model.arguments.iter().flat_map(|argument| &argument.params);
    Parameters::all(&model.item.sig.generics).with(named)
}
