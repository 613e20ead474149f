//! The twins of the region's methods for tasks.
//!
//! In memory they are ready at once; a backend is awaited. Only those that create differ in more than the waiting.

use std::convert::Infallible;
use std::future::Future;

use super::work::Work;
use super::{Invalidation, Region, invalidation};
use crate::companion::{Storable, Value};
use crate::error::Error;
use crate::key::Key;
use crate::remote::Caller;

impl Region {
    /// As [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn get_async<T: Value + Storable>(&self, key: impl Into<Key>) -> Result<Option<T>, Error> {
        self.get_by(Caller::Task, key.into()).await
    }

    /// As [`set`](Self::set).
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub async fn set_async<T: Value + Storable>(&self, key: impl Into<Key>, value: &T) -> Result<(), Error> {
        self.set_by(Caller::Task, key.into(), value).await
    }

    /// As [`delete`](Self::delete).
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    pub async fn delete_async(&self, key: impl Into<Key>) -> Result<(), Error> {
        self.delete_by(Caller::Task, vec![key.into()]).await
    }

    /// As [`get_or_create`](Self::get_or_create). Where the future of a creation is dropped, a caller who waits creates.
    ///
    /// # Panics
    ///
    /// As [`get_or_create`](Self::get_or_create).
    pub async fn get_or_create_async<T, F>(&self, key: impl Into<Key>, create: impl FnOnce() -> F) -> T
    where
        T: Value + Storable,
        F: Future<Output = T>,
    {
        match self.try_get_or_create_async(key, || async { Ok::<T, Infallible>(create().await) }).await {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`try_get_or_create`](Self::try_get_or_create).
    ///
    /// # Errors
    ///
    /// As [`try_get_or_create`](Self::try_get_or_create).
    pub async fn try_get_or_create_async<T, E, F>(
        &self,
        key: impl Into<Key>,
        create: impl FnOnce() -> F,
    ) -> Result<T, E>
    where
        T: Value + Storable,
        F: Future<Output = Result<T, E>>,
    {
        match self.writable::<T>(&key.into()) {
            Ok(call) => {
                let work: Work<T, E, _, _, ()> = Work::new((), |()| create());
                call.run_async(Caller::Task, None, work).await.map(|served| served.value)
            }
            Err(_) => create().await,
        }
    }

    /// As [`get_many`](Self::get_many).
    ///
    /// # Errors
    ///
    /// As [`get_many`](Self::get_many).
    pub async fn get_many_async<T: Value + Storable>(
        &self,
        keys: impl IntoIterator<Item = impl Into<Key>>,
    ) -> Result<Vec<Option<T>>, Error> {
        self.get_many_by(Caller::Task, keys.into_iter().map(Into::into).collect()).await
    }

    /// As [`set_many`](Self::set_many).
    ///
    /// # Errors
    ///
    /// As [`set_many`](Self::set_many).
    pub async fn set_many_async<'v, T: Value + Storable>(
        &self,
        entries: impl IntoIterator<Item = (impl Into<Key>, &'v T)>,
    ) -> Result<(), Error> {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value.clone())).collect();
        self.set_many_by(Caller::Task, entries).await
    }

    /// As [`delete_many`](Self::delete_many).
    ///
    /// # Errors
    ///
    /// As [`delete_many`](Self::delete_many).
    pub async fn delete_many_async(&self, keys: impl IntoIterator<Item = impl Into<Key>>) -> Result<(), Error> {
        self.delete_by(Caller::Task, keys.into_iter().map(Into::into).collect()).await
    }

    /// As [`invalidate`](Self::invalidate).
    ///
    /// # Errors
    ///
    /// As [`invalidate`](Self::invalidate).
    pub async fn invalidate_async(&self, how: Invalidation) -> Result<(), Error> {
        invalidation::all(self.core(), how, Caller::Task).await
    }

    /// As [`invalidate_tag`](Self::invalidate_tag).
    ///
    /// # Errors
    ///
    /// As [`invalidate_tag`](Self::invalidate_tag).
    pub async fn invalidate_tag_async(&self, tag: impl AsRef<str>) -> Result<(), Error> {
        self.invalidate_tags_async([tag]).await
    }

    /// As [`invalidate_tags`](Self::invalidate_tags).
    ///
    /// # Errors
    ///
    /// As [`invalidate_tags`](Self::invalidate_tags).
    pub async fn invalidate_tags_async(&self, tags: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), Error> {
        let tags: Vec<String> = tags.into_iter().map(|tag| tag.as_ref().to_owned()).collect();
        invalidation::tags(self.core(), &tags, Caller::Task).await
    }
}
