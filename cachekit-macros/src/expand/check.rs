//! Types in places where the compiler compares them with a bound.
//!
//! The bounds are the runtime's; a message about one is as good as the place that it points at, so these are the user's
//! own tokens, each written once where a bound is. Everywhere else types are `repeated`.
//! What it deliberately does not do: bounds of arguments, which `key` has.

use proc_macro2::TokenStream;
use quote::quote;

use crate::hygiene;
use crate::model::Model;
use crate::output::Value;

/// The type that is kept, for `type Value`: here it must be `Clone + Send + Sync + 'static`.
pub(super) fn value(model: &Model) -> TokenStream {
    let krate = &model.krate;
    match &model.output.value {
        Value::Written(ty) => quote!(#ty),
        Value::OkOf(ty) => quote!(<#ty as #krate::__private::ResultLike>::Value),
    }
}

/// The type that is kept, in signatures.
pub(super) fn repeated_value(model: &Model) -> TokenStream {
    hygiene::repeated(value(model))
}

/// The error of a function that returns a `Result`.
pub(super) fn error_type(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let ty = hygiene::repeated(&model.output.ty);
    quote!(<#ty as #krate::__private::ResultLike>::Error)
}

/// The constructor of the function's state, which has the bounds of serialization unless the value stays in memory.
pub(super) fn constructor(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let value = value(model);
    if model.args.in_memory.is_some() {
        let value = repeated_value(model);
        quote!(#krate::__private::Function::<#value, _>::in_memory)
    } else {
        quote!(#krate::__private::Function::<#value, _>::stored)
    }
}
