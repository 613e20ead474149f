//! What rustdoc and an editor say of the companions.
//!
//! Each says what it does in one line, whether it computes, and when it fails. The function is linked as
//! [`load_user()`], with parentheses, since its name alone is the type's too.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Home, Model};

/// The paragraph that every companion has that asks the cache and may fail.
pub(super) const ERRORS: &str = "\
# Errors

Where the region does not exist, or its backend fails.";

/// The paragraph of those that cannot say so otherwise.
const PANICS: &str = "\
# Panics

Where the region does not exist; `cachekit::check()` finds that out at start-up.";

/// The documentation of one companion, as attributes.
pub(super) fn of(model: &Model, companion: &str) -> TokenStream {
    let function = link(model);
    let text = match companion {
        "type" => format!(
            "Companions of {function}: read, replace, renew and forget what it has returned.\n\n\
             Those that need only the key take the arguments that form it."
        ),
        "original" => format!("The body of {function}, past the cache: nothing is read and nothing is stored."),
        "get" => format!(
            "The value that the cache holds of {function}, if it holds a fresh one; never computes.\n\n{ERRORS}"
        ),
        "set" => format!(
            "Stores a value as if {function} had returned it now; a computation that runs already is not stored.\n\n{ERRORS}"
        ),
        "invalidate" => format!(
            "Forgets the value of {function}, everywhere; a computation that runs already is not stored.\n\n{ERRORS}"
        ),
        "expire" => format!(
            "Lets the next caller of {function} renew the value, while the others are served the one that is there.\n\n{ERRORS}"
        ),
        "refresh" => {
            format!("Computes {function} now, stores the value in place of the old one, and returns it.\n\n{PANICS}")
        }
        "fetch" => format!(
            "Calls {function} through the cache, and says where the value came from, how old it is and how long it is \
             fresh.\n\n{PANICS}"
        ),
        "with" => format!(
            "Calls {function} with options of this one call: compute in any case, do not store, take no old value, \
             another ttl.\n\n{PANICS}"
        ),
        "key" => format!("The key of this entry of {function}.\n\n{PANICS}"),
        "entry" => {
            format!("A handle for this entry of {function}, to read, replace, renew and forget it.\n\n{PANICS}")
        }
        other => unreachable!("no companion is called {other}"),
    };
    quote!(#[doc = #text])
}

/// Output: "[`load_user()`]".
pub(super) fn link(model: &Model) -> String {
    let ident = &model.item.sig.ident;
    let name = &model.name;
    if model.home == Home::Impl {
        return format!("[`{name}()`](Self::{ident})");
    }
    if ident == name { format!("[`{name}()`]") } else { format!("[`{name}()`](fn@{ident})") }
}
