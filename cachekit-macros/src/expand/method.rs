//! What stands beside a cached method: its siblings, which are associated functions of the same type.
//!
//! An `impl` has no place for a type, so there are no companions by a name of their own; an entry is a handle for the rest.
//! What it deliberately does not do: write an `impl`. Everything here stands in the user's, with its parameters in scope.

use proc_macro2::TokenStream;
use quote::quote;

use super::{at, companion, renewal, tags};
use crate::attrs::{self, Place};
use crate::model::Model;

/// Input: `fn find(&self, id: u64) -> User { body }`.
/// Output: `find_entry`, `find_refresh`, `find_original`, and what they need.
pub(super) fn siblings(model: &Model) -> TokenStream {
    let at = |place: Place| {
        let attrs = attrs::at(&model.item.attrs, place);
        quote!(#(#attrs)*)
    };
    let (seen, unseen) = (at(Place::Type), at(Place::Impl));
    // Clippy counts the arguments of every function.
    let wide = (model.arguments.len() >= 7).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    let original = companion::original(model);
    let shown = [companion::entry(model), companion::refresh(model)];
    let shown: TokenStream = shown.into_iter().map(|sibling| quote!(#seen #wide #sibling)).collect();
    let hidden = [at::function(model), at::of_owner(model), tags::function(model), renewal::function(model)];
    let hidden: TokenStream = hidden.into_iter().flatten().map(|helper| quote!(#unseen #wide #helper)).collect();
    quote! {
        #wide
        #original
        #shown
        #hidden
    }
}
