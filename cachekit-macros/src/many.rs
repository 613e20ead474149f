//! What a function of many keys is, beyond any other: which argument holds the keys, and whose entries they are.
//!
//! For everything that concerns one key the slice stands for one of its items, so keys and tags are made as for any
//! other function. What it deliberately does not do: write.

use quote::{ToTokens, quote};
use syn::{Expr, GenericArgument, PathArguments, Type, TypeReference};

use crate::args::Args;
use crate::argument::Argument;
use crate::errors::Errors;
use crate::item::Item;
use crate::lifetimes;
use crate::model::{Home, Model};
use crate::output::Value;

pub(crate) struct Many {
    /// The function, where its slice stands for one of its items.
    pub(crate) model: Model,
    /// The type of a key.
    pub(crate) id: Type,
    /// Which argument holds the keys.
    pub(crate) place: usize,
    /// What the function returns, without the `Result` around it, if that is written.
    pub(crate) values: Type,
}

impl Many {
    /// What the user asked for; nothing where no argument can hold keys.
    pub(crate) fn new(item: Item, args: Args, errors: &mut Errors) -> Option<Self> {
        let mut model = Model::new(item, args);
        let skipped = |name: &_| model.args.skip.iter().any(|(_, names)| names.iter().any(|skip| skip == name));
        let is_slice =
            |argument: &&crate::argument::Argument| slice(&argument.ty).is_some() && !skipped(&argument.name);
        let Some(place) = model.arguments.iter().position(|argument| is_slice(&argument)) else {
            errors.at(
                &model.item.sig.ident,
                "no argument holds the keys: write one of type `&[T]`, such as `ids: &[u64]`, and leave it out of `skip`",
            );
            return None;
        };
        let id = slice(&model.arguments[place].ty)?.clone();
        let krate = &model.krate;
        let values = match &model.output.value {
            Value::Written(ty) => ty.clone(),
            Value::OkOf(ty) => syn::parse_quote!(<#ty as #krate::__private::ResultLike>::Value),
        };
        model.output.value = Value::Written(syn::parse_quote!(<#values as #krate::__private::many::Values>::Value));
        (model.arguments[place].ty, model.arguments[place].named) = (id.clone(), id.clone());
        if model.home == Home::Inline {
            model.home = Home::Inside;
        }
        Some(Self { model, id, place, values })
    }

    /// Whether an argument holds the keys.
    pub(crate) fn is_ids(&self, place: usize) -> bool {
        place == self.place
    }

    /// The function whose entries these are.
    pub(crate) fn entries_of(&self) -> Option<&Expr> {
        self.model.args.entries_of.as_ref().map(|(_, path)| path)
    }

    /// The type of the keys of a map of values.
    pub(crate) fn key_of_map(&self) -> Type {
        let krate = &self.model.krate;
        if !is_vec(&self.values) {
            let values = &self.values;
            return syn::parse_quote!(<#values as #krate::__private::many::Keyed>::Key);
        }
        match &self.id {
            Type::Reference(TypeReference { elem, .. }) => syn::parse_quote!(<#elem as ::std::borrow::ToOwned>::Owned),
            id => id.clone(),
        }
    }
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

fn is_vec(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| {
        segment.ident == "Vec"
            && matches!(&segment.arguments, PathArguments::AngleBracketed(arguments)
                if matches!(arguments.args.first(), Some(GenericArgument::Type(_))))
    }))
}

/// What only a function of many keys can get wrong.
pub(crate) fn judge(many: &Many, errors: &mut Errors) {
    let Model { args, item, arguments, .. } = &many.model;
    if args.entries_of.is_some() {
        for keyword in of_the_entries(args) {
            errors.at(
                keyword,
                format_args!("the entries are those of the function in `entries_of`: write `{keyword}` there"),
            );
        }
    }
    let renewals = [
        args.background.as_ref().map(|(keyword, ())| keyword),
        args.stale_while_revalidate.as_ref().map(|(keyword, _)| keyword),
        args.refresh_ahead.as_ref().map(|(keyword, _)| keyword),
    ];
    if args.entries_of.is_none() {
        for keyword in renewals.into_iter().flatten() {
            errors.at(keyword, format_args!("a function of many keys renews its values itself, not in the background: leave `{keyword}` to the region"));
        }
    }
    for (place, argument) in arguments.iter().enumerate() {
        if let Type::Reference(reference) = &argument.ty
            && let Some(mutability) = &reference.mutability
            && !many.is_ids(place)
        {
            errors.at(
                mutability,
                "a function of many keys may be called more than once for one call: take `&`, not `&mut`",
            );
        }
    }
    if let (Some((keyword, _)), None) = (&args.coalesce, &args.entries_of) {
        errors.at(keyword, "`coalesce` gathers calls of another function: name it, `entries_of = load_user`");
    }
    if let (Some((keyword, _)), None) = (&args.coalesce, &item.sig.asyncness) {
        errors.at(keyword, "`coalesce` gathers calls of tasks: write it on an `async fn`");
    }
    if let Some((keyword, _)) = &args.coalesce {
        let is_shared = |argument: &&Argument| {
            let is_key = many.model.key_arguments().iter().any(|key| key.name == argument.name);
            !is_key && matches!(&argument.ty, Type::Reference(reference) if reference.mutability.is_none())
        };
        let others = arguments.iter().enumerate().filter(|(place, _)| !many.is_ids(*place));
        for (_, argument) in others.filter(|(_, argument)| !is_shared(argument)) {
            errors.at(&argument.ty, format_args!(
                "`{keyword}` computes for several callers at once: other arguments than the keys are shared references that `skip(…)` names"
            ));
        }
    }
    if let Some((keyword, _)) = &args.coalesce
        && lifetimes::first_borrow(&many.id, &item.sig.generics).is_some()
    {
        errors.at(
            keyword,
            format_args!(
                "`coalesce` keeps keys of several callers, so they are owned: take `&[{}]`",
                match &many.id {
                    Type::Reference(reference) if reference.elem.to_token_stream().to_string() == "str" =>
                        quote!(String),
                    id => quote!(#id),
                }
            ),
        );
    }
}

/// The options that say what an entry is, as they were written.
fn of_the_entries(args: &Args) -> Vec<&syn::Ident> {
    let options = [
        args.ttl.as_ref().map(|(keyword, _)| keyword),
        args.ttl_of.as_ref().map(|(keyword, _)| keyword),
        args.stale_while_revalidate.as_ref().map(|(keyword, _)| keyword),
        args.stale_if_error.as_ref().map(|(keyword, _)| keyword),
        args.refresh_ahead.as_ref().map(|(keyword, _)| keyword),
        args.background.as_ref().map(|(keyword, ())| keyword),
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
