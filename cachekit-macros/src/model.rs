//! What the user asked for: the function and its options, resolved against each other.
//!
//! Expansion reads this and nothing else. Options that contradict each other are resolved somehow, since `validate` has
//! reported them and the expansion only has to keep other messages away.
//! What it deliberately does not do: report.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Expr, FnArg, Ident, Signature, Token, Type};

use crate::args::{Args, Companion};
use crate::argument::{self, Argument};
use crate::hygiene;
use crate::item::Item;
use crate::lifetimes;
use crate::mention;
use crate::output::Output;
use crate::owning::Owning;
use crate::tag::Tag;

pub(crate) struct Model {
    pub(crate) item: Item,
    pub(crate) args: Args,
    /// The path of the runtime crate.
    pub(crate) krate: TokenStream,
    /// The name of the function as text, without `r#`.
    pub(crate) name: String,
    /// The companion type.
    pub(crate) companion: Ident,
    /// Whether the companion type stands beside the function, or is hidden in it.
    pub(crate) is_shown: bool,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Output,
}

impl Model {
    pub(crate) fn new(item: Item, args: Args) -> Self {
        let krate = args.krate.as_ref().map_or_else(|| quote!(::cachekit), |(_, path)| hygiene::repeated(path));
        let ident = &item.sig.ident;
        let (companion, is_shown) = match &args.companion {
            Some((_, Companion::Named(name))) => (name.clone(), true),
            Some((_, Companion::None)) => (Ident::new("CachekitCompanion", ident.span()), false),
            None => (ident.clone(), true),
        };
        let result = args.result.as_ref().map(|(_, result)| *result);
        Self {
            krate,
            name: ident.unraw().to_string(),
            companion: hygiene::repeated_ident(&companion),
            is_shown,
            arguments: argument::arguments(&item.sig),
            output: Output::new(&item.sig.output, result, &item.sig.generics),
            item,
            args,
        }
    }

    pub(crate) fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some()
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
        let generics = &self.item.sig.generics;
        if !self.is_background() || lifetimes::first_borrow(&self.output.ty, generics).is_some() {
            return None;
        }
        self.arguments.iter().map(|argument| Owning::of(&argument.ty, generics).ok()).collect()
    }

    /// The state of the function.
    pub(crate) fn function(&self) -> TokenStream {
        let Self { krate, companion, .. } = self;
        quote!(#krate::__private::Of::<#companion>::THIS)
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
        for (input, argument) in sig.inputs.iter_mut().zip(&self.arguments) {
            if let FnArg::Typed(typed) = input {
                let name = &argument.name;
                typed.attrs.clear();
                *typed.pat = syn::parse_quote!(#name);
            }
        }
        sig
    }

    /// An argument's type where the function's lifetimes are out of scope, as the user's own tokens.
    pub(crate) fn elided(&self, argument: &Argument) -> Type {
        lifetimes::elided(&argument.ty, &self.item.sig.generics)
    }
}
