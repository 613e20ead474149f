//! What the user asked for: the function and its options, resolved against each other.
//!
//! Expansion reads this and nothing else. Options that contradict each other are resolved somehow, since `validate` has
//! reported them and the expansion only has to keep other messages away.
//! What it deliberately does not do: report.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Expr, FnArg, GenericParam, Generics, Ident, ReturnType, Signature, Token, Type};

use crate::args::{Args, Companion};
use crate::argument::{self, Argument};
use crate::generics::{self, Parameters};
use crate::hygiene;
use crate::item::Item;
use crate::lifetimes;
use crate::mention;
use crate::output::{self, Output};
use crate::owner::{self, Owner};
use crate::owning::Owning;
use crate::tag::Tag;

/// Where what is generated goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// A type of companions, beside the function.
    Beside,
    /// Such a type, hidden in the function.
    Inside,
    /// Associated functions of the owner, beside the method.
    Impl,
    /// The function itself, whose body may mention `self`.
    Inline,
}

pub(crate) struct Model {
    pub(crate) item: Item,
    pub(crate) args: Args,
    /// The path of the runtime crate.
    pub(crate) krate: TokenStream,
    /// The name of the function as text, without `r#`.
    pub(crate) name: String,
    pub(crate) home: Home,
    /// The companion type, or what the names of a method's siblings begin with.
    pub(crate) companion: Ident,
    pub(crate) receiver: Option<Argument>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Output,
    /// Whether the function returns a future in a box.
    pub(crate) is_boxed: bool,
    /// The lifetimes that end with the call or with the owner.
    pub(crate) scope: Generics,
    /// The parameters of the function that tell its entries apart.
    pub(crate) part: Parameters,
}

impl Model {
    pub(crate) fn new(item: Item, args: Args) -> Self {
        let krate = args.krate.as_ref().map_or_else(|| quote!(::cachekit), |(_, path)| hygiene::repeated(path));
        let ident = &item.sig.ident;
        let awaited = awaited(&item, &args);
        let home = if awaited.is_some() { Home::Inline } else { home(&item, &args) };
        let companion = match &args.companion {
            Some((_, Companion::Named(name))) => name.clone(),
            Some((_, Companion::None)) => Ident::new("CachekitCompanion", ident.span()),
            None => ident.clone(),
        };
        let result = args.result.as_ref().map(|(_, result)| *result);
        let mut scope = item.sig.generics.clone();
        if let Some((_, owner)) = &args.owner {
            scope.params.extend(owner.generics.params.iter().cloned());
        }
        let mut model = Self {
            krate,
            name: ident.unraw().to_string(),
            home,
            companion: hygiene::repeated_ident(&companion),
            receiver: argument::receiver(&item.sig),
            arguments: argument::arguments(&item.sig),
            output: Output::new(awaited.as_ref().unwrap_or(&item.sig.output), result, &scope),
            is_boxed: awaited.is_some(),
            scope,
            part: Parameters::default(),
            item,
            args,
        };
        model.find_parameters();
        model
    }

    /// Finds out which parameters tell entries apart, by what forms the key and what is kept.
    pub(crate) fn find_parameters(&mut self) {
        self.part = self.parameters_taking_part();
    }

    fn parameters_taking_part(&self) -> Parameters {
        let forms_key = self.key_arguments();
        let is_key = |argument: &&Argument| forms_key.iter().any(|of_key| of_key.name == argument.name);
        let (keys, others): (Vec<&Argument>, Vec<&Argument>) = self.arguments.iter().partition(is_key);
        let keys = keys.iter().map(|argument| &argument.ty);
        let others = others.iter().map(|argument| &argument.ty);
        let value = self.output.kept();
        let expressions = self.key_expressions();
        let settings = self.args.expressions();
        let entries = quote!(#(#keys)* #value #expressions #(#settings)*);
        Parameters::taking_part(&self.item.sig.generics, &entries, &quote!(#(#others)*))
    }

    pub(crate) fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some() || self.is_boxed
    }

    /// Whether the companion type stands beside the function, for all to see.
    pub(crate) fn is_shown(&self) -> bool {
        self.home == Home::Beside
    }

    /// Whether a type stands beside the function, or hidden in it, that says all of it: a `CachedFn`.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.home, Home::Beside | Home::Inside) && !self.tells_apart()
    }

    /// Whether types or constants tell entries apart.
    fn tells_apart(&self) -> bool {
        self.key_parameters().tell_apart()
    }

    /// Whether there is one table for each instantiation.
    pub(crate) fn is_generic(&self) -> bool {
        match self.home {
            Home::Inline => true,
            Home::Impl => self.tells_apart() || self.owner().is_some_and(Owner::is_generic),
            Home::Beside | Home::Inside => self.tells_apart(),
        }
    }

    /// The first parameter of the function that is a type or a constant, with a name or without.
    pub(crate) fn first_parameter(&self) -> Option<TokenStream> {
        let generics = &self.item.sig.generics.params;
        let named = generics.iter().find(|param| !matches!(param, GenericParam::Lifetime(_)));
        let unnamed = self.arguments.iter().find(|argument| !argument.params.is_empty()).map(|argument| &argument.ty);
        named.map(ToTokens::to_token_stream).or_else(|| unnamed.map(ToTokens::to_token_stream))
    }

    /// Why keys do not tell all entries apart, as a variant of the runtime's, if that is so.
    pub(crate) fn unkeyed(&self) -> Option<Ident> {
        let is_owned = self.owner().is_some_and(|owner| !owner.is_generic());
        let one_of_each = self.home == Home::Inline && is_owned && !self.tells_apart();
        if !self.is_generic() || self.args.key.is_some() || one_of_each {
            return None;
        }
        Some(match (self.args.in_memory.is_some(), self.home, self.owner()) {
            (true, _, _) => format_ident!("Asked"),
            (false, Home::Inline, None) => format_ident!("Ownerless"),
            _ => format_ident!("Generic"),
        })
    }

    pub(crate) fn owner(&self) -> Option<&Owner> {
        self.args.owner.as_ref().map(|(_, owner)| owner)
    }

    /// The name of the function in keys: that of its owner comes before it.
    pub(crate) fn key_name(&self) -> String {
        match self.owner() {
            Some(owner) => format!("{}::{}", owner.text(), self.name),
            None => self.name.clone(),
        }
    }

    /// The name of a companion: `get`, or `find_entry`.
    pub(crate) fn companion_ident(&self, companion: &str) -> Ident {
        let name = match self.home {
            Home::Impl => format!("{}_{companion}", self.companion.unraw()),
            _ => companion.to_owned(),
        };
        Ident::new(&name, hygiene::macro_span(self.item.sig.ident.span()))
    }

    /// The name of a hidden function: `cachekit_key`, or `cachekit_find_key`.
    pub(crate) fn hidden_ident(&self, function: &str) -> Ident {
        match self.home {
            Home::Impl => format_ident!("cachekit_{}_{function}", self.companion.unraw()),
            _ => format_ident!("cachekit_{function}"),
        }
    }

    /// What stands before the names of companions: the companion type, or `Self`.
    pub(crate) fn host(&self) -> TokenStream {
        match (self.home, self.owner()) {
            (Home::Impl, Some(owner)) => {
                let span = hygiene::macro_span(hygiene::ends(&owner.ty).0);
                Ident::new("Self", span).into_token_stream()
            }
            _ => self.companion.to_token_stream(),
        }
    }

    /// The user's body, with the parameters that inference might not find.
    pub(crate) fn original(&self) -> TokenStream {
        let (host, original) = (self.host(), self.companion_ident("original"));
        let given = Parameters::all(&self.item.sig.generics).given();
        quote!(#host::#original #given)
    }

    /// The receiver, if there is one, and the arguments.
    pub(crate) fn all_arguments(&self) -> impl Iterator<Item = &Argument> {
        self.receiver.iter().chain(&self.arguments)
    }

    /// The receiver and the arguments as the function's own body sees them.
    pub(crate) fn all_values(&self) -> Vec<TokenStream> {
        let receiver = self.self_token().map(|token| token.to_token_stream());
        receiver.into_iter().chain(self.arguments.iter().map(|argument| argument.name.to_token_stream())).collect()
    }

    /// The user's own `self`.
    pub(crate) fn self_token(&self) -> Option<Token![self]> {
        self.item.sig.inputs.iter().find_map(|input| match input {
            FnArg::Receiver(receiver) => Some(receiver.self_token),
            FnArg::Typed(_) => None,
        })
    }

    /// The user's own `self`, where the key mentions it.
    pub(crate) fn key_self(&self) -> Option<Token![self]> {
        let mentioned = mention::names(self.key_expressions().into_iter().flatten());
        self.self_token().filter(|_| mentioned.iter().any(|name| name == "self"))
    }

    /// The expressions of `key(…)`, where it is given.
    pub(crate) fn key_expressions(&self) -> Option<&Punctuated<Expr, Token![,]>> {
        self.args.key.as_ref().map(|(_, expressions)| expressions)
    }

    /// The arguments from which the key is made, and which key-only companions take.
    pub(crate) fn key_arguments(&self) -> Vec<&Argument> {
        match self.key_expressions() {
            None => {
                let is_skipped = |argument: &Argument| {
                    let mut skipped = self.args.skip.iter().flat_map(|(_, names)| names);
                    skipped.any(|name| argument.answers_to(name))
                };
                self.arguments.iter().filter(|argument| !is_skipped(argument)).collect()
            }
            Some(expressions) => {
                let mentioned = mention::names(expressions);
                self.arguments.iter().filter(|argument| argument.is_in(&mentioned)).collect()
            }
        }
    }

    /// The parameters of hidden functions that take what forms the key.
    pub(crate) fn key_parameters(&self) -> Parameters {
        self.part.with(self.key_arguments().into_iter().flat_map(|argument| &argument.params))
    }

    /// The tags whose arguments there are.
    pub(crate) fn tags(&self) -> Vec<&Tag> {
        let arguments = self.key_arguments();
        let is_known = |name: &String| arguments.iter().any(|argument| argument.has(name));
        let given = self.args.tags.iter().flat_map(|(_, tags)| tags);
        given.filter(|tag| tag.names.iter().all(is_known)).collect()
    }

    /// Whether renewals run in the background.
    pub(crate) fn is_background(&self) -> bool {
        let Args { background, stale_while_revalidate, refresh_ahead, .. } = &self.args;
        background.is_some() || stale_while_revalidate.is_some() || refresh_ahead.is_some()
    }

    /// How a renewal in the background owns each argument; `None` where there is no such renewal, or can be none.
    pub(crate) fn owned_arguments(&self) -> Option<Vec<Owning>> {
        if !self.is_background() || self.home == Home::Inline || self.lends_self() {
            return None;
        }
        if lifetimes::first_borrow(&self.output.ty, &self.scope).is_some() {
            return None;
        }
        self.all_arguments().map(|argument| Owning::of(&argument.named, &self.scope).ok()).collect()
    }

    /// Whether there is a `self` of a type that borrows.
    pub(crate) fn lends_self(&self) -> bool {
        self.receiver.is_some() && self.owner().is_some_and(|owner| owner.generics.lifetimes().next().is_some())
    }

    /// The names that a key generator sees beside the parts of the key.
    pub(crate) fn key_names(&self) -> Vec<String> {
        match self.key_expressions() {
            None => self.key_arguments().iter().map(|argument| argument.name.unraw().to_string()).collect(),
            Some(expressions) => expressions.iter().map(mention::text).collect(),
        }
    }

    /// The signature with a name for each argument, in place of patterns.
    ///
    /// Input: `fn f(mut x: u8, (a, b): (u8, u8)) -> u8`. Output: `fn f(x: u8, a_b: (u8, u8)) -> u8`.
    pub(crate) fn named_signature(&self) -> Signature {
        let mut sig = self.item.sig.clone();
        let mut arguments = self.arguments.iter();
        for input in &mut sig.inputs {
            match input {
                FnArg::Typed(typed) => {
                    let name = arguments.next().map(|argument| &argument.name);
                    typed.attrs.clear();
                    *typed.pat = syn::parse_quote!(#name);
                }
                // It is handed on as it is.
                FnArg::Receiver(receiver) => receiver.mutability = None,
            }
        }
        sig
    }

    /// An argument's type where the function's lifetimes are out of scope, as the user's own tokens.
    pub(crate) fn elided(&self, ty: &Type) -> Type {
        lifetimes::elided(ty, &self.scope)
    }

    /// Tokens for a `static`, which cannot name `Self`.
    pub(crate) fn outside(&self, tokens: TokenStream) -> TokenStream {
        match self.owner() {
            Some(owner) if !owner.is_generic() => owner.instead_of_self(tokens),
            _ => tokens,
        }
    }

    /// Whether the tokens name what no `static` can: a parameter, or `Self` where that is not known.
    pub(crate) fn is_instantiated(&self, tokens: &TokenStream) -> bool {
        let is_known = !self.is_generic() || self.owner().is_some_and(|owner| !owner.is_generic());
        let owner = self.owner().map(|owner| Parameters::all(&owner.generics)).unwrap_or_default();
        let all = Parameters::all(&self.item.sig.generics);
        !is_known && owner::first_self(tokens.clone()).is_some()
            || all.names().chain(owner.names()).any(|name| generics::mentions(tokens, name))
    }
}

/// What the future yields that the function returns in a box; without companions, whose signatures it is no part of.
fn awaited(item: &Item, args: &Args) -> Option<ReturnType> {
    let is_alone = matches!(args.companion, Some((_, Companion::None))) && item.sig.asyncness.is_none();
    output::awaited(&item.sig.output).filter(|_| is_alone)
}

fn home(item: &Item, args: &Args) -> Home {
    match (&args.companion, &args.owner) {
        (Some((_, Companion::None)), owner) => {
            let body = item.body.stream();
            let sig = &item.sig;
            let is_associated = owner.is_some() || owner::first_of_impl(quote!(#sig #body)).is_some();
            if is_associated { Home::Inline } else { Home::Inside }
        }
        (_, Some(_)) => Home::Impl,
        (_, None) => Home::Beside,
    }
}
