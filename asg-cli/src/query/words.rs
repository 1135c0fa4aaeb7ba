//! The words of the output contract: `allowed`, `unique_prefix`, …

use serde::Serialize;
use serde::de::value::Error;
use serde::ser::{Error as _, Impossible, Serializer};

/// Returns the word for a value that is serialised as one word.
pub(crate) fn word(value: impl Serialize) -> &'static str {
    let word = value.serialize(Words);
    debug_assert!(word.is_ok(), "{word:?}");
    word.unwrap_or("?")
}

/// Takes the name of a variant without a copy.
struct Words;

macro_rules! no_words {
    ($($method:ident: $of:ty),* $(,)?) => {$(
        fn $method(self, _: $of) -> Result<Self::Ok, Error> {
            Err(Error::custom("not a word"))
        }
    )*};
}

macro_rules! no_compounds {
    ($($method:ident($($arg:ty),*): $of:ident),* $(,)?) => {$(
        fn $method(self, $(_: $arg),*) -> Result<Self::$of, Error> {
            Err(Error::custom("not a word"))
        }
    )*};
}

impl Serializer for Words {
    type Ok = &'static str;
    type Error = Error;
    type SerializeSeq = Impossible<Self::Ok, Error>;
    type SerializeTuple = Impossible<Self::Ok, Error>;
    type SerializeTupleStruct = Impossible<Self::Ok, Error>;
    type SerializeTupleVariant = Impossible<Self::Ok, Error>;
    type SerializeMap = Impossible<Self::Ok, Error>;
    type SerializeStruct = Impossible<Self::Ok, Error>;
    type SerializeStructVariant = Impossible<Self::Ok, Error>;

    fn serialize_unit_variant(
        self,
        _: &str,
        _: u32,
        variant: &'static str,
    ) -> Result<Self::Ok, Error> {
        Ok(variant)
    }

    no_words! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    no_compounds! {
        serialize_none(): Ok,
        serialize_unit(): Ok,
        serialize_seq(Option<usize>): SerializeSeq,
        serialize_tuple(usize): SerializeTuple,
        serialize_tuple_struct(&'static str, usize): SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize): SerializeTupleVariant,
        serialize_map(Option<usize>): SerializeMap,
        serialize_struct(&'static str, usize): SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize): SerializeStructVariant,
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Self::Ok, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Self::Ok, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Self::Ok, Error> {
        Err(Error::custom("not a word"))
    }
}
