//! How arguments become a key.
//!
//! One hidden function writes the key for the wrapper and for every companion, so there is one place where each type
//! must be a `KeyPart`, and one message when it is not. A second place adds the widths up, while compiling, so that short
//! keys can be compared as whole words.
//! What it deliberately does not do: encode. Arguments write themselves.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;

use crate::argument::Argument;
use crate::hygiene;
use crate::model::{Home, Model};

/// The arguments that form the key, by reference, as parameters of a hidden function.
pub(super) fn parameters(model: &Model) -> TokenStream {
    let arguments = model.key_arguments();
    let names = arguments.iter().map(|argument| &argument.name);
    let references = arguments.iter().map(|argument| reference(model, argument));
    quote!(#(#names: #references),*)
}

/// What writes the key of an entry, where the arguments are references.
///
/// Input: `id: u64, name: &str`.
/// Output:
/// ```text
/// let mut at = At::new(state);
/// let writer = at.writer();
/// <u64 as KeyPart>::write_key(id, writer);
/// <&str as KeyPart>::write_key(name, writer);
/// at
/// ```
/// With `key(…)` its expressions are written, in a scope where the arguments are references.
pub(super) fn written(model: &Model, state: &TokenStream) -> TokenStream {
    let krate = &model.krate;
    let arguments = model.key_arguments();
    let writer = hygiene::local("writer");
    let parts = match model.key_expressions() {
        None => arguments.iter().map(|argument| part(model, argument, &writer)).collect(),
        Some(expressions) => {
            let unpacked = arguments.iter().map(|argument| unpacked(argument));
            let expressions = expressions.iter().map(by_reference);
            quote! {
                #(#unpacked)*
                #(#krate::KeyPart::write_key(#expressions, #writer);)*
            }
        }
    };
    let at = hygiene::local("at");
    let writer = (!model.key_names().is_empty()).then(|| quote!(let #writer = #at.writer();));
    let mutability = writer.as_ref().map(|_| quote!(mut));
    quote! {
        let #mutability #at = #krate::__private::At::new(#state);
        #writer
        #parts
        #at
    }
}

/// Input: `Cow<'_, str>`. Output: `&Cow<'_, str>`, in other words.
///
/// Clippy has opinions on `&Cow<…>`, `&Option<&…>` and other references that nobody wrote, and cannot be told to have none
/// in a crate that forbids `allow`. It knows them by their look, and an item of a slice looks like no reference.
pub(super) fn reference(model: &Model, argument: &Argument) -> TokenStream {
    let ty = model.elided(&argument.named);
    quote!(<&[#ty] as ::core::iter::IntoIterator>::Item)
}

/// One argument's part, with the user's own type to point at.
fn part(model: &Model, argument: &Argument, writer: &impl ToTokens) -> TokenStream {
    let krate = &model.krate;
    let name = &argument.name;
    if model.home == Home::Inline {
        // What an `impl Trait` is has no name there.
        let ty = &argument.ty;
        let (_, last) = hygiene::ends(ty);
        let path = hygiene::in_place_of(&quote!(#krate::KeyPart::write_key), ty);
        return quote_spanned!(last=> #path(#name, #writer););
    }
    let ty = model.elided(&argument.named);
    quote!(<#ty as #krate::KeyPart>::write_key(#name, #writer);)
}

/// Input: `org.id`. Output: `&(org.id)`, from the first token to the last of what the user wrote, to point at.
fn by_reference(expression: &Expr) -> TokenStream {
    let tokens = expression.to_token_stream();
    let (first, last) = hygiene::ends(expression);
    let mut group = Group::new(Delimiter::Parenthesis, tokens);
    group.set_span(last);
    let reference = quote_spanned!(first=> &);
    quote!(#reference #group)
}

/// Input: `(a, b): (u8, u8)`, known as `a_b`. Output: `let (a, b) = a_b;`.
pub(super) fn unpacked(argument: &Argument) -> Option<TokenStream> {
    let pattern = hygiene::repeated(argument.pattern.as_ref()?);
    let name = &argument.name;
    Some(quote!(let #pattern = #name;))
}

/// Output: `&id`, `&name`.
pub(super) fn references(model: &Model) -> Vec<TokenStream> {
    let names = model.key_arguments().into_iter().map(|argument| &argument.name);
    names.map(|name| quote!(&#name)).collect()
}

/// The type that holds the key in the near tier: an array of words where the widths are known and small.
///
/// A type that is no `KeyPart` counts as unbounded here, as `function` has reported it.
pub(super) fn argument_key(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let words = if model.key_expressions().is_some() || model.is_generic() {
        // The type of an expression cannot be named, and a parameter has no width that is known here.
        quote!(0)
    } else {
        let types = model.key_arguments().into_iter().map(|argument| model.elided(&argument.named));
        quote! {{
            use #krate::__private::UnboundedWidth as _;
            #krate::__private::words(&[#(#krate::__private::WidthOf::<#types>::WIDTH),*])
        }}
    };
    quote!(<#krate::__private::Width<#words> as #krate::__private::Fit>::Key)
}
