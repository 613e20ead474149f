//! Types and functions of the user's, where the compiler compares them with what the runtime needs.
//!
//! A message is as good as the place that it points at, so each bound is met once, at the user's own tokens.
//! What it deliberately does not do: bounds of arguments, which `key` has.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, Ident, Type};

use crate::hygiene;
use crate::model::{Home, Model};
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
    let stays = model.args.in_memory.is_some() || model.unkeyed().is_some();
    let constructor = if stays { quote!(in_memory) } else { quote!(stored) };
    let info = Group::new(Delimiter::Parenthesis, info);
    let state = hygiene::in_place_of(&quote!(#krate::__private::Function::#constructor #info), model.output.kept());
    let should_cache = model.args.should_cache.as_ref().map(|(_, accept)| {
        let value = named_value(model);
        let pointer = pointer(&quote!(fn(&#value) -> bool), accept);
        quote!(.should_cache(#pointer))
    });
    let ttl_of = model.args.ttl_of.as_ref().map(|(_, ttl_of)| {
        // `Duration` or `Option<Duration>`: the runtime takes both, of a path or a closure.
        let value = hygiene::local("value");
        quote!(.ttl_of(|#value| #krate::__private::ttl_of(#value, #ttl_of)))
    });
    quote!(#state #should_cache #ttl_of)
}

/// Whether the type may be one by another name: what has a name that everyone knows is not asked, for less to compile.
fn is_alias(ty: &Type) -> bool {
    const KNOWN: [&str; 22] = [
        "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32",
        "f64", "String", "Option", "Vec", "Arc", "Box", "HashMap",
    ];
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| KNOWN.iter().all(|known| last.ident != known))
}

/// The type that is kept, by the name of the companion type where there is one: what does not exist is reported once.
pub(super) fn named_value(model: &Model) -> TokenStream {
    let Model { krate, companion, .. } = model;
    if model.is_plain() { quote!(<#companion as #krate::CachedFn>::Value) } else { value(model) }
}

/// Output: `is_owner::<UserRepo, Self>();`, where only the user has said whose method it is.
pub(super) fn is_owner(model: &Model) -> Option<TokenStream> {
    let owner = model.owner().filter(|owner| !owner.is_handed)?;
    let (krate, ty) = (&model.krate, &owner.ty);
    let path = hygiene::repeated(hygiene::in_place_of(&quote!(#krate::__private::is_owner::), ty));
    let this = Ident::new("Self", hygiene::macro_span(hygiene::ends(ty).0));
    Some(quote!(#path<#ty, #this>();))
}

/// A `Result` by another name would have its errors stored without a word, so the guess by name is checked.
///
/// Input: `-> Loaded`, where the attribute does not say what that is.
/// Output: `const _: () = assert!(!OfResult::<Loaded>::IS_RESULT, "…");`, which the compiler reports at the attribute.
pub(super) fn no_hidden_result(model: &Model) -> Option<TokenStream> {
    if model.output.is_result || model.args.result.is_some() || !is_alias(&model.output.ty) {
        return None;
    }
    let ty = named_value(model);
    let is_unknown = model.home == Home::Inline;
    if !is_unknown && model.is_instantiated(&ty) {
        return None;
    }
    let message =
        "this is a `Result` by another name: write `result = true`, so that errors are not stored, or `result = false`";
    let compared = is_no_result(model, &ty, message);
    // An item cannot name the parameters of an `impl`, which are not known here; an expression can.
    Some(if is_unknown { quote!(const #compared;) } else { quote!(const _: () = #compared;) })
}

/// Output: `{ assert!(!OfResult::<Loaded>::IS_RESULT, "…"); }`, at the place of the type that the function returns.
pub(super) fn is_no_result(model: &Model, ty: &TokenStream, message: &str) -> TokenStream {
    let krate = &model.krate;
    let compared = quote!({
        use #krate::__private::NoResult as _;
        ::core::assert!(!#krate::__private::OfResult::<#ty>::IS_RESULT, #message);
    });
    hygiene::located(compared, &model.output.ty)
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
