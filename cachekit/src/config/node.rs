//! A value of a configuration at its place, as serde reads it.
//!
//! It is a format of its own for three reasons: faults have the path, they do not show values, and no key is passed over
//! in silence. Where a number or a truth value is wanted, a text that is one will do, as formats without types have it.

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::fault::{Fault, Path, kind_of};

#[derive(Clone, Debug)]
pub(super) struct Node<'v> {
    pub(super) path: Path,
    pub(super) value: &'v Value,
}

impl<'v> Node<'v> {
    pub(super) fn new(path: Path, value: &'v Value) -> Self {
        Self { path, value }
    }

    pub(super) fn fault(&self, text: impl Into<String>) -> Fault {
        Fault::new(text).at(&self.path)
    }

    pub(super) fn read<T: Deserialize<'v>>(&self) -> Result<T, Fault> {
        T::deserialize(self.clone())
    }

    /// What a table holds, by its keys.
    pub(super) fn entries(&self, expected: &str) -> Result<Vec<(&'v str, Self)>, Fault> {
        match self.value {
            Value::Object(table) => {
                Ok(table.iter().map(|(key, value)| (key.as_str(), Self::new(self.path.key(key), value))).collect())
            }
            other => Err(self.fault(format!("expected {expected}, found {}", kind_of(unexpected(other))))),
        }
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(truth) => Unexpected::Bool(*truth),
        Value::Number(_) => Unexpected::Float(0.0),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

macro_rules! also_as_text {
    ($($method:ident => $visit:ident($type:ty);)*) => {$(
        fn $method<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.value.as_str().map(str::parse::<$type>) {
                Some(Ok(value)) => visitor.$visit(value).map_err(|fault: Fault| fault.at(&self.path)),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'v> Deserializer<'v> for Node<'v> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        let path = self.path.clone();
        let visited = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (.., Some(number)) => visitor.visit_f64(number),
                _ => Err(Fault::custom("the number is too large")),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(list) => {
                let mut items = Items { path: &self.path, index: 0, rest: list.iter() };
                let visited = visitor.visit_seq(&mut items);
                if visited.is_ok() && items.index < list.len() {
                    return Err(self.fault(format!("expected a list of {}, found one of {}", items.index, list.len())));
                }
                visited
            }
            Value::Object(table) => visitor.visit_map(Entries::new(&self.path, table)),
        };
        visited.map_err(|fault| fault.at(&path))
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let visited = match self.value {
            Value::String(variant) => visitor.visit_enum(BorrowedStrDeserializer::new(variant)),
            Value::Object(table) if table.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Entries::new(&self.path, table)))
            }
            other => Err(Fault::invalid_type(unexpected(other), &"a text, or a table with one key")),
        };
        visited.map_err(|fault| fault.at(&self.path))
    }

    /// Asked for what nobody reads.
    fn deserialize_ignored_any<V: Visitor<'v>>(self, _: V) -> Result<V::Value, Fault> {
        Err(self.fault("this key is not known"))
    }

    also_as_text! {
        deserialize_bool => visit_bool(bool);
        deserialize_u8 => visit_u64(u64);
        deserialize_u16 => visit_u64(u64);
        deserialize_u32 => visit_u64(u64);
        deserialize_u64 => visit_u64(u64);
        deserialize_i8 => visit_i64(i64);
        deserialize_i16 => visit_i64(i64);
        deserialize_i32 => visit_i64(i64);
        deserialize_i64 => visit_i64(i64);
        deserialize_f32 => visit_f64(f64);
        deserialize_f64 => visit_f64(f64);
    }

    forward_to_deserialize_any! {
        <V: Visitor<'v>>
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

struct Items<'p, 'v> {
    path: &'p Path,
    index: usize,
    rest: std::slice::Iter<'v, Value>,
}

impl<'v> SeqAccess<'v> for Items<'_, 'v> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let node = Node::new(self.path.index(self.index), value);
        self.index += 1;
        seed.deserialize(node).map(Some)
    }
}

struct Entries<'p, 'v> {
    path: &'p Path,
    rest: serde_json::map::Iter<'v>,
    value: Option<Node<'v>>,
}

impl<'p, 'v> Entries<'p, 'v> {
    fn new(path: &'p Path, table: &'v Map<String, Value>) -> Self {
        Self { path, rest: table.iter(), value: None }
    }
}

impl<'v> MapAccess<'v> for Entries<'_, 'v> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        let node = self.value.insert(Node::new(self.path.key(key), value));
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some).map_err(|fault: Fault| fault.at(&node.path))
    }

    fn next_value_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let node = self.value.take().expect("serde asks for a key before its value");
        let path = node.path.clone();
        seed.deserialize(node).map_err(|fault| fault.at(&path))
    }
}
