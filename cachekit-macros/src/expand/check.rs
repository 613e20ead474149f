//! Types and functions of the user's, where the compiler compares them with what the runtime needs.
//!
//! A message is as good as the place that it points at, so each bound is met once, at the user's own tokens.
//! What it deliberately does not do: bounds of arguments, which `key` has.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, Type};

use crate::hygiene;
use crate::model::Model;
use crate::output::Value;

/// The type that is kept: `Clone + Send + Sync + 'static`.
pub(super) fn value(model: &Model) -> TokenStream {
    let krate = &model.krate;
    match &model.output.value {
        Value::Written(ty) => quote!(#ty),
        Value::OkOf(ty) => quote!(<#ty as #krate::__private::ResultLike>::Value),
    }
}

/// Output: `type Value = User;`, at the place of the type: there it is also found out if it is more private than the
/// function.
pub(super) fn associated_value(model: &Model) -> TokenStream {
    let kept = model.output.kept();
    let head = hygiene::in_place_of(&quote!(type Value =), kept);
    let end = hygiene::in_place_of(&quote!(;), kept);
    let value = value(model);
    quote!(#head #value #end)
}

/// The error of a function that returns a `Result`.
pub(super) fn error_type(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let ty = &model.output.ty;
    quote!(<#ty as #krate::__private::ResultLike>::Error)
}

/// The same, where the user wrote it, so that a message about it points there.
pub(super) fn placed_error_type(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let ty = &model.output.ty;
    let (first, last) = hygiene::ends(model.output.failed());
    let head = quote_spanned!(first=> <);
    quote_spanned!(last=> #head #ty as #krate::__private::ResultLike>::Error)
}

/// The state of the function, whose constructor has the bounds of serialization unless the value stays in memory.
///
/// The bound is found at the call, so the call stands where the user wrote the type.
pub(super) fn state(model: &Model, info: TokenStream) -> TokenStream {
    let krate = &model.krate;
    let constructor = if model.args.in_memory.is_some() { quote!(in_memory) } else { quote!(stored) };
    let info = Group::new(Delimiter::Parenthesis, info);
    hygiene::in_place_of(&quote!(#krate::__private::Function::#constructor #info), model.output.kept())
}

/// A `Result` by another name would have its errors stored without a word, so the guess by name is checked.
///
/// Input: `-> Loaded`, where the attribute does not say what that is.
/// Output: `const _: () = assert!(!OfResult::<Loaded>::IS_RESULT, "…");`, which the compiler reports at the attribute.
pub(super) fn no_hidden_result(model: &Model) -> Option<TokenStream> {
    if model.output.is_result || model.args.result.is_some() || !matches!(model.output.ty, Type::Path(_)) {
        return None;
    }
    let Model { krate, companion, .. } = model;
    // Named through the companion, so that a type which does not exist is reported once.
    let ty = quote!(<#companion as #krate::CachedFn>::Value);
    let message =
        "this is a `Result` by another name: write `result = true`, so that errors are not stored, or `result = false`";
    Some(quote! {
        const _: () = {
            use #krate::__private::NoResult as _;
            ::core::assert!(!#krate::__private::OfResult::<#ty>::IS_RESULT, #message);
        };
    })
}

/// Input: a path or a closure, and the type of function that is expected.
/// Output: `{ let function: fn(&User) -> bool = path; function }`, so that a message compares the two and nothing else.
pub(super) fn pointer(ty: &TokenStream, function: &Expr) -> TokenStream {
    let local = hygiene::local("function");
    quote!({
        let #local: #ty = #function;
        #local
    })
}
