//! What the attribute says of a function, as the runtime's description of it.
//!
//! Whatever the user wrote as an expression is a closure without captures, evaluated when the region is looked up.
//! What it deliberately does not do: check that the region exists, which is known when the program runs.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::check;
use crate::ahead::Ahead;
use crate::args::Region;
use crate::duration::Ttl;
use crate::hygiene;
use crate::model::Model;

/// Output: `FnInfo::new(module_path!(), "load_user", RegionRef::Name("users"), file!(), line!()).namespace("v1")…`.
pub(super) fn info(model: &Model) -> TokenStream {
    of_settings(model, &|_| true)
}

/// The same without the settings that name a parameter, which each instantiation has for itself.
pub(super) fn of_all_instantiations(model: &Model) -> TokenStream {
    of_settings(model, &|setting| !model.is_instantiated(setting))
}

fn of_settings(model: &Model, is_said: &dyn Fn(&TokenStream) -> bool) -> TokenStream {
    let Model { krate, args, .. } = model;
    let place = place(model);
    let names = model.key_names();
    let namespace = args.namespace.as_ref().map(|(_, namespace)| quote!(.namespace(#namespace)));
    let version = args.version.as_ref().map(|(_, version)| quote!(.version(#version)));
    let spans = [
        ("ttl", &args.ttl),
        ("stale_while_revalidate", &args.stale_while_revalidate),
        ("stale_if_error", &args.stale_if_error),
        ("error_ttl", &args.error_ttl),
        ("wait_timeout", &args.wait_timeout),
        ("deadline", &args.deadline),
    ];
    let spans = spans.into_iter().filter_map(|(name, span)| Some(duration_method(name, &span.as_ref()?.1)));
    let spans = spans.filter(is_said);
    let refresh_ahead = args.refresh_ahead.as_ref().map(|(_, ahead)| refresh_ahead(model, ahead)).filter(is_said);
    let jitter = args.jitter.as_ref().map(|(_, fraction)| quote!(.jitter(#fraction)));
    let background = (model.is_background() && model.is_async()).then(|| quote!(.renewed_by_tasks()));
    let tagged = args.tags.as_ref().map(|_| quote!(.tagged()));
    let never_fails = args.stale_if_error.as_ref().filter(|_| !model.output.is_result).map(|_| quote!(.never_fails()));
    let key_generator = args.key_generator.as_ref().map(|(_, generator)| {
        let pointer = check::pointer(&quote!(fn(&#krate::KeyContext<'_>) -> ::std::string::String), generator);
        quote!(.key_generator(#pointer))
    });
    let unkeyed = model.unkeyed().map(|why| quote!(.unkeyed(#krate::__private::Unkeyed::#why)));
    quote! {
        #place
        .arguments(&[#(#names),*])
        #namespace
        #version
        #(#spans)*
        #refresh_ahead
        #background
        #jitter
        #tagged
        #never_fails
        #key_generator
        #unkeyed
    }
}

/// Output: `FnInfo::new(module_path!(), "load_user", RegionRef::Name("users"), file!(), line!())`.
pub(super) fn place(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let (name, region) = (model.key_name(), region(model));
    quote! {
        #krate::__private::FnInfo::new(
            ::core::module_path!(),
            #name,
            #region,
            ::core::file!(),
            ::core::line!(),
        )
    }
}

fn region(model: &Model) -> TokenStream {
    let krate = &model.krate;
    match &model.args.region {
        Some((_, Region::Name(name))) => quote!(#krate::__private::RegionRef::Name(#name)),
        Some((_, Region::Path(path))) => {
            // A reference to the static becomes one to the region here, so this is where another type is found out.
            let reference = quote_spanned!(path.span()=> &#path);
            quote!(#krate::__private::RegionRef::Path(|| -> &'static #krate::Region { #reference }))
        }
        // Reported; any name keeps the rest compiling.
        None => quote!(#krate::__private::RegionRef::Name("")),
    }
}

/// Input: `"10m"` or an expression. Output: `.ttl(|| Duration::new(600, 0))` or `.ttl(|| expression)`.
fn duration_method(name: &str, span: &Ttl) -> TokenStream {
    let (method, duration) = (format_ident!("{name}"), duration(span));
    quote!(.#method(|| #duration))
}

/// Input: `"10m"` or an expression. Output: `Duration::new(600, 0)` or the expression.
pub(super) fn duration(span: &Ttl) -> TokenStream {
    match span {
        Ttl::Fixed(duration) => {
            let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
            quote!(::core::time::Duration::new(#seconds, #nanoseconds))
        }
        Ttl::Expr(expression) => quote!(#expression),
    }
}

/// Input: `0.9`, `"xfetch"` or an expression. Output: `.refresh_ahead(|| RefreshAhead::from(0.9))`.
fn refresh_ahead(model: &Model, ahead: &Ahead) -> TokenStream {
    let krate = &model.krate;
    match ahead {
        Ahead::XFetch => quote!(.refresh_ahead(|| #krate::RefreshAhead::XFetch(1.0))),
        Ahead::Expr(expression) => {
            // In the place of the expression, which may be of another type.
            let from = quote!(<#krate::RefreshAhead as ::core::convert::From<_>>::from);
            let from = hygiene::repeated(hygiene::in_place_of(&from, expression));
            quote!(.refresh_ahead(|| #from(#expression)))
        }
    }
}
