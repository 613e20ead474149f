//! Values to bytes and back.
//!
//! A codec sees a value through serde, without its type, so one codec serves every function of a region.
//! What it deliberately does not do: know records. Which codec wrote a value stands in the record beside it.

#[cfg(feature = "json")]
mod json;
mod msgpack;

use std::fmt;

pub use erased_serde;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use self::json::Json;
pub use self::msgpack::MessagePack;
use crate::error::{Error, Kind};

/// Reads a value out of what a codec hands it; see [`Codec::decode`].
pub type Read<'r> = dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'r;

/// Values to bytes and back.
///
/// A backend holds more than what a codec writes: that is the end of a [record](crate::record), behind a binary envelope.
///
/// [`MessagePack`] and, with the feature `json`, [`Json`] come along. One of one's own takes a serde format:
///
/// ```
/// use cachekit::Error;
/// use cachekit::codec::{Codec, Read, erased_serde};
///
/// /// RON, say; JSON stands in for it here.
/// #[derive(Debug)]
/// struct Ron;
///
/// impl Codec for Ron {
///     fn id(&self) -> u8 {
///         64
///     }
///
///     fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, Error> {
///         serde_json::to_vec(value).map_err(Error::codec)
///     }
///
///     fn decode(&self, bytes: &[u8], read: &mut Read<'_>) -> Result<(), Error> {
///         let mut format = serde_json::Deserializer::from_slice(bytes);
///         read(&mut <dyn erased_serde::Deserializer>::erase(&mut format)).map_err(Error::codec)
///     }
/// }
///
/// let codec: &dyn Codec = &Ron;
/// let bytes = codec.to_bytes(&("ann", 5))?;
/// assert_eq!(codec.from_bytes::<(String, u8)>(&bytes)?, ("ann".to_owned(), 5));
/// # Ok::<(), cachekit::Error>(())
/// ```
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// Tells what this codec wrote from what others did: below 64 are those of cachekit, the others are free.
    fn id(&self) -> u8;

    /// The bytes of a value.
    ///
    /// # Errors
    ///
    /// If the format cannot hold the value: [`Error::codec`].
    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, Error>;

    /// Has `read` read the value of some bytes, once.
    ///
    /// # Errors
    ///
    /// If the bytes are those of no value, of one of another type, or of more than one.
    fn decode(&self, bytes: &[u8], read: &mut Read<'_>) -> Result<(), Error>;
}

impl dyn Codec {
    /// The bytes of a value.
    ///
    /// # Errors
    ///
    /// If the format cannot hold the value.
    pub fn to_bytes<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, Error> {
        self.encode(&value)
    }

    /// The value of some bytes.
    ///
    /// # Errors
    ///
    /// If they are those of no value of this type.
    pub fn from_bytes<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Error> {
        let mut value = None;
        let read = self.decode(bytes, &mut |format| {
            value = Some(erased_serde::deserialize(format)?);
            Ok(())
        });
        let wanted = std::any::type_name::<T>();
        read.map_err(|error| Error::new(Kind::Codec, format!("{error} (read as a `{wanted}`)")))?;
        value.ok_or_else(|| Error::new(Kind::Codec, format!("{self:?} read nothing: call `read` in `Codec::decode`")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Point,
        Circle { radius: f64 },
        Named(String, Option<Box<Shape>>),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Profile {
        id: u64,
        names: Vec<String>,
        shapes: BTreeMap<String, Shape>,
        #[serde(default)]
        note: Option<String>,
    }

    fn codecs() -> Vec<Box<dyn Codec>> {
        vec![
            Box::new(MessagePack),
            #[cfg(feature = "json")]
            Box::new(Json),
        ]
    }

    fn profiles() -> impl Strategy<Value = Profile> {
        let leaf = prop_oneof![Just(Shape::Point), (-1e9..1e9).prop_map(|radius| Shape::Circle { radius })];
        let shape = (leaf, ".{0,6}", any::<bool>())
            .prop_map(|(leaf, name, boxed)| if boxed { Shape::Named(name, Some(Box::new(leaf))) } else { leaf });
        let shapes = proptest::collection::btree_map(".{0,6}", shape, 0..3);
        let names = proptest::collection::vec(".{0,6}", 0..3);
        (any::<u64>(), names, shapes, proptest::option::of(".{0,6}")).prop_map(|(id, names, shapes, note)| Profile {
            id,
            names,
            shapes,
            note,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(profile in profiles()) {
            for codec in codecs() {
                let bytes = codec.to_bytes(&profile).unwrap();
                prop_assert_eq!(&codec.from_bytes::<Profile>(&bytes).unwrap(), &profile, "{:?}", codec);
                let mut more = bytes.clone();
                more.push(b'0');
                prop_assert!(codec.from_bytes::<Profile>(&more).is_err(), "{:?}: more than one value", codec);
                prop_assert!(codec.from_bytes::<Profile>(&bytes[..bytes.len() - 1]).is_err(), "{:?}: cut off", codec);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for codec in codecs() {
                let _ = codec.from_bytes::<Profile>(&bytes);
                let _ = codec.from_bytes::<Vec<u64>>(&bytes);
            }
        }
    }

    #[test]
    fn fields_are_known_by_name_so_that_a_type_may_grow() {
        #[derive(Serialize)]
        struct Older {
            names: Vec<String>,
            id: u64,
            shapes: BTreeMap<String, Shape>,
        }
        for codec in codecs() {
            let older = Older { names: vec!["ann".to_owned()], id: 5, shapes: BTreeMap::new() };
            let profile: Profile = codec.from_bytes(&codec.to_bytes(&older).unwrap()).unwrap();
            assert_eq!((profile.id, profile.note), (5, None), "{codec:?}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_an_error_that_says_so() {
        for codec in codecs() {
            let error = codec.from_bytes::<u64>(&codec.to_bytes("text").unwrap()).unwrap_err();
            assert!(error.is_codec() && error.to_string().contains("u64"), "{error}");
        }
    }
}
