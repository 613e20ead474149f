//! Without the feature nothing is encrypted.

use cachekit::Error;
use redis::{Client, ConnectionInfo, RedisError, RedisResult};

use super::Files;

/// How connections are encrypted: there is no way.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::redis) enum Tls {}

impl Tls {
    pub(in crate::redis) fn client(&self, _: ConnectionInfo) -> RedisResult<Client> {
        match *self {}
    }

    pub(in crate::redis) fn identity(&self) -> String {
        match *self {}
    }
}

pub(in crate::redis) fn prepare() {}

pub(in crate::redis) fn refuses(_: &RedisError) -> bool {
    false
}

pub(in crate::redis) fn by_files(_: &Files) -> Result<Tls, Error> {
    Err(Error::refused("`tls` needs the feature `tls` of `cachekit-backends`"))
}
