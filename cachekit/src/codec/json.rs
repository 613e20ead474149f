//! JSON: larger and slower than `MessagePack`, and readable by everyone.

use super::{Codec, Read};
use crate::error::Error;

/// JSON, for values that other programs read too, or people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json;

impl Codec for Json {
    fn id(&self) -> u8 {
        2
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(value).map_err(Error::codec)
    }

    fn decode(&self, bytes: &[u8], read: &mut Read<'_>) -> Result<(), Error> {
        let mut format = serde_json::Deserializer::from_slice(bytes);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut format)).map_err(Error::codec)?;
        format.end().map_err(Error::codec)
    }
}
