//! Observing or altering what passes between a region and its backend.

use std::fmt;
use std::sync::Arc;

use super::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};

/// Writes each operation once: as a method of [`Proxy`] that forwards, and for what a proxy and its backend are together.
macro_rules! operations {
    ($(
        $(#[$documentation:meta])*
        fn $name:ident<$life:lifetime>($($argument:ident: $type:ty),*) -> $output:ty;
    )*) => {
        /// Stands between a region and its backend, to observe or alter what passes.
        ///
        /// Each method is handed the backend behind it, `next`, and as provided asks that: a proxy writes only the methods it is
        /// about. It serves threads and tasks alike.
        ///
        /// What it alters it alters both ways: in `set` and `commit`, and on the way back in `get`, and in `acquire`, where that
        /// hands out what is [stored](Acquired::Stored); and likewise in the `_many` form of each. Of a record it alters the value only, by
        /// [`Record::map`](crate::Record::map), since backends mark expired records in place, and tell records apart by
        /// their first bytes; of what it cannot read it hands on what it got.
        ///
        /// ```
        /// use std::sync::Arc;
        /// use std::sync::atomic::{AtomicU64, Ordering};
        /// use cachekit::{Proxy, Region};
        /// use cachekit::backend::{Answer, Backend, Content, Context};
        ///
        /// #[derive(Debug, Default)]
        /// struct Reads(AtomicU64);
        ///
        /// impl Proxy for Reads {
        ///     fn get_many<'a>(
        ///         &'a self, next: &'a dyn Backend, keys: &'a [&'a str], context: Context,
        ///     ) -> Answer<'a, Vec<Option<Content>>> {
        ///         self.0.fetch_add(1, Ordering::Relaxed);
        ///         next.get_many(keys, context)
        ///     }
        /// }
        ///
        /// # fn region(backend: Arc<dyn Backend>) -> Result<Region, cachekit::Error> {
        /// Region::builder("observed").backend(backend).wrap(Reads::default()).build()
        /// # }
        /// ```
        pub trait Proxy: fmt::Debug + Send + Sync + 'static {
            /// See [`Backend::is_blocking`].
            fn is_blocking(&self, next: &dyn Backend) -> bool {
                next.is_blocking()
            }

            /// See [`Backend::keeps_live`].
            fn keeps_live(&self, next: &dyn Backend) -> bool {
                next.keeps_live()
            }

            /// See [`Backend::has_leases`].
            fn has_leases(&self, next: &dyn Backend) -> bool {
                next.has_leases()
            }

            /// See [`Backend::session`].
            fn session(&self, next: &dyn Backend) -> Option<u64> {
                next.session()
            }

            $(
                $(#[$documentation])*
                fn $name<$life>(&$life self, next: &$life dyn Backend, $($argument: $type),*) -> Answer<$life, $output> {
                    next.$name($($argument),*)
                }
            )*
        }

        impl<P: Proxy> Backend for Wrapped<P> {
            fn is_blocking(&self) -> bool {
                self.proxy.is_blocking(&*self.next)
            }

            fn keeps_live(&self) -> bool {
                self.proxy.keeps_live(&*self.next)
            }

            fn has_leases(&self) -> bool {
                self.proxy.has_leases(&*self.next)
            }

            fn session(&self) -> Option<u64> {
                self.proxy.session(&*self.next)
            }

            $(
                fn $name<$life>(&$life self, $($argument: $type),*) -> Answer<$life, $output> {
                    self.proxy.$name(&*self.next, $($argument),*)
                }
            )*
        }
    };
}

operations! {
    /// See [`Backend::get`]. A region reads by [`get_many`](Self::get_many).
    fn get<'a>(key: &'a str, context: Context) -> Option<Content>;
    /// See [`Backend::set`].
    fn set<'a>(put: Put<'a>, context: Context) -> ();
    /// See [`Backend::delete`].
    fn delete<'a>(key: &'a str, context: Context) -> ();
    /// See [`Backend::get_many`].
    fn get_many<'a>(keys: &'a [&'a str], context: Context) -> Vec<Option<Content>>;
    /// See [`Backend::set_many`].
    fn set_many<'a>(puts: &'a [Put<'a>], context: Context) -> ();
    /// See [`Backend::delete_many`].
    fn delete_many<'a>(keys: &'a [&'a str], context: Context) -> ();
    /// See [`Backend::add`].
    fn add<'a>(put: Put<'a>, context: Context) -> Content;
    /// See [`Backend::patch`].
    fn patch<'a>(key: &'a str, patch: Patch, context: Context) -> bool;
    /// See [`Backend::acquire`].
    fn acquire<'a>(key: &'a str, lease: Lease, claim: Claim<'a>, context: Context) -> Acquired;
    /// See [`Backend::commit`].
    fn commit<'a>(put: Put<'a>, token: Token, context: Context) -> bool;
    /// See [`Backend::renew`].
    fn renew<'a>(key: &'a str, lease: Lease, context: Context) -> bool;
    /// See [`Backend::abandon`].
    fn abandon<'a>(key: &'a str, token: Token, context: Context) -> ();
    /// See [`Backend::add_many`].
    fn add_many<'a>(puts: &'a [Put<'a>], context: Context) -> Vec<Content>;
    /// See [`Backend::acquire_many`].
    fn acquire_many<'a>(leases: &'a [(&'a str, Lease, Claim<'a>)], context: Context) -> Vec<Acquired>;
    /// See [`Backend::commit_many`].
    fn commit_many<'a>(puts: &'a [(Put<'a>, Token)], context: Context) -> Vec<bool>;
    /// See [`Backend::abandon_many`].
    fn abandon_many<'a>(leases: &'a [(&'a str, Token)], context: Context) -> ();
    /// See [`Backend::ping`].
    fn ping<'a>(context: Context) -> ();
}

/// A backend with a proxy before it.
#[derive(Debug)]
struct Wrapped<P> {
    proxy: Arc<P>,
    next: Arc<dyn Backend>,
}

/// The backend, with the proxy before it.
pub(crate) fn wrap<P: Proxy>(next: Arc<dyn Backend>, proxy: &Arc<P>) -> Arc<dyn Backend> {
    Arc::new(Wrapped { proxy: Arc::clone(proxy), next })
}
