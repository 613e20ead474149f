//! `impl CachedFn` of the companion type, and its entry in the list of annotated functions.
//!
//! Settings live in a `static` inside a function, as a `static` cannot name `Self` and a constant would be copied. Whatever
//! the user wrote as an expression is a closure without captures, evaluated when the region is looked up.
//! What it deliberately does not do: check that the region exists, which is known when the program runs.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::{check, key};
use crate::ahead::Ahead;
use crate::args::Region;
use crate::attrs::{self, Place};
use crate::duration::Ttl;
use crate::hygiene;
use crate::model::Model;

/// Input: `region = "users", ttl = "10m"` on `fn load_user(id: u64) -> User`.
/// Output:
/// ```text
/// impl CachedFn for load_user {
///     type Value = User;
///     type ArgKey = …;
///     fn info() -> &'static FnInfo { Self::function().info() }
///     fn function() -> &'static Function<User, …> {
///         static FUNCTION: Function<User, …> = Function::stored(FnInfo::new(…).ttl(|| …));
///         &FUNCTION
///     }
/// }
/// inventory::submit! { Annotated::of::<load_user>() }
/// ```
pub(super) fn cached_fn(model: &Model) -> TokenStream {
    let Model { krate, companion, .. } = model;
    let impl_attrs = attrs::at(&model.item.attrs, Place::Impl);
    let registration_attrs = attrs::at(&model.item.attrs, Place::Registration);
    let value = check::associated_value(model);
    let argument_key = key::argument_key(model);
    let state = check::state(model, info(model));
    let no_hidden_result = check::no_hidden_result(model);
    let should_cache = model.args.should_cache.as_ref().map(|(_, accept)| {
        let pointer = check::pointer(&quote!(fn(&<#companion as #krate::CachedFn>::Value) -> bool), accept);
        quote!(.should_cache(#pointer))
    });
    let ttl_of = model.args.ttl_of.as_ref().map(|(_, ttl_of)| {
        // `Duration` or `Option<Duration>`: the runtime takes both, of a path or a closure.
        let value = hygiene::local("value");
        quote!(.ttl_of(|#value| #krate::__private::ttl_of(#value, #ttl_of)))
    });
    quote! {
        #(#impl_attrs)*
        #[automatically_derived]
        impl #krate::CachedFn for #companion {
            #value
            type ArgKey = #argument_key;

            fn info() -> &'static #krate::FnInfo {
                Self::function().info()
            }

            #[doc(hidden)]
            fn function() -> &'static #krate::__private::Function<Self::Value, Self::ArgKey> {
                #no_hidden_result
                static FUNCTION: #krate::__private::Function<
                    <#companion as #krate::CachedFn>::Value,
                    <#companion as #krate::CachedFn>::ArgKey,
                > = #state #should_cache #ttl_of;
                &FUNCTION
            }
        }

        #(#registration_attrs)*
        #krate::__private::inventory::submit! {
            #krate::__private::Annotated::of::<#companion>()
        }
    }
}

/// Output: `FnInfo::new(module_path!(), "load_user", RegionRef::Name("users"), file!(), line!()).namespace("v1")…`.
fn info(model: &Model) -> TokenStream {
    let Model { krate, args, name, .. } = model;
    let region = region(model);
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
    let refresh_ahead = args.refresh_ahead.as_ref().map(|(_, ahead)| refresh_ahead(model, ahead));
    let jitter = args.jitter.as_ref().map(|(_, fraction)| quote!(.jitter(#fraction)));
    let background = (model.is_background() && model.is_async()).then(|| quote!(.renewed_by_tasks()));
    let tagged = args.tags.as_ref().map(|_| quote!(.tagged()));
    let key_generator = args.key_generator.as_ref().map(|(_, generator)| {
        let pointer = check::pointer(&quote!(fn(&#krate::KeyContext<'_>) -> ::std::string::String), generator);
        quote!(.key_generator(#pointer))
    });
    quote! {
        #krate::__private::FnInfo::new(
            ::core::module_path!(),
            #name,
            #region,
            ::core::file!(),
            ::core::line!(),
        )
        .arguments(&[#(#names),*])
        #namespace
        #version
        #(#spans)*
        #refresh_ahead
        #background
        #jitter
        #tagged
        #key_generator
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
