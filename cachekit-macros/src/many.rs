//! What a function of many keys is, beyond any other: which argument holds the keys, and whose entries they are.
//!
//! For everything that concerns one key the slice stands for one of its items, so keys and tags are made as for any
//! other function. What it deliberately does not do: write.

use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Expr, ExprPath, GenericArgument, Generics, Ident, Lifetime, PathArguments, ReturnType, Token, Type, TypeReference,
};

use crate::args::Args;
use crate::argument::Argument;
use crate::entries;
use crate::errors::Errors;
use crate::hygiene;
use crate::item::Item;
use crate::lifetimes;
use crate::model::{Home, Model};
use crate::output::Value;
use crate::validate;

pub(crate) struct Many {
    /// The function, where its slice stands for one of its items.
    pub(crate) model: Model,
    /// The type of a key.
    pub(crate) id: Type,
    /// Which argument holds the keys.
    pub(crate) place: usize,
    /// What the function returns, without the `Result` around it, if that is written.
    pub(crate) values: Type,
    /// What is wrong with `coalesce`, which is then left out.
    faults: Vec<syn::Error>,
}

impl Many {
    /// What the user asked for; nothing where no argument can hold keys.
    pub(crate) fn new(item: Item, args: Args, errors: &mut Errors) -> Option<Self> {
        let mut model = Model::new(item, args);
        let is_skipped = |argument: &Argument| {
            model.args.skip.iter().flat_map(|(_, names)| names).any(|name| argument.answers_to(name))
        };
        let is_slice = |argument: &&Argument| slice(&argument.ty).is_some() && !is_skipped(argument);
        let Some(place) = model.arguments.iter().position(|argument| is_slice(&argument)) else {
            no_keys(&model, errors);
            return None;
        };
        if let Some((_, function)) = &model.args.entries_of
            && entries::takes_self(function)
            && model.receiver.is_none()
        {
            errors.at(function, "this function has no `self`: write `entries_of = Self::find` for a method whose entries do not depend on it");
            return None;
        }
        let id = slice(&model.arguments[place].ty)?.clone();
        if let Some(impl_trait) = validate::impl_trait(&id) {
            errors.at(impl_trait, "the keys are of a type that has a name, as `get` returns them: write a type parameter, such as `fn load<K: KeyPart + Clone>(keys: &[K])`");
            return None;
        }
        if let Some(lifetime) = foreign(&model.arguments[place].ty, &model.item.sig.generics) {
            errors.at(lifetime, "the function is handed a part of the keys, which lives no longer than that call of it: leave this lifetime out");
            return None;
        }
        let borrows: Vec<_> = model.all_arguments().filter_map(|argument| mutable(&argument.ty)).collect();
        if !borrows.is_empty() {
            for mutability in borrows {
                errors.at(mutability, "a function of many keys may be called more than once for one call, so it cannot be handed a `&mut`: take `&`");
            }
            return None;
        }
        let krate = &model.krate;
        let values = match &model.output.value {
            Value::Written(ty) => ty.clone(),
            Value::OkOf(ty) => syn::parse_quote!(<#ty as #krate::__private::ResultLike>::Value),
        };
        if let Some(kind) = no_values(&values) {
            let place = match &model.item.sig.output {
                ReturnType::Default => model.item.sig.ident.to_token_stream(),
                ReturnType::Type(..) => values.to_token_stream(),
            };
            errors.at(place, format_args!("{kind} does not tell which value belongs to which key: return a `HashMap` or a `BTreeMap` by the keys, or a `Vec` with a value for each key in their order"));
            return None;
        }
        // Of what is written, before it is replaced.
        validate::value(&model, errors);
        let value = match (sharing(&model), shape(&values)) {
            (Some(_), _) => {
                let companion = &model.companion;
                Type::Verbatim(
                    quote!(<<#companion as #krate::__private::many::Shares>::Function as #krate::CachedFn>::Value),
                )
            }
            (None, Some((_, value))) => value.clone(),
            (None, None) => projected(&model, &values, &id, "Value"),
        };
        model.output.value = Value::Written(value);
        (model.arguments[place].ty, model.arguments[place].named) = (id.clone(), id.clone());
        model.find_parameters();
        // What could not be read may have been `entries_of`.
        model.args.region_is_mentioned |= errors.len() > 0;
        let mut many = Self { model, id, place, values, faults: Vec::new() };
        many.faults = coalesce(&many);
        if !many.faults.is_empty() {
            many.model.args.coalesce = None;
            many.skip_references();
        }
        Some(many)
    }

    /// As if `skip(…)` named what is said to belong there.
    fn skip_references(&mut self) {
        let references = self.others().filter(|argument| matches!(&argument.ty, Type::Reference(_)));
        let names: Vec<Ident> = references.map(|argument| argument.name.clone()).collect();
        if let Some((_, skip)) = &mut self.model.args.skip {
            skip.extend(names);
        } else if let Some(keyword) = names.first().cloned() {
            self.model.args.skip = Some((keyword, names.into_iter().collect()));
        }
    }

    /// The argument that holds the keys.
    pub(crate) fn ids(&self) -> &Argument {
        &self.model.arguments[self.place]
    }

    /// The arguments beside the keys.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Argument> {
        self.model.arguments.iter().enumerate().filter(|(place, _)| *place != self.place).map(|(_, argument)| argument)
    }

    /// The user's own `self`, where it takes that to find an entry.
    pub(crate) fn entry_self(&self) -> Option<Token![self]> {
        let is_of_self = self.entries_of().is_some_and(entries::takes_self);
        self.model.self_token().filter(|_| is_of_self).or_else(|| self.model.key_self())
    }

    /// The function whose entries these are.
    pub(crate) fn entries_of(&self) -> Option<&Expr> {
        self.model.args.entries_of.as_ref().map(|(_, path)| path)
    }

    /// The same, where a type says all of it, and there is one here to say whose entries these are.
    pub(crate) fn shares(&self) -> Option<&ExprPath> {
        sharing(&self.model)
    }

    /// Whether the type that the function returns says what its values are.
    pub(crate) fn is_written_out(&self) -> bool {
        shape(&self.values).is_some()
    }

    /// Whether the values are seen to be in the order of the keys, which are then those of the slice.
    pub(crate) fn is_in_order(&self) -> bool {
        matches!(shape(&self.values), Some((None, _)))
    }

    /// The type of the keys of a map of values.
    pub(crate) fn key_of_map(&self) -> Type {
        match (shape(&self.values), &self.id) {
            (Some((Some(key), _)), _) => key.clone(),
            (Some((None, _)), Type::Reference(TypeReference { elem, .. })) => {
                syn::parse_quote!(<#elem as ::std::borrow::ToOwned>::Owned)
            }
            (Some((None, _)), id) => id.clone(),
            (None, _) => projected(&self.model, &self.values, &self.id, "Key"),
        }
    }
}

fn sharing(model: &Model) -> Option<&ExprPath> {
    let has_companion = matches!(model.home, Home::Beside | Home::Inside);
    model.args.entries_of.as_ref().filter(|_| has_companion).and_then(|(_, function)| entries::companion(function))
}

/// Input: `&[u64]`. Output: `u64`.
fn slice(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Reference(reference) if reference.mutability.is_none() => match &*reference.elem {
            Type::Slice(slice) => Some(&slice.elem),
            _ => None,
        },
        Type::Group(group) => slice(&group.elem),
        Type::Paren(paren) => slice(&paren.elem),
        _ => None,
    }
}

/// The lifetime of a slice that the function does not declare.
///
/// Input: `&'static [u64]`. Output: `'static`.
fn foreign<'a>(ty: &'a Type, generics: &Generics) -> Option<&'a Lifetime> {
    match ty {
        Type::Reference(reference) => reference.lifetime.as_ref().filter(|lifetime| {
            lifetime.ident != "_" && generics.lifetimes().all(|declared| declared.lifetime.ident != lifetime.ident)
        }),
        Type::Group(group) => foreign(&group.elem, generics),
        Type::Paren(paren) => foreign(&paren.elem, generics),
        _ => None,
    }
}

/// That no argument holds the keys, at what was meant to.
fn no_keys(model: &Model, errors: &mut Errors) {
    let is_slice = |name: &&Ident| model.arguments.iter().any(|it| it.answers_to(name) && slice(&it.ty).is_some());
    let skipped = model.args.skip.iter().flat_map(|(_, names)| names).find(is_slice);
    let vec = model.arguments.iter().find_map(|argument| match shape(&argument.ty)? {
        (None, id) => Some((&argument.ty, id)),
        _ => None,
    });
    match (skipped, vec) {
        (Some(name), _) => {
            errors.at(name, format_args!("`{name}` holds the keys, so it forms them: remove it from `skip`"));
        }
        (None, Some((ty, id))) => {
            let id = id.to_token_stream();
            errors.at(ty, format_args!("the keys are a slice, of which the function is handed a part: take `&[{id}]`"));
        }
        (None, None) => errors
            .at(&model.item.sig.ident, "no argument holds the keys: write one of type `&[T]`, such as `ids: &[u64]`"),
    }
}

/// Input: `&mut Db`. Output: `mut`.
fn mutable(ty: &Type) -> Option<&Token![mut]> {
    match ty {
        Type::Reference(reference) => reference.mutability.as_ref(),
        _ => None,
    }
}

/// The types of keys and values, where the type is written out; a `Vec` has no keys.
fn shape(ty: &Type) -> Option<(Option<&Type>, &Type)> {
    let segment = match ty {
        Type::Path(path) => path.path.segments.last()?,
        Type::Group(group) => return shape(&group.elem),
        Type::Paren(paren) => return shape(&paren.elem),
        _ => return None,
    };
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    let mut types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    match segment.ident.to_string().as_str() {
        "Vec" => Some((None, types.next()??)),
        "HashMap" | "BTreeMap" => Some((Some(types.next()??), types.next()??)),
        _ => None,
    }
}

/// Input: `Users`. Output: `<Users as Values<u64>>::Value`, at the place of the type, where it is found out if that is
/// neither a map nor a `Vec`.
fn projected(model: &Model, values: &Type, id: &Type, name: &str) -> Type {
    let krate = &model.krate;
    // Outside the function, where its lifetimes have no names; keys and values borrow nothing.
    let id = lifetimes::named(id, &model.scope, "'static");
    let (first, _) = hygiene::ends(values);
    let place = hygiene::macro_span(first);
    let name = Ident::new(name, place);
    let (head, values_of) = (quote_spanned!(place=> <), quote_spanned!(place=> as #krate::__private::many::Values));
    Type::Verbatim(quote_spanned!(place=> #head #values #values_of<#id>>::#name))
}

/// What can be seen to be neither a map nor a `Vec`; other types are for the compiler to judge.
fn no_values(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Tuple(tuple) if tuple.elems.is_empty() => Some("`()`"),
        Type::Tuple(_) => Some("a tuple"),
        Type::Array(_) => Some("an array"),
        Type::Path(path) => match path.path.segments.last()?.ident.to_string().as_str() {
            "HashSet" | "BTreeSet" => Some("a set"),
            "Option" => Some("an `Option`"),
            "Box" | "Arc" | "Rc" | "VecDeque" | "String" => Some("this type"),
            _ => None,
        },
        _ => None,
    }
}

/// What only a function of many keys can get wrong.
pub(crate) fn judge(many: &Many, errors: &mut Errors) {
    let Model { args, .. } = &many.model;
    if many.model.home == Home::Inline
        && let Some(receiver) = &many.model.receiver
        && !matches!(&receiver.ty, Type::Reference(_))
    {
        errors.at(&receiver.ty, "a function of many keys may be called more than once for one call, and with `companion = none` its body has one `self` for all of them: take `&self`");
    }
    if args.entries_of.is_some() {
        for keyword in of_the_entries(args) {
            errors.at(
                keyword,
                format_args!("the entries are those of the function in `entries_of`: write `{keyword}` there"),
            );
        }
    }
    if let (Some((keyword, expressions)), None) = (&args.key, &args.entries_of)
        && let ids = &many.ids().name
        && !expressions.is_empty()
        && !many.model.key_arguments().iter().any(|argument| argument.name == *ids)
    {
        errors.at(
            keyword,
            format_args!("`{keyword}(…)` leaves the keys out, so all of them would be one: name `{ids}` too, which stands for one key there"),
        );
    }
    many.faults.iter().cloned().for_each(|fault| errors.push(fault));
}

/// What is wrong with `coalesce`, which is left out then: what it would expand to could only repeat that.
fn coalesce(many: &Many) -> Vec<syn::Error> {
    let Model { args, item, .. } = &many.model;
    let Some((keyword, _)) = &args.coalesce else { return Vec::new() };
    let at_keyword = |message: String| syn::Error::new(keyword.span(), message);
    let mut faults = Vec::new();
    if matches!(many.model.home, Home::Impl | Home::Inline) {
        return vec![at_keyword(format!(
            "`{keyword}` makes one call for several callers, who have no `self` in common: write it on a free function"
        ))];
    }
    if let Some((_, function)) = &args.entries_of
        && entries::companion(function).is_none()
    {
        return vec![syn::Error::new_spanned(
            function,
            format!("`{keyword}` gathers calls of a free function without type parameters: name one here"),
        )];
    }
    if let Some(parameter) = many.model.first_parameter() {
        return vec![syn::Error::new_spanned(
            parameter,
            format!(
                "`{keyword}` makes one call for several callers, who may differ in their keys and in nothing else: write it on a function of concrete types"
            ),
        )];
    }
    if args.entries_of.is_none() {
        faults.push(at_keyword(format!(
            "`{keyword}` gathers calls of another function: name it, `entries_of = load_user`"
        )));
    }
    if item.sig.asyncness.is_none() {
        faults.push(at_keyword(format!("`{keyword}` gathers calls of tasks: write it on an `async fn`")));
    }
    let is_of_the_key = |argument: &Argument| many.model.key_arguments().iter().any(|key| key.name == argument.name);
    for argument in many.others() {
        let is_shared = matches!(&argument.ty, Type::Reference(reference) if reference.mutability.is_none());
        let what_to_do = match (is_shared, is_of_the_key(argument)) {
            (true, false) => continue,
            (true, true) => "name this one in `skip(…)`, there and here",
            (false, false) => "take a reference",
            (false, true) => "leave this one out, or remove `coalesce`",
        };
        let message = format!(
            "`{keyword}` makes one call for several callers, who may differ in their keys and in nothing else: {what_to_do}"
        );
        faults.push(syn::Error::new_spanned(&argument.ty, message));
    }
    if lifetimes::first_borrow(&many.id, &item.sig.generics).is_some() {
        let owned = match &many.id {
            Type::Reference(reference) if reference.elem.to_token_stream().to_string() == "str" => quote!(String),
            Type::Reference(reference) => reference.elem.to_token_stream(),
            id => quote!(#id),
        };
        let message = format!(
            "`{keyword}` keeps keys of several callers, so they are owned: take `&[{owned}]`, and `{owned}` in the function of one key"
        );
        faults.push(syn::Error::new_spanned(&many.id, message));
    }
    faults
}

/// The options that say what an entry is, as they were written.
fn of_the_entries(args: &Args) -> Vec<&syn::Ident> {
    let options = [
        args.ttl.as_ref().map(|(keyword, _)| keyword),
        args.ttl_of.as_ref().map(|(keyword, _)| keyword),
        args.stale_while_revalidate.as_ref().map(|(keyword, _)| keyword),
        args.stale_if_error.as_ref().map(|(keyword, _)| keyword),
        args.refresh_ahead.as_ref().map(|(keyword, _)| keyword),
        args.jitter.as_ref().map(|(keyword, _)| keyword),
        args.error_ttl.as_ref().map(|(keyword, _)| keyword),
        args.wait_timeout.as_ref().map(|(keyword, _)| keyword),
        args.deadline.as_ref().map(|(keyword, _)| keyword),
        args.namespace.as_ref().map(|(keyword, _)| keyword),
        args.version.as_ref().map(|(keyword, _)| keyword),
        args.key.as_ref().map(|(keyword, _)| keyword),
        args.key_generator.as_ref().map(|(keyword, _)| keyword),
        args.should_cache.as_ref().map(|(keyword, _)| keyword),
        args.tags.as_ref().map(|(keyword, _)| keyword),
        args.in_memory.as_ref().map(|(keyword, ())| keyword),
    ];
    options.into_iter().flatten().collect()
}
