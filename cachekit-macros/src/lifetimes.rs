//! What a type borrows, and how it is named where the function's own lifetimes are out of scope.
//!
//! A cached value outlives the call, so it may borrow nothing; arguments may, and their types are named again by
//! companions and by constants. What it deliberately does not do: look behind names, a type alias that hides a lifetime
//! is the compiler's to find.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Generics, Lifetime, ParenthesizedGenericArguments, Type, TypeFnPtr, TypeReference};

/// The type without the lifetimes that the function declares.
///
/// Input: `&'a Page<'a, str>`. Output: `&Page<'_, str>`.
pub(crate) fn elided(ty: &Type, generics: &Generics) -> Type {
    replaced(ty, generics, None)
}

/// The type with `'static` in place of the lifetimes that the function declares or leaves out.
///
/// Input: `Result<Cow<'a, str>, Oops<'_>>`. Output: `Result<Cow<'static, str>, Oops<'static>>`.
pub(crate) fn outlasting(ty: &Type, generics: &Generics) -> Type {
    replaced(ty, generics, Some("'static"))
}

/// The type with this lifetime in place of those that the function declares or leaves out.
pub(crate) fn named(ty: &Type, generics: &Generics, name: &'static str) -> Type {
    replaced(ty, generics, Some(name))
}

fn replaced(ty: &Type, generics: &Generics, name: Option<&'static str>) -> Type {
    let mut ty = ty.clone();
    Replace { generics, name }.visit_type_mut(&mut ty);
    ty
}

struct Replace<'a> {
    generics: &'a Generics,
    /// `None` elides.
    name: Option<&'static str>,
}

impl VisitMut for Replace<'_> {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let local = reference.lifetime.as_ref().is_none_or(|lifetime| is_local(lifetime, self.generics));
        if local {
            reference.lifetime = self.name.map(|name| Lifetime::new(name, reference.and_token.span));
        }
        visit_mut::visit_type_mut(self, &mut reference.elem);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if is_local(lifetime, self.generics) {
            *lifetime = Lifetime::new(self.name.unwrap_or("'_"), lifetime.span());
        }
    }

    // An elided lifetime in a function's own signature is bound there.
    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {}
}

fn is_local(lifetime: &Lifetime, generics: &Generics) -> bool {
    lifetime.ident == "_" || generics.lifetimes().any(|declared| declared.lifetime.ident == lifetime.ident)
}

/// A part of a type that borrows from the arguments.
pub(crate) enum Borrow {
    /// `&'a T`, `&T`.
    Reference(TypeReference),
    /// The `'a` of `Cow<'a, T>`.
    Parameter(Lifetime),
}

impl ToTokens for Borrow {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Reference(reference) => reference.to_tokens(tokens),
            Self::Parameter(lifetime) => lifetime.to_tokens(tokens),
        }
    }
}

/// The first part of the type that borrows from the arguments, if one does.
pub(crate) fn first_borrow(ty: &Type, generics: &Generics) -> Option<Borrow> {
    let mut find = Find { generics, found: None };
    // The visitor changes nothing; `syn` is built without the twin that reads only.
    find.visit_type_mut(&mut ty.clone());
    find.found
}

/// The first reference in a type that borrows from nothing local: `&'static str`.
pub(crate) fn first_static_reference(ty: &Type) -> Option<TypeReference> {
    let mut find = FindStatic(None);
    find.visit_type_mut(&mut ty.clone());
    find.0
}

struct FindStatic(Option<TypeReference>);

impl VisitMut for FindStatic {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") {
            self.0.get_or_insert_with(|| reference.clone());
        }
        visit_mut::visit_type_mut(self, &mut reference.elem);
    }

    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
}

struct Find<'a> {
    generics: &'a Generics,
    found: Option<Borrow>,
}

impl VisitMut for Find<'_> {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let local = reference.lifetime.as_ref().is_none_or(|lifetime| is_local(lifetime, self.generics));
        if local && self.found.is_none() {
            self.found = Some(Borrow::Reference(reference.clone()));
        }
        visit_mut::visit_type_mut(self, &mut reference.elem);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if is_local(lifetime, self.generics) && self.found.is_none() {
            self.found = Some(Borrow::Parameter(lifetime.clone()));
        }
    }

    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::{Signature, parse_str};

    /// The return type of `fn f<'a>() -> …`, elided, outlasting, and what it borrows.
    fn said(ty: &str) -> (String, String, Option<String>) {
        let sig: Signature = parse_str("fn f<'a>()").unwrap();
        let ty: Type = parse_str(ty).unwrap();
        (
            elided(&ty, &sig.generics).to_token_stream().to_string(),
            outlasting(&ty, &sig.generics).to_token_stream().to_string(),
            first_borrow(&ty, &sig.generics).map(|borrow| borrow.to_token_stream().to_string()),
        )
    }

    #[test]
    fn lifetimes_of_the_function_are_elided_or_made_static() {
        assert_eq!(said("&'a str"), ("& str".into(), "& 'static str".into(), Some("& 'a str".into())));
        assert_eq!(
            said("Cow<'a, str>"),
            ("Cow < '_ , str >".into(), "Cow < 'static , str >".into(), Some("'a".into()))
        );
    }

    #[test]
    fn what_is_static_or_bound_elsewhere_stays() {
        for ty in ["& 'static str", "fn (& str) -> & str", "for < 'x > fn (& 'x u8)", "Box < dyn Fn (& str) >"] {
            assert_eq!(said(ty), (ty.into(), ty.into(), None));
        }
    }
}
