//! What cachekit promises, tested through its public interface; one module per promise.
//!
//! No test sleeps. A test of a stampede holds its leader behind a [`support::Gate`] until everyone else is seen waiting.

mod support;

/// Options of the attribute: tags, renewals in the background, errors that are remembered; options of one call.
mod attribute;
/// Renewals in the background.
mod background;
/// `region.get`, `set`, `get_or_create` and their like.
mod by_hand;
/// The capacity of a region.
mod capacity;
/// Backends that misbehave.
mod chaos;
/// Single calls that are gathered into calls of many keys.
mod coalesce;
/// `get`, `set`, `invalidate`, `expire`, `refresh`, `original`, `key`, `entry`.
mod companions;
/// What those who come from dogpile.cache expect.
mod dogpile;
mod dogpile_many;
/// Pauses after a failure, and errors that are remembered.
mod failures;
/// Functions of every shape, and what is cached of what they return.
mod functions;
/// Functions with type parameters, and methods of types with parameters.
mod generics;
/// One computation per key, whoever calls and however it ends.
mod herds;
/// Key generators, prefixes, manglers.
mod key_control;
/// Equal arguments give equal keys, different ones different keys; keys and text.
mod keys;
/// Those who wait, and those who compute, have limits.
mod limits;
/// Functions of many keys.
mod many;
/// Functions of many keys whose values are renewed in the background.
mod many_background;
/// Methods of many keys, and functions of many keys with type parameters.
mod many_methods;
/// Methods, with and without `self` in the key.
mod methods;
/// Nothing that an invalidation has overtaken is stored.
mod overtaken;
/// A function that asks for its own key.
mod reentrance;
/// Declaring, finding, configuring.
mod regions;
/// What went wrong in other libraries.
mod regressions;
/// Past the ttl one caller computes and the others are served the old value.
mod staleness;
/// Groups of entries that one step invalidates.
mod tags;
/// What users' own tests need.
mod testing;
