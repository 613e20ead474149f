//! How the tags of an entry are named.
//!
//! One hidden function names them for the wrapper and for the companions, from the arguments that form the key.
//! What it deliberately does not do: read the text, which `tag` has done, or format it, which the compiler does.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::key;
use crate::argument::Argument;
use crate::hygiene;
use crate::model::{Home, Model};
use crate::tag::Tag;

/// Input: `tags = ["user:{id}", "all-users"]` and `id: u64, name: &str`.
/// Output:
/// ```text
/// fn cachekit_tags(id: &u64, _: &&str) -> TagNames {
///     let mut names = TagNames::default();
///     names.add(format_args!("user:{id}"));
///     names.add(format_args!("all-users"));
///     names
/// }
/// ```
pub(super) fn function(model: &Model) -> Option<TokenStream> {
    let krate = &model.krate;
    let tags = model.tags();
    if tags.is_empty() {
        return None;
    }
    let arguments = model.key_arguments();
    let function = model.hidden_ident("tags");
    let (generics, bounds) = model.key_parameters().declared();
    let names = named(model, &tags);
    let is_named = |argument: &Argument| is_named(&tags, argument);
    let parameters = arguments.iter().map(|argument| {
        let name = if is_named(argument) { hygiene::repeated(&argument.name) } else { quote!(_) };
        let reference = key::reference(model, argument);
        quote!(#name: #reference)
    });
    Some(quote! {
        #[doc(hidden)]
        fn #function #generics(#(#parameters),*) -> #krate::__private::TagNames #bounds {
            #names
        }
    })
}

fn is_named(tags: &[&Tag], argument: &Argument) -> bool {
    tags.iter().any(|tag| tag.names.iter().any(|name| argument.has(name)))
}

/// The names, where the arguments are references.
fn named(model: &Model, tags: &[&Tag]) -> TokenStream {
    let krate = &model.krate;
    let arguments = model.key_arguments();
    let is_named = |argument: &Argument| is_named(tags, argument);
    // The text and the names come from the macro alike, so that the one finds the others whoever wrote them.
    let texts = tags.iter().map(|tag| hygiene::repeated(&tag.text));
    let unpacked = arguments.iter().filter(|argument| is_named(argument)).map(|argument| key::unpacked(argument));
    let names = hygiene::local("names");
    quote! {
        #(#unpacked)*
        let mut #names = <#krate::__private::TagNames as ::core::default::Default>::default();
        #(#names.add(::core::format_args!(#texts));)*
        #names
    }
}

/// Output: `load_user::cachekit_tags(&id, &name)`, or no tags where the function has none.
pub(super) fn call(model: &Model) -> TokenStream {
    call_with(model, &key::references(model))
}

/// The same, where these are references to what forms the key.
pub(super) fn call_with(model: &Model, references: &[TokenStream]) -> TokenStream {
    let krate = &model.krate;
    let tags = model.tags();
    if tags.is_empty() {
        return quote!(#krate::__private::no_tags());
    }
    if model.home == Home::Inline {
        let arguments = model.key_arguments().into_iter().zip(references);
        let (names, references): (Vec<_>, Vec<_>) =
            arguments.filter(|(argument, _)| is_named(&tags, argument)).map(|(it, of_it)| (&it.name, of_it)).unzip();
        let all = named(model, &tags);
        return quote!({ #(let #names = #references;)* #all });
    }
    let path = path(model);
    quote!(#path(#(#references),*))
}

/// Output: `|| load_user::cachekit_tags(&id, &name)`, for where the tags are not always wanted.
pub(super) fn later(model: &Model) -> TokenStream {
    if model.tags().is_empty() {
        let krate = &model.krate;
        return quote!(#krate::__private::no_tags);
    }
    let tags = call(model);
    quote!(|| #tags)
}

/// Output: `load_user::cachekit_tags`.
fn path(model: &Model) -> TokenStream {
    let (host, tags, given) = (model.host(), model.hidden_ident("tags"), model.key_parameters().given());
    quote!(#host::#tags #given)
}

/// Input: tags on `db: &Db, id: u64` with `skip(db)`.
/// Output: `.tags(|(_, id)| load_user::cachekit_tags(id))`.
pub(super) fn of_work(model: &Model) -> Option<TokenStream> {
    let tags = model.tags();
    if tags.is_empty() {
        return None;
    }
    let arguments = model.key_arguments();
    let forms_the_key = |argument: &Argument| arguments.iter().any(|of_key| of_key.name == argument.name);
    let (names, names_them) = if model.home == Home::Inline {
        let names = model
            .arguments
            .iter()
            .map(|argument| if is_named(&tags, argument) { hygiene::repeated(&argument.name) } else { quote!(_) });
        (names.collect::<Vec<_>>(), named(model, &tags))
    } else {
        let locals = arguments.iter().map(|argument| hygiene::as_local(&argument.name));
        let path = path(model);
        let names = model.all_arguments().map(|argument| {
            if forms_the_key(argument) { hygiene::as_local(&argument.name).into_token_stream() } else { quote!(_) }
        });
        (names.collect::<Vec<_>>(), quote!(#path(#(#locals),*)))
    };
    Some(quote!(.tags(|(#(#names,)*)| { #names_them })))
}
