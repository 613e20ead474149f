//! Whose entries those of a function of many keys are, where `entries_of` names another function.
//!
//! A macro sees a path only: what stands in a type, or in `self`, is a method, and has a sibling that makes handles; anything
//! else is a function with a type of companions.
//! What it deliberately does not do: find out whether there is such a function.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Expr, ExprField, ExprPath, Ident, Member, PathArguments};

use crate::hygiene;

/// What is called for the handle of one entry.
///
/// Input: `load_user`, `load::<User>`, `Self::find`, `self.find`.
/// Output: `load_user::entry`, `load::entry::<User>`, `Self::find_entry`, `self.find_entry`.
pub(crate) fn handle(function: &Expr) -> TokenStream {
    match function {
        Expr::Field(ExprField { base, dot_token, member: Member::Named(name), .. }) => {
            let sibling = sibling(name);
            quote!(#base #dot_token #sibling)
        }
        Expr::Path(path) if is_method(path) => {
            let mut path = path.clone();
            if let Some(last) = path.path.segments.last_mut() {
                last.ident = sibling(&last.ident);
            }
            path.into_token_stream()
        }
        Expr::Path(path) => {
            let entry = hygiene::in_place_of(&quote!(::entry), path);
            let mut path = path.clone();
            let last = path.path.segments.last_mut();
            let given = last.map(|last| std::mem::replace(&mut last.arguments, PathArguments::None));
            let given = given.filter(|given| !given.is_none());
            quote!(#path #entry #given)
        }
        other => other.to_token_stream(),
    }
}

/// The path of the type that says all of the function, where there is one.
pub(crate) fn companion(function: &Expr) -> Option<&ExprPath> {
    match function {
        Expr::Path(path) if !is_method(path) && path.path.segments.last()?.arguments.is_none() => Some(path),
        _ => None,
    }
}

/// Whether this is a method whose entries depend on `self`.
pub(crate) fn takes_self(function: &Expr) -> bool {
    matches!(function, Expr::Field(_))
}

/// Types begin with a capital, modules do not.
fn is_method(path: &ExprPath) -> bool {
    let is_type = |ident: &Ident| ident.unraw().to_string().starts_with(char::is_uppercase);
    path.qself.is_some() || path.path.segments.iter().rev().nth(1).is_some_and(|owner| is_type(&owner.ident))
}

fn sibling(name: &Ident) -> Ident {
    Ident::new(&format!("{}_entry", name.unraw()), hygiene::macro_span(name.span()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(function: &str) -> (String, bool) {
        let function = syn::parse_str(function).unwrap();
        (handle(&function).to_string().replace(' ', ""), companion(&function).is_some())
    }

    #[test]
    fn functions_have_companions_and_methods_siblings() {
        assert_eq!(said("load_user"), ("load_user::entry".to_owned(), true));
        assert_eq!(said("crate::shop::Users"), ("crate::shop::Users::entry".to_owned(), true));
        assert_eq!(said("load::<User>"), ("load::entry::<User>".to_owned(), false));
        assert_eq!(said("Self::r#find"), ("Self::find_entry".to_owned(), false));
        assert_eq!(said("shop::Repo::<T>::find"), ("shop::Repo::<T>::find_entry".to_owned(), false));
        assert_eq!(said("<[T] as Load>::find"), ("<[T]asLoad>::find_entry".to_owned(), false));
        assert_eq!(said("self.find"), ("self.find_entry".to_owned(), false));
    }
}
