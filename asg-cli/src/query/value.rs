//! The values of rows, and their types.

use std::borrow::Cow;
use std::fmt::{self, Display};

use arrow_schema::{DataType, TimeUnit};
use asg_core::Timestamp;
use asg_core::bytes::Text;
use asg_core::packet::{Address, MacAddr};

/// A value of a row.
pub enum Value<'r> {
    /// No value.
    Null,
    /// Text as printed in a line; not always UTF-8.
    Raw(&'r [u8]),
    /// Text.
    Text(Cow<'r, str>),
    /// A word of the output contract.
    Word(&'static str),
    /// Text that is formatted into its destination without a copy.
    Shown(&'r dyn Display),
    /// An IP address.
    Address(Address),
    /// A link address.
    Mac(MacAddr),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A time.
    Time(Timestamp),
    /// Seconds, in thousandths.
    Millis(i64),
    /// Bytes.
    Bytes(&'r [u8]),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers of 32 bits.
    Int,
    /// Whole numbers of 64 bits.
    Long,
    /// Truth values.
    Bool,
    /// Times in UTC, in microseconds.
    Time,
    /// Seconds with three decimals.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Kind {
    /// Returns the Arrow type.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Seconds => DataType::Float64,
            Self::Bytes => DataType::Binary,
        }
    }

    /// Returns the type as Arrow's users call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int32",
            Self::Long => "int64",
            Self::Bool => "bool",
            Self::Time => "timestamp[us, tz=UTC]",
            Self::Seconds => "double",
            Self::Bytes => "binary",
        }
    }
}

impl<'r, T: Into<Value<'r>>> From<Option<T>> for Value<'r> {
    #[inline]
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

macro_rules! value_from {
    ($($of:ty => |$x:ident| $value:expr),* $(,)?) => {$(
        impl<'r> From<$of> for Value<'r> {
            #[inline]
            fn from($x: $of) -> Self { $value }
        }
    )*};
}

value_from! {
    Cow<'r, str> => |text| Value::Text(text),
    &'static str => |word| Value::Word(word),
    Text<'r> => |text| Value::Raw(text.as_bytes()),
    &'r dyn Display => |shown| Value::Shown(shown),
    Address => |address| if address == Address::Blank { Value::Word("") } else { Value::Address(address) },
    MacAddr => |mac| Value::Mac(mac),
    bool => |flag| Value::Bool(flag),
    u8 => |n| Value::Int(n.into()),
    u16 => |n| Value::Int(n.into()),
    u32 => |n| Value::Int(n.into()),
    u64 => |n| Value::Int(i64::try_from(n).unwrap_or(i64::MAX)),
    usize => |n| Value::Int(i64::try_from(n).unwrap_or(i64::MAX)),
    Timestamp => |time| Value::Time(time),
    &'r [u8] => |bytes| Value::Bytes(bytes),
}

impl Value<'_> {
    /// Writes the value as text; nothing for bytes.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn write_text(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Raw(raw) => out.write_str(&String::from_utf8_lossy(raw)),
            Self::Text(text) => out.write_str(text),
            Self::Word(text) => out.write_str(text),
            Self::Shown(shown) => write!(out, "{shown}"),
            Self::Address(address) => write!(out, "{address}"),
            Self::Mac(mac) => write!(out, "{mac}"),
            Self::Int(n) => write!(out, "{n}"),
            Self::Bool(flag) => write!(out, "{flag}"),
            Self::Time(time) => write!(out, "{time}"),
            Self::Millis(n) if n % 1_000 == 0 => write!(out, "{}", n / 1_000),
            Self::Millis(n) => {
                let text = format!("{}.{:03}", n / 1_000, n % 1_000);
                out.write_str(text.trim_end_matches('0'))
            }
            Self::Null | Self::Bytes(_) => Ok(()),
        }
    }

    /// Returns the value as people read it, if there is one.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            value => {
                let mut text = String::new();
                let _ = value.write_text(&mut text);
                Some(text)
            }
        }
    }
}
