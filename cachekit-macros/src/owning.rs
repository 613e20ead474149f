//! How a renewal in the background comes to own an argument.
//!
//! It outlives the call, so it works on copies. A macro sees whether a type borrows, and behind a plain reference it knows
//! what to copy; any other borrow is the user's to resolve.
//! What it deliberately does not do: know which types can be copied, which is asked of the compiler.

use syn::{Generics, Type};

use crate::lifetimes::{self, Borrow};

/// The type of which a copy is made.
pub(crate) enum Owning {
    /// `T`: its clone.
    Value(Type),
    /// The `T` of `&T`: what is behind the reference.
    Referent(Type),
}

impl Owning {
    /// How to own an argument of this type, or what it borrows beside.
    pub(crate) fn of(ty: &Type, generics: &Generics) -> Result<Self, Borrow> {
        match ty {
            Type::Group(group) => Self::of(&group.elem, generics),
            Type::Paren(paren) => Self::of(&paren.elem, generics),
            ty => match (lifetimes::first_borrow(ty, generics), ty) {
                (None, ty) => Ok(Self::Value(ty.clone())),
                (Some(_), Type::Reference(reference))
                    if reference.mutability.is_none()
                        && lifetimes::first_borrow(&reference.elem, generics).is_none() =>
                {
                    Ok(Self::Referent((*reference.elem).clone()))
                }
                (Some(borrow), _) => Err(borrow),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;

    fn said(ty: &str) -> String {
        let sig: syn::Signature = syn::parse_str("fn f<'a>()").unwrap();
        match Owning::of(&syn::parse_str(ty).unwrap(), &sig.generics) {
            Ok(Owning::Value(ty)) => format!("value {}", ty.to_token_stream()),
            Ok(Owning::Referent(ty)) => format!("referent {}", ty.to_token_stream()),
            Err(borrow) => format!("borrows {}", borrow.to_token_stream()),
        }
    }

    #[test]
    fn owned_types_and_plain_references_can_be_owned() {
        assert_eq!(said("Vec<u8>"), "value Vec < u8 >");
        assert_eq!(said("&'static str"), "value & 'static str");
        assert_eq!(said("Cow<'static, str>"), "value Cow < 'static , str >");
        assert_eq!(said("fn(&str) -> u8"), "value fn (& str) -> u8");
        assert_eq!(said("&str"), "referent str");
        assert_eq!(said("(&'a [u8])"), "referent [u8]");
        assert_eq!(said("&&'static str"), "referent & 'static str");
    }

    #[test]
    fn other_borrows_cannot() {
        assert_eq!(said("Option<&str>"), "borrows & str");
        assert_eq!(said("Cow<'_, str>"), "borrows '_");
        assert_eq!(said("&mut Db"), "borrows & mut Db");
        assert!(said("&&str").starts_with("borrows"));
        assert!(said("&Page<'a>").starts_with("borrows"));
    }
}
