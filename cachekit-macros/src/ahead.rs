//! `refresh_ahead = …`: a fraction of the ttl, `"xfetch"`, or an expression that is evaluated when the region is set up.

use syn::{Expr, ExprLit, ExprUnary, Lit};

/// When to renew ahead, as written.
pub(crate) enum Ahead {
    XFetch,
    /// Of type `f64` or `RefreshAhead`.
    Expr(Expr),
}

pub(crate) fn ahead(value: Expr) -> syn::Result<Ahead> {
    const EXPECTED: &str =
        "expected a fraction between 0 and 1, or \"xfetch\": write for example `refresh_ahead = 0.9`";
    let is_fraction = |number: f64| number > 0.0 && number < 1.0;
    match &value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value() == "xfetch" => Ok(Ahead::XFetch),
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) if number.base10_parse().is_ok_and(is_fraction) => {
            Ok(Ahead::Expr(value))
        }
        Expr::Unary(ExprUnary { expr, .. }) if matches!(**expr, Expr::Lit(_)) => {
            Err(syn::Error::new_spanned(value, EXPECTED))
        }
        Expr::Lit(_) => Err(syn::Error::new_spanned(value, EXPECTED)),
        _ => Ok(Ahead::Expr(value)),
    }
}
