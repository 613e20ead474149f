//! What stands in for the expansion where there can be none.
//!
//! The item as it was keeps its callers compiling, so that the user reads the one message that matters.
//! What it deliberately does not do: companions. With a signature that cannot be expanded there is nothing to say of them;
//! with one that can, the ordinary expansion stands beside the messages.

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;

/// The item without the attribute, and the messages.
pub(crate) fn unchanged(item: &TokenStream, errors: Errors) -> TokenStream {
    let errors = errors.into_compile_errors();
    quote!(#item #errors)
}
