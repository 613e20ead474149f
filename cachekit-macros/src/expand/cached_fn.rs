//! `impl CachedFn` of the companion type, and its entry in the list of annotated functions.
//!
//! Settings live in a `static` inside a function, as a `static` cannot name `Self` and a constant would be copied.
//! What it deliberately does not do: functions of which there are several instantiations, and methods, which `at` does.

use proc_macro2::TokenStream;
use quote::quote;

use super::{check, info, key};
use crate::attrs::{self, Place};
use crate::model::Model;

/// Input: `region = "users", ttl = "10m"` on `fn load_user(id: u64) -> User`.
/// Output:
/// ```text
/// impl CachedFn for load_user {
///     type Value = User;
///     type ArgKey = …;
///     fn function() -> &'static Function<User, …> {
///         static CACHEKIT_FUNCTION: Function<User, …> = Function::stored(FnInfo::new(…).ttl(|| …));
///         &CACHEKIT_FUNCTION
///     }
/// }
/// inventory::submit! { Annotated::of::<load_user>() }
/// ```
pub(super) fn cached_fn(model: &Model) -> TokenStream {
    let Model { krate, companion, .. } = model;
    let impl_attrs = attrs::at(&model.item.attrs, Place::Impl);
    let registration_attrs = attrs::at(&model.item.attrs, Place::Registration);
    let value = check::associated_value(model);
    let argument_key = key::argument_key(model);
    let state = check::state(model, info::info(model));
    let no_hidden_result = check::no_hidden_result(model);
    quote! {
        #(#impl_attrs)*
        #[automatically_derived]
        impl #krate::CachedFn for #companion {
            #value
            type ArgKey = #argument_key;

            #[doc(hidden)]
            fn function() -> &'static #krate::__private::Function<Self::Value, Self::ArgKey> {
                #no_hidden_result
                static CACHEKIT_FUNCTION: #krate::__private::Function<
                    <#companion as #krate::CachedFn>::Value,
                    <#companion as #krate::CachedFn>::ArgKey,
                > = #state;
                &CACHEKIT_FUNCTION
            }
        }

        #(#registration_attrs)*
        #krate::__private::inventory::submit! {
            #krate::__private::Annotated::of::<#companion>()
        }
    }
}
