//! Which type parameters tell entries apart, and how hidden functions name them.
//!
//! A parameter takes part where what forms the key, the value or a setting mentions it, or where no argument does; one that
//! only other arguments mention is no part of the companions. `impl Trait` has no name, so hidden functions give it one.
//! What it deliberately does not do: the parameters of an `impl`, which are in scope wherever its methods are.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::visit_mut::{self, VisitMut};
use syn::{GenericParam, Generics, Ident, Lifetime, LifetimeParam, Type, TypeParam, TypeParamBound, WherePredicate};

use crate::hygiene;

/// The parameters of a hidden function, and how it is called with them.
#[derive(Default)]
pub(crate) struct Parameters {
    params: Vec<GenericParam>,
    /// Those that stand for an `impl Trait`.
    unnamed: Vec<TypeParam>,
    predicates: Vec<WherePredicate>,
}

impl Parameters {
    /// All parameters of a function.
    pub(crate) fn all(generics: &Generics) -> Self {
        let predicates = generics.where_clause.iter().flat_map(|clause| clause.predicates.iter().cloned()).collect();
        Self { params: generics.params.iter().cloned().collect(), unnamed: Vec::new(), predicates }
    }

    /// Those that take part: what `entries` mentions, and what neither that nor `others` does.
    pub(crate) fn taking_part(generics: &Generics, entries: &TokenStream, others: &TokenStream) -> Self {
        let names: Vec<&Ident> = generics.params.iter().filter_map(name).collect();
        let predicates: Vec<&WherePredicate> =
            generics.where_clause.iter().flat_map(|clause| clause.predicates.iter()).collect();
        let bounds = |of: &Ident| -> TokenStream {
            let inline = generics.type_params().filter(|param| param.ident == *of).map(|param| &param.bounds);
            let clauses = predicates.iter().filter_map(|predicate| match predicate {
                WherePredicate::Type(clause) if mentions(&clause.bounded_ty.to_token_stream(), of) => Some(clause),
                _ => None,
            });
            let (inline, clauses): (Vec<_>, Vec<_>) = (inline.collect(), clauses.collect());
            quote!(#(#inline)* #(#clauses)*)
        };
        let closure = |mut some: Vec<Ident>, without: &[Ident]| {
            let mut at = 0;
            while at < some.len() {
                let bounds = bounds(&some[at]);
                let further = names
                    .iter()
                    .filter(|name| mentions(&bounds, name) && !some.contains(name) && !without.contains(name));
                let further: Vec<Ident> = further.map(|name| (*name).clone()).collect();
                some.extend(further);
                at += 1;
            }
            some
        };
        let of = |tokens: &TokenStream| -> Vec<Ident> {
            names.iter().filter(|name| mentions(tokens, name)).map(|name| (*name).clone()).collect()
        };
        let mut part = closure(of(entries), &[]);
        let others: Vec<Ident> = of(others).into_iter().filter(|name| !part.contains(name)).collect();
        let others = closure(others, &part);
        part.extend(names.iter().filter(|name| !others.contains(name)).map(|name| (*name).clone()));
        let part = closure(part, &[]);

        let is_part = |param: &GenericParam| name(param).is_some_and(|name| part.contains(name));
        let mut params: Vec<GenericParam> = generics.params.iter().filter(|param| is_part(param)).cloned().collect();
        let is_kept = |predicate: &&WherePredicate| match predicate {
            WherePredicate::Type(clause) => {
                let tokens = clause.to_token_stream();
                names.iter().all(|name| part.contains(name) || !mentions(&tokens, name))
                    && names.iter().any(|name| mentions(&tokens, name))
            }
            _ => false,
        };
        let predicates: Vec<WherePredicate> = predicates.into_iter().filter(is_kept).cloned().collect();
        let bounds = quote!(#(#params)* #(#predicates)*);
        let lifetimes = generics.lifetimes().filter(|lifetime| mentions(&bounds, &lifetime.lifetime.ident)).cloned();
        params.splice(
            0..0,
            lifetimes.map(|mut lifetime| {
                lifetime.bounds.clear();
                lifetime.colon_token = None;
                GenericParam::Lifetime(lifetime)
            }),
        );
        Self { params, unnamed: Vec::new(), predicates }
    }

    /// These and those of an `impl Trait`.
    pub(crate) fn with<'a>(&self, others: impl IntoIterator<Item = &'a TypeParam>) -> Self {
        let unnamed = others.into_iter().cloned().collect();
        Self { params: self.params.clone(), unnamed, predicates: self.predicates.clone() }
    }

    /// These behind a lifetime.
    pub(crate) fn after(&self, lifetime: Option<&'static str>) -> Self {
        let lifetime = lifetime.map(|name| Lifetime::new(name, Span::call_site()));
        let lifetime = lifetime.map(|lifetime| GenericParam::Lifetime(LifetimeParam::new(lifetime)));
        let params = lifetime.into_iter().chain(self.params.iter().cloned()).collect();
        Self { params, unnamed: self.unnamed.clone(), predicates: self.predicates.clone() }
    }

    /// The names of types and constants.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        self.params.iter().filter_map(name).chain(self.unnamed.iter().map(|param| &param.ident))
    }

    /// Whether there is a type or a constant.
    pub(crate) fn tell_apart(&self) -> bool {
        self.names().next().is_some()
    }

    /// Output: `<'a, T: Entity>` and `where T::Id: KeyPart`.
    pub(crate) fn declared(&self) -> (TokenStream, TokenStream) {
        let Self { params, unnamed, predicates } = self;
        if params.is_empty() && unnamed.is_empty() {
            return (TokenStream::new(), TokenStream::new());
        }
        let params = params.iter().map(declared);
        let predicates = predicates.iter().map(hygiene::repeated);
        (quote!(<#(#params,)* #(#unnamed),*>), quote!(where #(#predicates,)*))
    }

    /// Output: `::<T, N>`, and a `_` for what the user has not named.
    pub(crate) fn given(&self) -> Option<TokenStream> {
        let written = self.params.iter().filter_map(name).map(hygiene::repeated);
        let names: Vec<TokenStream> = written.chain(self.unnamed.iter().map(|_| quote!(_))).collect();
        (!names.is_empty()).then(|| quote!(::<#(#names),*>))
    }
}

/// A parameter, of which only the bounds are the user's own tokens: where the compiler adds one, it finds the others.
fn declared(param: &GenericParam) -> TokenStream {
    let mut named = param.clone();
    let GenericParam::Type(named) = &mut named else { return hygiene::repeated(param) };
    let bounds = std::mem::take(&mut named.bounds);
    let colon = named.colon_token.take().map(hygiene::repeated);
    let named = hygiene::repeated(&*named);
    quote!(#named #colon #bounds)
}

fn name(param: &GenericParam) -> Option<&Ident> {
    match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        GenericParam::Lifetime(_) => None,
    }
}

/// Whether a name stands somewhere in the tokens, in a literal for `format!` too.
pub(crate) fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        _ => false,
    })
}

/// A type with a name for each `impl Trait` in it, and these as parameters.
///
/// Input: `&impl Conn`. Output: `&ImplConn0`, and `ImplConn0: Conn`.
pub(crate) fn named(ty: &Type, index: usize) -> (Type, Vec<TypeParam>) {
    let mut name = Name { index, params: Vec::new() };
    let mut ty = ty.clone();
    name.visit_type_mut(&mut ty);
    (ty, name.params)
}

struct Name {
    index: usize,
    params: Vec<TypeParam>,
}

impl VisitMut for Name {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        visit_mut::visit_type_mut(self, ty);
        let Type::ImplTrait(impl_trait) = ty else { return };
        let bounds = &impl_trait.bounds;
        let bound = bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.last(),
            _ => None,
        });
        let bound = bound.map(|segment| segment.ident.unraw().to_string()).unwrap_or_default();
        let number = [vec!["_"; self.params.len()].concat(), self.index.to_string()].concat();
        let ident = Ident::new(&format!("Impl{bound}{number}"), hygiene::macro_span(impl_trait.impl_token.span));
        self.params.push(syn::parse_quote!(#ident: #bounds));
        *ty = syn::parse_quote!(#ident);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::Signature;

    fn part(sig: &str, entries: &str, others: &str) -> String {
        let sig: Signature = syn::parse_str(sig).unwrap();
        let part = Parameters::taking_part(&sig.generics, &entries.parse().unwrap(), &others.parse().unwrap());
        let (params, predicates) = part.declared();
        format!("{params} {predicates}").replace(' ', "").replace(",>", ">")
    }

    #[test]
    fn what_only_skipped_arguments_mention_takes_no_part() {
        assert_eq!(part("fn f<C: Conn, T: Entity>()", "u64 T", "&C"), "<T:Entity>where");
        assert_eq!(part("fn f<C: Conn<R>, R: Row>()", "u64", "&C"), "");
        assert_eq!(part("fn f<C>() where C: Conn", "u64", "&C"), "");
    }

    #[test]
    fn what_bounds_mention_comes_along() {
        assert_eq!(
            part("fn f<C: Conn, T>() where T: From<C::Row>, C: Sync", "T", "&C"),
            "<C:Conn,T>whereT:From<C::Row>,C:Sync,"
        );
        assert_eq!(part("fn f<'a, 'b, T: Entity<'a>>()", "T", ""), "<'a,T:Entity<'a>>where");
    }

    #[test]
    fn what_no_argument_mentions_takes_part() {
        assert_eq!(part("fn f<T: Entity, const N: usize>()", "u64", ""), "<T:Entity,constN:usize>where");
    }
}
