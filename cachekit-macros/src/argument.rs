//! One argument of the function, and the name that it has outside of the body.
//!
//! The wrapper and the companions hand arguments on, so each needs a name, also where the function takes it apart with
//! a pattern. The pattern itself stays on the body's own signature.
//! What it deliberately does not do: decide which arguments form the key; `model` does.

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::visit_mut::{self, VisitMut};
use syn::{FnArg, Ident, Pat, PatIdent, PatType, Receiver, ReceiverKind, Signature, Type, TypeParam};

use crate::generics;
use crate::hygiene;

pub(crate) struct Argument {
    /// What the wrapper and the companions call it.
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// The type where each `impl Trait` has a name, for hidden functions, which have these parameters.
    pub(crate) named: Type,
    pub(crate) params: Vec<TypeParam>,
    /// The pattern, where it is more than a name; bindings without `mut` and `ref`, as it is matched by reference.
    pub(crate) pattern: Option<Pat>,
    /// The names that the pattern binds.
    pub(crate) bindings: Vec<Ident>,
}

impl Argument {
    /// Whether `skip(…)` means this argument: by the name in the signature, or by the one that it has outside.
    pub(crate) fn answers_to(&self, name: &Ident) -> bool {
        self.name == *name || matches!(&self.pattern, Some(Pat::Ident(_))) && self.bindings.contains(name)
    }

    /// The name by which the user knows the argument, where it has one.
    pub(crate) fn written_name(&self) -> Option<&Ident> {
        match &self.pattern {
            None => Some(&self.name),
            Some(Pat::Ident(_)) => self.bindings.first(),
            Some(_) => None,
        }
    }

    /// Whether one of these names is the argument's or one that its pattern binds.
    pub(crate) fn is_in(&self, names: &[Ident]) -> bool {
        names.contains(&self.name) || self.bindings.iter().any(|binding| names.contains(binding))
    }

    /// Whether this name, written without `r#`, is the argument's or one that its pattern binds.
    pub(crate) fn has(&self, name: &str) -> bool {
        std::iter::once(&self.name).chain(&self.bindings).any(|known| known.unraw() == name)
    }
}

/// The receiver as an argument, known outside of the body as `this`.
pub(crate) fn receiver(sig: &Signature) -> Option<Argument> {
    let receiver = sig.inputs.iter().find_map(|input| match input {
        FnArg::Receiver(receiver) => Some(receiver),
        FnArg::Typed(_) => None,
    })?;
    let ty = type_of(receiver);
    Some(Argument {
        name: hygiene::local("this"),
        named: ty.clone(),
        ty,
        params: Vec::new(),
        pattern: None,
        bindings: Vec::new(),
    })
}

/// Input: `&mut self`. Output: `&mut Self`.
fn type_of(receiver: &Receiver) -> Type {
    let span = receiver.self_token.span;
    let owner = Ident::new("Self", span);
    match &receiver.kind {
        ReceiverKind::Reference(and, lifetime, mutability) => syn::parse_quote!(#and #lifetime #mutability #owner),
        ReceiverKind::Typed(_, ty) => (**ty).clone(),
        _ => syn::parse_quote!(#owner),
    }
}

/// The arguments in order, without a receiver.
///
/// Input: `mut x: u8, (a, b): (u8, u8), _: &Log`. Output: the names `x`, `a_b`, `arg2`.
pub(crate) fn arguments(sig: &Signature) -> Vec<Argument> {
    let typed = || {
        sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        })
    };
    // A name that the user wrote keeps it; made-up names step aside.
    let mut taken: Vec<Ident> = typed().filter_map(|typed| plain_name(&typed.pat)).cloned().collect();
    typed().enumerate().map(|(index, typed)| argument(index, typed, &mut taken)).collect()
}

fn argument(index: usize, typed: &PatType, taken: &mut Vec<Ident>) -> Argument {
    let mut pattern = (*typed.pat).clone();
    let mut bind = Bindings::default();
    bind.visit_pat_mut(&mut pattern);
    let ty = (*typed.ty).clone();
    let (named, params) = generics::named(&ty, index);
    if let Some(name) = plain_name(&typed.pat) {
        return Argument { name: name.clone(), ty, named, params, pattern: None, bindings: vec![name.clone()] };
    }
    let name = made_up_name(&bind.names, index, hygiene::macro_span(hygiene::ends(&typed.pat).0), taken);
    taken.push(name.clone());
    // `_x` is a name too: it may stand in `key(…)`.
    Argument { name, ty, named, params, pattern: Some(pattern), bindings: bind.names }
}

/// The name in `x`, `mut x`, `ref x` and `x @ …`, unless it says that the argument is unused.
fn plain_name(pat: &Pat) -> Option<&Ident> {
    match pat {
        Pat::Ident(PatIdent { ident, .. }) if !ident.to_string().starts_with('_') => Some(ident),
        Pat::Paren(inner) => plain_name(&inner.pat),
        _ => None,
    }
}

fn made_up_name(bindings: &[Ident], index: usize, span: Span, taken: &[Ident]) -> Ident {
    let joined = bindings
        .iter()
        .map(|binding| binding.unraw().to_string().trim_start_matches('_').to_owned())
        .collect::<Vec<_>>()
        .join("_");
    // A pattern of many parts would make a name that nobody wants to read.
    let readable = (1..=3).contains(&bindings.len());
    let from_pattern = readable.then(|| syn::parse_str::<Ident>(&joined).ok()).flatten();
    let mut name = from_pattern.unwrap_or_else(|| format_ident!("arg{index}"));
    while taken.contains(&name) {
        name = format_ident!("{name}_{index}");
    }
    name.set_span(span);
    name
}

/// Collects the names that a pattern binds, and makes the pattern one that also matches a reference.
#[derive(Default)]
struct Bindings {
    names: Vec<Ident>,
}

impl VisitMut for Bindings {
    fn visit_pat_ident_mut(&mut self, binding: &mut PatIdent) {
        // Upper case is a constant or a variant: nothing is bound.
        if binding.ident.to_string().chars().any(char::is_lowercase) {
            self.names.push(binding.ident.clone());
        }
        binding.mutability = None;
        binding.by_ref = None;
        visit_mut::visit_pat_ident_mut(self, binding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sig: &str) -> Vec<String> {
        let sig: Signature = syn::parse_str(sig).unwrap();
        arguments(&sig).iter().map(|argument| argument.name.to_string()).collect()
    }

    #[test]
    fn every_argument_has_a_name() {
        assert_eq!(
            names("fn f(mut x: u8, (a, b): (u8, u8), _: &Log, _db: &Db, r#type: u8, [first, ..]: [u8; 4])"),
            ["x", "a_b", "arg2", "db", "r#type", "first"]
        );
    }

    #[test]
    fn made_up_names_step_aside() {
        assert_eq!(names("fn f(_x: u8, x: u8, _type: u8, arg2: u8)"), ["x_0", "x", "arg2_2", "arg2"]);
        assert_eq!(names("fn f(_: u8, Point { x, y }: Point, (x, _): (u8, u8))"), ["arg0", "x_y", "x"]);
    }
}
