//! Lazy JSON: values are kept as text until they are needed, so that an unexpected value in one
//! member does not affect the others.

use std::borrow::Cow;
use std::ops::Deref;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A string of a JSON text: borrowed, unless escapes forced a copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JsonStr<'a>(Cow<'a, str>);

impl JsonStr<'_> {
    /// Returns the text.
    ///
    /// ```
    /// use asg_core::{Content, Line, Record};
    ///
    /// let line = Line::new(
    ///     br#"{"timestamp":"1498136872.8","source":"guardian","log_level":1,
    ///         "message":"guardian.destroy.finished",
    ///         "data":{"handle":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#,
    /// );
    /// let Content::Rep(event) = Record::classify(&line).content else { panic!() };
    /// let handle = event.handle.as_ref().map(|handle| handle.as_str());
    /// assert_eq!(handle, Some("d08bb414-cdba-4381-412a-e9ecc1b7d0f4"));
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_owned(self) -> JsonStr<'static> {
        JsonStr(Cow::Owned(self.0.into_owned()))
    }

    pub(crate) const fn owned(text: String) -> JsonStr<'static> {
        JsonStr(Cow::Owned(text))
    }
}

/// The text is copied: what was escaped cannot be borrowed.
impl<'de> Deserialize<'de> for JsonStr<'_> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self(Cow::Owned(String::deserialize(d)?)))
    }
}

impl<'a> JsonStr<'a> {
    /// Returns the text with the lifetime of the line; `None` if it was escaped.
    pub(crate) const fn in_line(&self) -> Option<&'a str> {
        match &self.0 {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    pub(crate) const fn borrowed(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl Deref for JsonStr<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// An object's members, in order, unparsed.
pub(crate) struct Object<'j>(Vec<(JsonStr<'j>, &'j RawValue)>);

impl<'j> Object<'j> {
    /// Parses a whole text as an object.
    pub(crate) fn parse(text: &'j [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Makes an object of members.
    pub(crate) fn of(members: impl Iterator<Item = (&'j str, &'j RawValue)>) -> Self {
        Self(members.map(|(name, value)| (JsonStr::borrowed(name), value)).collect())
    }

    /// Returns its members, in order.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &'j RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Returns the value of the first of these keys that is present.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<&'j RawValue> {
        keys.iter().find_map(|key| self.all(key).next())
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &'j RawValue> {
        self.0.iter().filter(move |(name, _)| **name == *key).map(|(_, value)| *value)
    }

    fn values(&self, keys: &[&str]) -> impl Iterator<Item = &'j RawValue> {
        keys.iter().flat_map(|key| self.all(key))
    }

    /// Returns the usable strings under these keys.
    pub(crate) fn strings(&self, keys: &[&str]) -> impl Iterator<Item = Option<JsonStr<'j>>> {
        self.values(keys).map(|value| string(Some(value)))
    }

    /// Returns the usable string under these keys; `None` if they contradict each other.
    pub(crate) fn string(&self, keys: &[&str]) -> Option<JsonStr<'j>> {
        agreed(self.strings(keys))
    }

    /// Returns the objects under these keys.
    pub(crate) fn objects(&self, keys: &[&str]) -> impl Iterator<Item = Object<'j>> {
        self.values(keys).filter_map(|value| object(Some(value)))
    }

    /// Returns the first of these keys that holds an object.
    pub(crate) fn object(&self, keys: &[&str]) -> Option<Object<'j>> {
        self.objects(keys).next()
    }

    /// Returns the numbers under these keys, zero or more, perhaps in quotes. Redacted lines have
    /// floats.
    pub(crate) fn numbers(&self, keys: &[&str]) -> impl Iterator<Item = Option<u32>> {
        self.values(keys).map(|value| {
            let text = value.get().trim_matches('"');
            let whole = text.parse().ok();
            whole.or_else(|| {
                text.parse::<f64>()
                    .ok()
                    .filter(|n| n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(n))
                    .map(|n| n as u32)
            })
        })
    }

    /// Returns the number under these keys; `None` if they contradict each other.
    pub(crate) fn number(&self, keys: &[&str]) -> Option<u32> {
        agreed(self.numbers(keys))
    }

    /// Returns the members whose keys begin with `tag:`, without it.
    pub(crate) fn without_tag(&self) -> Self {
        let tagged = self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("tag:")?;
            Some((JsonStr::owned(name.to_owned()), *value))
        });
        Self(tagged.collect())
    }

    pub(crate) fn bool(&self, key: &str) -> Option<bool> {
        self.get(&[key])?.get().parse().ok()
    }
}

/// Returns the value that all of these have in common; `None` if they contradict each other.
pub(crate) fn agreed<T: PartialEq>(said: impl IntoIterator<Item = Option<T>>) -> Option<T> {
    let mut said = said.into_iter().flatten();
    let first = said.next()?;
    said.all(|other| other == first).then_some(first)
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((JsonStr(member.0.0), member.1));
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A `Cow` that borrows: serde's own always copies inside an `Option` or a tuple.
#[derive(Deserialize)]
struct Key<'j>(#[serde(borrow)] Cow<'j, str>);

/// Returns a string that can name something: not empty, not redacted, and not cut by lager's limit
/// on strings.
pub(crate) fn string(value: Option<&RawValue>) -> Option<JsonStr<'_>> {
    let text = value?.get();
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let text = if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        Cow::Borrowed(inside)
    } else {
        Cow::Owned(serde_json::from_str(text).ok()?)
    };
    is_usable(&text).then_some(JsonStr(text))
}

pub(crate) fn is_usable(text: &str) -> bool {
    !text.is_empty() && text != "*REDACTED*" && !text.ends_with("-(truncated)")
}

pub(crate) fn object(value: Option<&RawValue>) -> Option<Object<'_>> {
    let text = value?.get();
    if text.starts_with('{') { serde_json::from_str(text).ok() } else { None }
}
