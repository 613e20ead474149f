//! MessagePack, with the names of fields, so that a type may gain fields that have a default, and lose some.

use std::io::Cursor;

use super::{Codec, Read};
use crate::error::Error;

/// MessagePack with the names of fields: compact, binary, the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessagePack;

impl Codec for MessagePack {
    fn id(&self) -> u8 {
        1
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, Error> {
        rmp_serde::to_vec_named(value).map_err(Error::codec)
    }

    fn decode(&self, bytes: &[u8], read: &mut Read<'_>) -> Result<(), Error> {
        let mut format = rmp_serde::Deserializer::new(Cursor::new(bytes));
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut format)).map_err(Error::codec)?;
        let read = usize::try_from(format.get_ref().position()).unwrap_or(usize::MAX);
        if read < bytes.len() {
            return Err(Error::codec(format_args!("{} bytes are left after the value", bytes.len() - read)));
        }
        Ok(())
    }
}
