//! The scripts: what has to be one step, on the server.

use std::fmt::Write;
use std::sync::LazyLock;

use sha1::{Digest, Sha1};

/// A script, which the server knows by its hash once it has seen it.
pub(super) struct Script {
    pub(super) text: &'static str,
    hash: LazyLock<String>,
}

impl Script {
    const fn new(text: &'static str, hash: fn() -> String) -> Self {
        Self { text, hash: LazyLock::new(hash) }
    }

    pub(super) fn hash(&self) -> &str {
        &self.hash
    }
}

fn hash(text: &str) -> String {
    Sha1::digest(text.as_bytes()).iter().fold(String::with_capacity(40), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

/// A script out of files: the functions that it calls, then itself.
macro_rules! scripts {
    ($($(#[$documentation:meta])* $name:ident: $($file:literal)+;)*) => {
        $(
            $(#[$documentation])*
            pub(super) static $name: Script = {
                const TEXT: &str = concat!($(include_str!(concat!("scripts/", $file, ".lua"))),+);
                Script::new(TEXT, || hash(TEXT))
            };
        )*
    };
}

scripts! {
    /// Stores a content, and ends the lease.
    SET: "store" "set";
    /// Stores a content where nothing is stored, else has what is stored kept longer.
    ADD: "read" "store" "add";
    /// Overwrites bytes, and ends the lease.
    PATCH: "read" "patch";
    /// Lends out a lease.
    ACQUIRE: "read" "acquire";
    /// Stores a content if a lease stands, and ends it.
    COMMIT: "read" "store" "commit";
    /// Has a lease lapse later.
    RENEW: "renew";
    /// Ends a lease.
    ABANDON: "abandon";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_the_server() {
        assert_eq!(hash("return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
