//! How the tags of an entry are named.
//!
//! One hidden function names them for the wrapper and for the companions, from the arguments that form the key.
//! What it deliberately does not do: read the text, which `tag` has done, or format it, which the compiler does.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::key;
use crate::argument::Argument;
use crate::hygiene;
use crate::model::Model;

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
    // The text and the names come from the macro alike, so that the one finds the others whoever wrote them.
    let texts = tags.iter().map(|tag| hygiene::repeated(&tag.text));
    let is_named = |argument: &Argument| tags.iter().any(|tag| tag.names.iter().any(|name| argument.has(name)));
    let parameters = arguments.iter().map(|argument| {
        let name = if is_named(argument) { hygiene::repeated(&argument.name) } else { quote!(_) };
        let reference = key::reference(model, argument);
        quote!(#name: #reference)
    });
    let unpacked = arguments.iter().filter(|argument| is_named(argument)).map(|argument| key::unpacked(argument));
    let names = hygiene::local("names");
    Some(quote! {
        #[doc(hidden)]
        fn cachekit_tags(#(#parameters),*) -> #krate::__private::TagNames {
            #(#unpacked)*
            let mut #names = <#krate::__private::TagNames as ::core::default::Default>::default();
            #(#names.add(::core::format_args!(#texts));)*
            #names
        }
    })
}

/// Output: `load_user::cachekit_tags(&id, &name)`, or no tags where the function has none.
pub(super) fn call(model: &Model) -> TokenStream {
    let Model { krate, companion, .. } = model;
    if model.tags().is_empty() {
        return quote!(<#krate::__private::TagNames as ::core::default::Default>::default());
    }
    let names = model.key_arguments().into_iter().map(|argument| &argument.name);
    quote!(#companion::cachekit_tags(#(&#names),*))
}

/// Output: `|| load_user::cachekit_tags(&id, &name)`, for where the tags are not always wanted.
pub(super) fn later(model: &Model) -> TokenStream {
    if model.tags().is_empty() {
        let krate = &model.krate;
        return quote!(<#krate::__private::TagNames as ::core::default::Default>::default);
    }
    let tags = call(model);
    quote!(|| #tags)
}

/// Input: tags on `db: &Db, id: u64` with `skip(db)`.
/// Output: `.tags(|(_, id)| load_user::cachekit_tags(id))`.
pub(super) fn of_work(model: &Model) -> Option<TokenStream> {
    if model.tags().is_empty() {
        return None;
    }
    let companion = &model.companion;
    let arguments = model.key_arguments();
    let locals = arguments.iter().map(|argument| hygiene::as_local(&argument.name));
    let all = model.arguments.iter().map(|argument| {
        let forms_the_key = arguments.iter().any(|of_key| of_key.name == argument.name);
        if forms_the_key { hygiene::as_local(&argument.name).into_token_stream() } else { quote!(_) }
    });
    Some(quote!(.tags(|(#(#all,)*)| #companion::cachekit_tags(#(#locals),*))))
}
