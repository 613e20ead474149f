//! Which functions can be cached, and which options go together.
//!
//! Every rule speaks for itself and all of them are asked, so one compilation shows every mistake. A message stands at
//! the tokens to change and says what to write. What it deliberately does not do: repair; and what needs types (is it
//! `Clone`? a `KeyPart`?) is left to bounds that the expansion places at the user's types.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::visit_mut::VisitMut;
use syn::{FnArg, Ident, ReturnType, Safety, Signature, Type, TypeReference};

use crate::args::{Args, Companion};
use crate::argument::Argument;
use crate::attrs;
use crate::errors::Errors;
use crate::lifetimes::{self, Borrow};
use crate::mention;
use crate::model::{Home, Model};
use crate::owner;
use crate::owning::Owning;

/// What makes a signature impossible to expand at all.
pub(crate) fn signature(sig: &Signature, args: &Args, errors: &mut Errors) {
    let is_associated = args.owner_is_mentioned || matches!(args.companion, Some((_, Companion::None)));
    if let Some(constness) = &sig.constness {
        errors.at(constness, "a `const fn` cannot be cached, as a cache lives at run time: remove `const`");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.at(token, "an `unsafe fn` cannot be cached, as no caller vouches for the calls that the cache makes: cache a safe function that calls this one");
    }
    if let Some(abi) = &sig.abi {
        errors.at(abi, "an `extern` function cannot be cached: cache a Rust function that calls this one");
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(variadic, "a variadic function cannot be cached: cache one that takes a slice");
    }
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) if !is_associated => {
                errors.at(receiver, ASSOCIATED);
                return;
            }
            FnArg::Receiver(_) => {}
            FnArg::Typed(typed) => {
                if let Some(cfg) = typed.attrs.iter().find(|attr| attr.path().is_ident("cfg")) {
                    errors.at(
                        cfg,
                        "an argument cannot be conditional: write `#[cfg(…)]` on the function, once per variant",
                    );
                }
            }
        }
    }
    if let Some(owner) = owner::first_self(sig.to_token_stream()).filter(|_| !is_associated) {
        errors.at(owner, ASSOCIATED);
    }
    if let ReturnType::Type(_, ty) = &sig.output
        && let Some(impl_trait) = impl_trait(ty)
    {
        errors.at(impl_trait, "a cache keeps values of a type that has a name: return a concrete type, or a `Vec` of what an iterator yields");
    }
}

/// `self` and `Self` are the only signs of a method that a macro can see.
const ASSOCIATED: &str = "a method's companions stand in its `impl`, which this attribute does not see: write `#[cachekit::methods]` above the `impl`, or `owner = Type` here with the type's name; in the implementation of a trait write `companion = none`";

/// The first `impl Trait` in a type.
pub(crate) fn impl_trait(ty: &Type) -> Option<Type> {
    let mut find = ImplTrait(None);
    find.visit_type_mut(&mut ty.clone());
    find.0
}

struct ImplTrait(Option<Type>);

impl VisitMut for ImplTrait {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if matches!(ty, Type::ImplTrait(_)) {
            self.0.get_or_insert_with(|| ty.clone());
        }
        syn::visit_mut::visit_type_mut(self, ty);
    }
}

/// What is kept must borrow nothing; without that no companion can be written.
pub(crate) fn value(model: &Model, errors: &mut Errors) {
    if let Some(borrow) = lifetimes::first_borrow(model.output.kept(), &model.scope) {
        let message = match &borrow {
            Borrow::Reference(reference) => owned_instead(reference),
            Borrow::Parameter(_) => "a cached value outlives the call, so it cannot borrow: return a type without a lifetime, or `'static` here".to_owned(),
        };
        errors.at(borrow, message);
    }
    let is_lent = model.owner().is_some_and(|owner| owner.generics.lifetimes().next().is_some());
    if let Some(owner) = owner::first_self(model.output.kept().to_token_stream()).filter(|_| is_lent) {
        errors.at(owner, "a cached value outlives the call, so it cannot borrow, and `Self` is of a type with a lifetime: return a type without one");
    }
    if let Some(reference) = lifetimes::first_static_reference(model.output.kept())
        && model.args.in_memory.is_none()
    {
        errors.at(reference, "what a backend gives back is owned: write `in_memory` in the attribute, or return an owned type such as `String`");
    }
}

fn owned_instead(reference: &TypeReference) -> String {
    let owned = match &*reference.elem {
        Type::Path(path) if path.path.is_ident("str") => "`String`".to_owned(),
        Type::Slice(slice) => {
            let item = slice.elem.to_token_stream();
            format!("`Vec<{item}>`")
        }
        other => {
            let name = other.to_token_stream();
            format!("`{name}`")
        }
    };
    format!("a cached value outlives the call, so it cannot borrow: return {owned}")
}

/// Which options go together, and with this function.
pub(crate) fn options(model: &Model, errors: &mut Errors) {
    let args = &model.args;
    if args.region.is_none() && !args.region_is_mentioned && args.entries_of.is_none() {
        errors
            .at_attribute("no region: write `region = \"name\"`, or `region = PATH` for one that `regions!` declares");
    }
    for attr in model.item.attrs.iter().filter(|attr| attrs::is_this_macro(attr)) {
        errors.at(attr, "the attribute is written twice: remove one of the two");
    }
    if let (Some((skip, _)), Some(_)) = (&args.skip, &args.key) {
        errors.at(skip, "`key(…)` already says what forms the key: remove `skip(…)`");
    }
    if let Some((key, expressions)) = &args.key
        && expressions.is_empty()
    {
        errors.at(key, "`key()` names nothing: list the expressions that form the key, such as `key(org.id, page)`");
    }
    tags(model, errors);
    background(model, errors);
    for name in args.skip.iter().flat_map(|(_, names)| names) {
        if !model.arguments.iter().any(|argument| argument.answers_to(name)) {
            if name == "self" {
                errors.at(name, "`self` is no part of the key unless `key(…)` mentions it: remove it here");
                continue;
            }
            let written = model.arguments.iter().filter_map(Argument::written_name);
            let names = one_of(written, "this function has none that `skip` can name");
            errors.at(name, format_args!("there is no argument `{name}`: {names}"));
        }
    }
    if !model.output.is_result {
        let share_error = args.share_error.as_ref().map(|(keyword, _)| keyword);
        let error_ttl = args.error_ttl.as_ref().map(|(keyword, _)| keyword);
        for keyword in share_error.into_iter().chain(error_ttl) {
            errors.at(keyword, format_args!("`{keyword}` is for functions that return a `Result`: remove it, or write `result = true` if the type is an alias of one"));
        }
    }
    if let (Some((result, true)), ReturnType::Default) = (&args.result, &model.item.sig.output) {
        errors.at(result, "this function returns nothing, so there is no `Result`: remove `result = true`");
    }
}

/// Which options are for functions of many keys.
pub(crate) fn of_one_key(model: &Model, errors: &mut Errors) {
    let Args { entries_of, coalesce, .. } = &model.args;
    let (entries_of, coalesce) =
        (entries_of.as_ref().map(|(keyword, _)| keyword), coalesce.as_ref().map(|(keyword, _)| keyword));
    for keyword in entries_of.into_iter().chain(coalesce) {
        errors.at(
            keyword,
            format_args!("`{keyword}` is for functions of many keys: write it in `#[cache_multi_on_arguments(…)]`"),
        );
    }
}

/// In `key(…)` of a method a name that begins an expression is an argument, or a field that lacks its `self`, unless it is
/// written as constants are. The key is left out then: it could only be told again that there is no such name.
pub(crate) fn fields(model: &mut Model, errors: &mut Errors) {
    let is_argument = |name: &Ident| model.arguments.iter().any(|argument| argument.has(&name.unraw().to_string()));
    let is_lower_case = |name: &Ident| name.unraw().to_string().starts_with(char::is_lowercase);
    let names = model.key_expressions().into_iter().flatten().filter_map(mention::first);
    let fields: Vec<Ident> =
        names.filter(|name| is_lower_case(name) && *name != "self" && !is_argument(name)).cloned().collect();
    if model.receiver.is_none() || fields.is_empty() {
        return;
    }
    for name in fields {
        errors.at(&name, format_args!("no argument is called `{name}`; a field is written `self.{name}`"));
    }
    model.args.key = None;
}

/// Tags are made of what companions such as `set` know too: of what forms the key.
fn tags(model: &Model, errors: &mut Errors) {
    let arguments = model.key_arguments();
    for tag in model.args.tags.iter().flat_map(|(_, tags)| tags) {
        let is_unknown = |name: &&String| !arguments.iter().any(|argument| argument.has(name));
        for name in tag.names.iter().filter(is_unknown) {
            let known = arguments.iter().flat_map(|argument| &argument.bindings);
            let names = one_of(known, "no argument forms the key");
            if model.arguments.iter().any(|argument| argument.has(name)) {
                errors.at(
                    &tag.text,
                    format_args!(
                        "`{name}` is no part of the key, so `set` and `entry` could not know the tag: {names}"
                    ),
                );
            } else {
                errors.at(&tag.text, format_args!("there is no argument `{name}`: {names}"));
            }
        }
    }
}

/// A renewal in the background outlives the call, so it owns its arguments and its error.
fn background(model: &Model, errors: &mut Errors) {
    let generics = &model.scope;
    // Of a value that borrows there is a message already.
    let is_of_error = model.output.is_result && lifetimes::first_borrow(model.output.kept(), generics).is_none();
    let error = lifetimes::first_borrow(&model.output.ty, generics).filter(|_| is_of_error);
    if let (Some(borrow), Some((error_ttl, _))) = (&error, &model.args.error_ttl) {
        errors.at(borrow, format_args!("`{error_ttl}` keeps the error for later callers, so it cannot borrow: return an error without a lifetime"));
    }
    if !model.is_background() {
        return;
    }
    if model.home == Home::Inline {
        let keyword = model.args.companion.as_ref().map(|(keyword, _)| keyword);
        errors.at(keyword, format_args!("a renewal in the background outlives the `self` of this call: move the body to a method of an inherent `impl` with `#[cachekit::methods]`, and call that here; or {}", in_the_foreground(model)));
        return;
    }
    if let Some(this) = model.self_token().filter(|_| model.lends_self()) {
        errors.at(
            this,
            format_args!(
                "`self` is of a type that borrows, and a renewal in the background outlives the call: {}",
                in_the_foreground(model)
            ),
        );
        return;
    }
    for argument in model.all_arguments() {
        if Owning::of(&argument.ty, generics).is_err() {
            if model.receiver.as_ref().is_some_and(|this| this.name == argument.name) {
                errors.at(model.self_token(), format_args!("`self` is borrowed in a way of which no copy can be made, and a renewal in the background outlives the call: take `self: Arc<Self>`, or `&self` of a type that is `Clone`; or {}", in_the_foreground(model)));
                continue;
            }
            let name = argument.written_name().map_or("this argument".to_owned(), |name| format!("`{name}`"));
            errors.at(&argument.ty, format_args!("{name} borrows, and a renewal in the background outlives the call: take an owned type, or a plain reference such as `&str`; or {}", in_the_foreground(model)));
        }
    }
    if let Some(borrow) = error
        && model.args.error_ttl.is_none()
    {
        errors.at(borrow, format_args!("the error borrows, and a renewal in the background outlives the call: return an error without a lifetime; or {}", in_the_foreground(model)));
    }
}

/// What to write so that nothing runs in the background.
fn in_the_foreground(model: &Model) -> String {
    let Args { background, stale_while_revalidate, refresh_ahead, .. } = &model.args;
    let settings = [
        stale_while_revalidate.as_ref().map(|(keyword, _)| keyword),
        refresh_ahead.as_ref().map(|(keyword, _)| keyword),
    ];
    let to_the_region: Vec<String> = settings.into_iter().flatten().map(|keyword| format!("`{keyword}`")).collect();
    let ways = [
        background.as_ref().map(|_| "remove `background`".to_owned()),
        (!to_the_region.is_empty()).then(|| format!("leave {} to the region", to_the_region.join(" and "))),
    ];
    let ways: Vec<String> = ways.into_iter().flatten().collect();
    format!("{}: then one caller renews while the others are served the old value", ways.join(" and "))
}

fn one_of<'a>(names: impl Iterator<Item = &'a Ident>, none: &str) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { none.to_owned() } else { format!("write one of {}", names.join(", ")) }
}
