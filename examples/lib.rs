//! The programs of this package are its examples; `docs/recipes.md` tells what each is for.

/// The page of recipes, for its examples to be run.
#[cfg(doctest)]
#[doc = include_str!("../docs/recipes.md")]
mod recipes {}

/// The page for those who come from elsewhere, likewise.
#[cfg(doctest)]
#[doc = include_str!("../docs/migrating.md")]
mod migrating {}
