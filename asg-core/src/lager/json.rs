//! JSON at arm's length: values are kept as their text until someone asks for them, so that a surprise in one member does
//! not cost the others.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A string of a JSON text: borrowed, unless escapes forced a copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JsonStr<'a>(Cow<'a, str>);

impl JsonStr<'_> {
    /// The text, with the life of the line if it is borrowed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_owned(self) -> JsonStr<'static> {
        JsonStr(Cow::Owned(self.0.into_owned()))
    }

    pub(super) const fn owned(text: String) -> JsonStr<'static> {
        JsonStr(Cow::Owned(text))
    }
}

impl Deref for JsonStr<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Texts that every line about a container has in one of its keys: `guid`, `Guid`, `process-guid`; `handle`, `ContainerHandle`.
pub(super) static NEEDLES: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [Finder::new(b"uid"), Finder::new(b"andle")]);

/// An object's members, in order, unread.
pub(super) struct Object<'j>(Vec<(JsonStr<'j>, &'j RawValue)>);

impl<'j> Object<'j> {
    /// The value of the first of these keys that is there.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&'j RawValue> {
        keys.iter().find_map(|key| {
            self.0.iter().find(|(name, _)| **name == **key).map(|(_, value)| *value)
        })
    }

    /// The first of these keys that holds a usable string.
    pub(super) fn string(&self, keys: &[&str]) -> Option<JsonStr<'j>> {
        keys.iter().find_map(|key| string(self.get(&[key])))
    }

    /// The first of these keys that holds an object.
    pub(super) fn object(&self, keys: &[&str]) -> Option<Object<'j>> {
        keys.iter().find_map(|key| object(self.get(&[key])))
    }

    /// The first of these keys that holds a number that is no less than zero, or one in quotes. Redacted lines have floats.
    pub(super) fn number(&self, keys: &[&str]) -> Option<u32> {
        let text = self.get(keys)?.get().trim_matches('"');
        let whole = text.parse().ok();
        whole.or_else(|| {
            text.parse::<f64>()
                .ok()
                .filter(|n| n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(n))
                .map(|n| n as u32)
        })
    }

    pub(super) fn bool(&self, key: &str) -> Option<bool> {
        self.get(&[key])?.get().parse().ok()
    }
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

/// A string that can name something: not empty, not redacted, and not cut by lager's limit on strings.
pub(super) fn string(value: Option<&RawValue>) -> Option<JsonStr<'_>> {
    let text = value?.get();
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let text = if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        Cow::Borrowed(inside)
    } else {
        Cow::Owned(serde_json::from_str(text).ok()?)
    };
    let usable = !text.is_empty() && text != "*REDACTED*" && !text.ends_with("-(truncated)");
    usable.then_some(JsonStr(text))
}

pub(super) fn object(value: Option<&RawValue>) -> Option<Object<'_>> {
    let text = value?.get();
    if text.starts_with('{') { serde_json::from_str(text).ok() } else { None }
}
