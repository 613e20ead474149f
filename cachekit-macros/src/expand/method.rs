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
    let shown = [companion::entry(model), companion::refresh(model)];
    let hidden = [at::function(model), at::of_owner(model), tags::function(model), renewal::function(model)];
    stand(model, &shown, &hidden.into_iter().flatten().collect::<Vec<_>>())
}

/// `find_original`, which has the body, and these functions.
pub(super) fn stand(model: &Model, shown: &[TokenStream], hidden: &[TokenStream]) -> TokenStream {
    let at = |place: Place| {
        let attrs = attrs::at(&model.item.attrs, place);
        quote!(#(#attrs)*)
    };
    let (seen, unseen) = (at(Place::Type), at(Place::Impl));
    // Clippy counts the arguments of every function.
    let wide = (model.arguments.len() >= 7).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    let original = companion::original(model);
    quote! {
        #wide
        #original
        #(#seen #wide #shown)*
        #(#unseen #wide #hidden)*
    }
}
