//! `ttl = …` and other spans of time: text that is read while compiling, or an expression that is evaluated when the region is set up.
//!
//! The text is `humantime`'s, as in configuration files.

use std::time::Duration;

use syn::{Expr, ExprLit, Lit};

/// A span of time as written.
pub(crate) enum Ttl {
    Fixed(Duration),
    Expr(Expr),
}

pub(crate) fn ttl(value: Expr) -> syn::Result<Ttl> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => match humantime::parse_duration(&text.value()) {
            Ok(duration) => Ok(Ttl::Fixed(duration)),
            Err(reason) => Err(syn::Error::new_spanned(
                &text,
                format_args!(
                    "`{}` is no duration ({reason}): write for example \"10m\", \"1h 30s\" or \"250ms\"",
                    text.value()
                ),
            )),
        },
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Err(syn::Error::new_spanned(
            &number,
            format_args!(
                "a duration has a unit: write \"{}s\" for seconds, or an expression of type `Duration`",
                number.base10_digits()
            ),
        )),
        Expr::Lit(other) => Err(syn::Error::new_spanned(
            other,
            "expected a duration: write for example \"10m\", or an expression of type `Duration`",
        )),
        expression => Ok(Ttl::Expr(expression)),
    }
}
