//! Where a call finds its state and its key: one hidden function gives both, for the function and its companions.
//!
//! Of a plain function the companion type knows the state. Of methods and generic functions no type says all, so inference
//! finds the instantiation by the arguments; the state is in a `static` of its own: of the function itself, or of what
//! holds one for each instantiation.
//! What it deliberately does not do: write keys.

use proc_macro2::TokenStream;
use quote::quote;

use super::{check, info, key};
use crate::generics::Parameters;
use crate::hygiene;
use crate::model::{Home, Model};

/// Input: `fn load_user(id: u64) -> User`, and `fn find(&self, id: u64) -> User` of `UserRepo`.
/// Output:
/// ```text
/// fn cachekit_at(id: &u64) -> At<Of<load_user>> {
///     … the key, into `At::new(Of::THIS)` …
/// }
/// fn cachekit_find_at(id: &u64) -> At<impl State<Value = User> + use<>> {
///     … the key, into `At::new(Self::cachekit_find_state())` …
/// }
/// ```
pub(super) fn function(model: &Model) -> Option<TokenStream> {
    if model.home == Home::Inline {
        return None;
    }
    let krate = &model.krate;
    let function = model.hidden_ident("at");
    let parameters = model.key_parameters();
    let (generics, bounds) = parameters.declared();
    let this = model.key_self().map(|this| quote!(&#this,));
    let arguments = key::parameters(model);
    let (returned, items, state) = if model.is_plain() {
        let companion = &model.companion;
        (quote!(#krate::__private::Of<#companion>), TokenStream::new(), quote!(#krate::__private::Of::THIS))
    } else {
        let of_impl = model.owner().map(|owner| Parameters::all(&owner.generics)).unwrap_or_default();
        let captured = of_impl.names().chain(parameters.names());
        let (items, state) = if model.is_generic() {
            let is_owner = check::is_owner(model);
            let (items, state) = instantiated(model);
            (quote!(#is_owner #items), state)
        } else {
            let (host, function) = (model.host(), model.hidden_ident("state"));
            (TokenStream::new(), quote!(#host::#function()))
        };
        (state_type(model, captured), items, state)
    };
    let placed = |tokens: TokenStream| {
        if model.is_plain() { tokens } else { hygiene::in_place_of(&tokens, model.output.kept()) }
    };
    let returned = placed(quote!(#krate::__private::At<#returned>));
    let state = if model.is_generic() { placed(state) } else { state };
    let result = key::written(model, &state);
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
    hygiene::in_place_of(&state, model.output.kept())
}

/// The state of a method of a type without parameters.
///
/// Output:
/// ```text
/// fn cachekit_find_state() -> &'static (impl State<Value = User> + use<>) {
///     static CACHEKIT_FUNCTION: Function<User, …> = Function::stored(FnInfo::new(…));
///     inventory::submit! { Annotated::by(|| State::listed(UserRepo::cachekit_find_state())) }
///     &CACHEKIT_FUNCTION
/// }
/// ```
pub(super) fn of_owner(model: &Model) -> Option<TokenStream> {
    if model.home != Home::Impl || model.is_generic() {
        return None;
    }
    let krate = &model.krate;
    let function = model.hidden_ident("state");
    let state_type = state_type(model, std::iter::empty());
    let state_type = hygiene::in_place_of(&quote!(&'static (#state_type)), model.output.kept());
    let no_hidden_result = check::no_hidden_result(model);
    let value = check::value(model);
    let key = key::argument_key(model);
    let state = check::state(model, info::info(model));
    let is_owner = check::is_owner(model);
    // An owner that only the user has named may be another type, which has no such function: then that is all to be said.
    let is_handed = model.owner().is_some_and(|owner| owner.is_handed);
    let listed = if is_handed {
        quote!(#krate::__private::State::listed(Self::#function()))
    } else {
        quote!({
            use #krate::__private::{ListNothing as _, ListState as _};
            (&#krate::__private::StateOf(&CACHEKIT_FUNCTION)).listed()
        })
    };
    let items = model.outside(quote! {
        #no_hidden_result
        static CACHEKIT_FUNCTION: #krate::__private::Function<#value, #key> = #state;
        #krate::__private::inventory::submit! {
            #krate::__private::Annotated::by(|| #listed)
        }
    });
    let found = hygiene::in_place_of(&quote!(&CACHEKIT_FUNCTION), model.output.kept());
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
        static CACHEKIT_GENERIC: #krate::__private::Generic = #krate::__private::Generic::new(#info);
        #krate::__private::inventory::submit! {
            #krate::__private::Annotated::generic(&CACHEKIT_GENERIC)
        }
    };
    let value = check::value(model);
    let state = check::state(model, info::info(model));
    let call = hygiene::in_place_of(&quote!(CACHEKIT_GENERIC.state::<#value, _>), model.output.kept());
    let outside = model.outside(items);
    (quote!(#outside #no_hidden_result), quote!(#call(|| #state)))
}

/// The entry of a call.
///
/// Output: `load_user::cachekit_at(&id)`, or `Self::cachekit_find_at(&id)`.
pub(super) fn call(model: &Model) -> TokenStream {
    call_with(model, &key::references(model))
}

/// The same, where these are references to what forms the key.
pub(super) fn call_with(model: &Model, references: &[TokenStream]) -> TokenStream {
    if model.home == Home::Inline {
        let (items, of_call) = instantiated(model);
        let written = key::written(model, &of_call);
        let is_owner = check::is_owner(model);
        let names = model.key_arguments().into_iter().map(|argument| &argument.name);
        return quote!({
            #is_owner
            #items
            #(let #names = #references;)*
            #written
        });
    }
    let (host, function, given) = (model.host(), model.hidden_ident("at"), model.key_parameters().given());
    let method = model.key_self().map(|this| quote!(#this.#function));
    let function = method.unwrap_or_else(|| quote!(#host::#function));
    quote!(#function #given(#(#references),*))
}
