//! Where a call finds its state and its key, for functions of which no type says all: methods and generic functions.
//!
//! One hidden function gives both, so that inference finds the instantiation by the arguments. Its state is in a `static` of
//! its own: of the function itself, or of what holds one for each instantiation.
//! What it deliberately does not do: plain functions, whose state the companion type knows.

use proc_macro2::TokenStream;
use quote::quote;

use super::{check, info, key};
use crate::generics::Parameters;
use crate::hygiene;
use crate::model::{Home, Model};

/// Input: `fn find(&self, id: u64) -> User` of `UserRepo`.
/// Output:
/// ```text
/// fn cachekit_find_at(id: &u64) -> (&'static (impl State<Value = User> + use<>), KeyWriter) {
///     (Self::cachekit_find_state(), { … the key … })
/// }
/// ```
pub(super) fn function(model: &Model) -> Option<TokenStream> {
    if model.is_plain() || model.home == Home::Inline {
        return None;
    }
    let krate = &model.krate;
    let function = model.hidden_ident("at");
    let parameters = model.key_parameters();
    let (generics, bounds) = parameters.declared();
    let this = model.key_self().map(|this| quote!(&#this,));
    let arguments = key::parameters(model);
    let of_impl = model.owner().map(|owner| Parameters::all(&owner.generics)).unwrap_or_default();
    let captured = of_impl.names().chain(parameters.names());
    let state_type = state_type(model, captured);
    let (items, state) = if model.is_generic() {
        let is_owner = check::is_owner(model);
        let (items, state) = instantiated(model);
        (quote!(#is_owner #items), state)
    } else {
        let (host, function) = (model.host(), model.hidden_ident("state"));
        (TokenStream::new(), quote!(#host::#function()))
    };
    let written = key::written(model);
    let returned = hygiene::in_place_of(&quote!((#state_type, #krate::__private::KeyWriter)), model.output.kept());
    let result = hygiene::in_place_of(&quote!((#state, { #written })), model.output.kept());
    Some(quote! {
        #[doc(hidden)]
        #[inline]
        fn #function #generics(
            #this #arguments
        ) -> #returned #bounds {
            #items
            #result
        }
    })
}

/// The type of a state, of which nobody need show again that its values can be cached.
fn state_type<'a>(model: &Model, captured: impl Iterator<Item = &'a syn::Ident>) -> TokenStream {
    let krate = &model.krate;
    let value = check::value(model);
    let state = quote!(impl #krate::__private::State<Value = #value> + use<#(#captured),*>);
    let state = hygiene::in_place_of(&state, model.output.kept());
    hygiene::in_place_of(&quote!(&'static (#state)), model.output.kept())
}

/// The state of a method of a type without parameters.
///
/// Output:
/// ```text
/// fn cachekit_find_state() -> &'static (impl State<Value = User> + use<>) {
///     static FUNCTION: Function<User, …> = Function::stored(FnInfo::new(…));
///     inventory::submit! { Annotated::by(|| State::listed(UserRepo::cachekit_find_state())) }
///     &FUNCTION
/// }
/// ```
pub(super) fn of_owner(model: &Model) -> Option<TokenStream> {
    if model.home != Home::Impl || model.is_generic() {
        return None;
    }
    let krate = &model.krate;
    let function = model.hidden_ident("state");
    let state_type = state_type(model, std::iter::empty());
    let no_hidden_result = check::no_hidden_result(model);
    let value = check::value(model);
    let key = key::argument_key(model);
    let state = check::state(model, info::info(model));
    let is_owner = check::is_owner(model);
    // An owner that only the user has named may be another type, which has no such function: then that is all to be said.
    let is_handed = model.owner().is_some_and(|owner| owner.is_handed);
    let listed = if is_handed {
        quote!(by(|| #krate::__private::State::listed(Self::#function())))
    } else {
        quote!(state(&FUNCTION))
    };
    let items = model.outside(quote! {
        #no_hidden_result
        static FUNCTION: #krate::__private::Function<#value, #key> = #state;
        #krate::__private::inventory::submit! {
            #krate::__private::Annotated::#listed
        }
    });
    let found = hygiene::in_place_of(&quote!(&FUNCTION), model.output.kept());
    Some(quote! {
        #[doc(hidden)]
        #[inline]
        fn #function() -> #state_type {
            #is_owner
            #items
            #found
        }
    })
}

/// The items that hold the states of all instantiations, and the expression that is a reference to the one here.
fn instantiated(model: &Model) -> (TokenStream, TokenStream) {
    let krate = &model.krate;
    let no_hidden_result = check::no_hidden_result(model);
    let info = info::of_all_instantiations(model);
    let items = quote! {
        static GENERIC: #krate::__private::Generic = #krate::__private::Generic::new(#info);
        #krate::__private::inventory::submit! {
            #krate::__private::Annotated::generic(&GENERIC)
        }
    };
    let value = check::value(model);
    let state = check::state(model, info::info(model));
    let call = hygiene::in_place_of(&quote!(GENERIC.state::<#value, _>), model.output.kept());
    (model.outside(items), quote!({ #no_hidden_result #call(|| #state) }))
}

/// The state and the key of a call, and what comes before both.
///
/// Output: `let (state, key) = Self::cachekit_find_at(&id);`, `state`, `key`.
pub(super) fn call(model: &Model) -> (TokenStream, TokenStream, TokenStream) {
    if model.is_plain() {
        return (TokenStream::new(), model.function(), key::call(model));
    }
    let (state, key) = (hygiene::local("state"), hygiene::local("key"));
    let names: Vec<_> = model.key_arguments().into_iter().map(|argument| &argument.name).collect();
    let found = if model.home == Home::Inline {
        let (items, of_call) = instantiated(model);
        let written = key::written(model);
        let is_owner = check::is_owner(model);
        quote! {
            #is_owner
            #items
            let (#state, #key) = (#of_call, {
                #(let #names = &#names;)*
                #written
            });
        }
    } else {
        let (host, function, given) = (model.host(), model.hidden_ident("at"), model.key_parameters().given());
        let method = model.key_self().map(|this| quote!(#this.#function));
        let function = method.unwrap_or_else(|| quote!(#host::#function));
        quote!(let (#state, #key) = #function #given(#(&#names),*);)
    };
    (found, quote!(#state), quote!(#key))
}
