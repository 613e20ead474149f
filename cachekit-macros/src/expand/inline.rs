//! The body of a function where it stands: with `companion = none`, and `self` or `Self` in it.
//!
//! No item inside a function may name what these stand for, so the body is a closure, which may.
//! What it deliberately does not do: background renewals, whose arguments outlive the `self` that a closure borrows.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, ReturnType};

use crate::hygiene;
use crate::model::Model;

/// Input: `fn find(&self, id: u64) -> Option<User> { body }`.
/// Output: `inline_infallible((id,), move |(id,)| -> Option<User> { body })`.
pub(super) fn work(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let names = model.arguments.iter().map(|argument| &argument.name);
    let patterns = model.item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(&typed.pat),
        FnArg::Receiver(_) => None,
    });
    let body = &model.item.body;
    let output = &model.item.sig.output;
    let ty = match output {
        ReturnType::Type(_, ty) => quote!(#ty),
        ReturnType::Default => quote!(()),
    };
    let (name, closure) = match (model.output.is_result, model.is_async()) {
        (true, true) if model.is_boxed => ("inline_task", quote!(#output #body)),
        (false, true) if model.is_boxed => {
            let task = hygiene::local("task");
            let closure = quote!({
                let #task: #ty = #body;
                async move { ::core::result::Result::Ok(#task.await) }
            });
            ("inline_task", closure)
        }
        (is_result, false) => (if is_result { "inline" } else { "inline_infallible" }, quote!(#output #body)),
        (is_result, true) => {
            let task = task(model);
            let task = if is_result { task } else { quote!(async move { ::core::result::Result::Ok(#task.await) }) };
            ("inline_task", task)
        }
    };
    let function = format_ident!("{name}");
    quote!(#krate::__private::#function((#(#names,)*), move |(#(#patterns,)*)| #closure))
}

/// What a function of many keys computes for some of them, where its arguments have their names.
///
/// Output: `run(|| -> Option<User> { body })`, or a task.
pub(super) fn once(model: &Model) -> TokenStream {
    let (krate, body, output) = (&model.krate, &model.item.body, &model.item.sig.output);
    if !model.is_async() {
        return quote!(#krate::__private::many::run(|| #output #body));
    }
    if !model.is_boxed {
        return task(model);
    }
    let ReturnType::Type(_, ty) = output else { return quote!(#body) };
    // The arguments that it borrows live for as long as this call of it.
    let (task, ty) = (hygiene::local("task"), model.elided(ty));
    quote!(async move {
        let #task: #ty = #body;
        #task.await
    })
}

/// The body of an `async fn`.
fn task(model: &Model) -> TokenStream {
    let (body, ty, value) = (&model.item.body, &model.output.ty, hygiene::local("value"));
    // The first `return` says what all of them return, which `?` needs to know.
    quote!(async move {
        if let ::core::option::Option::Some(#value) = ::core::option::Option::None::<#ty> {
            return #value;
        }
        let #value: #ty = #body;
        #value
    })
}
