//! The name of a container, and its beginning.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::digits::{FULL, HANDLE, digits};
use super::{Guid, GuidPrefix, ProcessGuid};
use crate::error::Error;
use crate::words::from_str;

/// The full name that Garden gives a container.
///
/// | what runs | form |
/// |---|---|
/// | LRP, Diego since 1.15 (2017-04) | the first 28 characters of the instance GUID |
/// | LRP, Diego 0.1470 to 1.14, and 2015 | the instance GUID, 36 characters |
/// | LRP, Diego 0.1022 to 0.1468 | `<process GUID>-<instance GUID>`, 110 characters |
/// | task, staging | the task's or build's GUID, 36 characters |
/// | staging before 2016-09 | `<app GUID>-<32 digits>` |
/// | Garden's health check | `check-<GUID>` |
///
/// Any other name without blanks is legal too: Garden does not enforce a form.
///
/// ```
/// use asg_core::guid::Handle;
///
/// let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
/// assert_eq!(handle.to_string(), "bfce786c-ab07-40ad-79f9-8f21");
/// assert_eq!(handle.guid().unwrap().len(), 28);
/// assert!(Handle::parse(b"check-3f0d2b1c-8a77-4e21-5b6d-0c1d2e3f4a5b").unwrap().guid().is_none());
/// assert!(Handle::parse(b"two words").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(Repr);

/// A GUID-shaped handle is stored as a number, without an allocation; nearly every handle is one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Guid(GuidPrefix),
    Text(Box<str>),
}

impl Handle {
    /// Parses a handle: a name of any shape.
    ///
    /// # Errors
    ///
    /// If the text is empty, is not UTF-8, or has blanks or control characters in it.
    ///
    /// ```
    /// use asg_core::guid::Handle;
    /// let handle = Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4")?;
    /// assert_eq!(handle.to_string().parse(), Ok(handle));
    /// assert!(Handle::parse(b"").is_err());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        if let Ok(guid) = GuidPrefix::parse(text)
            && guid.len() >= HANDLE
        {
            return Ok(Self(Repr::Guid(guid)));
        }
        name(text).map(|text| Self(Repr::Text(text.into())))
    }

    /// Returns the GUID, or 28-character piece of one, that this handle is, if it is one.
    ///
    /// ```
    /// use asg_core::guid::Handle;
    /// let handle = Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap();
    /// assert_eq!(handle.guid().unwrap().to_string(), "d08bb414-cdba-4381-412a-e9ecc1b7d0f4");
    /// ```
    #[must_use]
    pub const fn guid(&self) -> Option<GuidPrefix> {
        match &self.0 {
            Repr::Guid(guid) => Some(*guid),
            Repr::Text(_) => None,
        }
    }

    /// Returns the GUID that the handle *begins* with: its own, or the app GUID in front of the old
    /// `<process GUID>-<instance GUID>` and `<app GUID>-<digits>` handles.
    ///
    /// ```
    /// # use asg_core::guid::Handle;
    /// let old = "46ab3511-e11c-45cd-9f3e-a20ad836a9e4-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f\
    ///            -a85d5b3b-ccef-47ca-5ee1-3620b3a349d9";
    /// let lead = Handle::parse(old.as_bytes()).unwrap().leading_guid().unwrap();
    /// assert_eq!(lead.to_string(), "46ab3511-e11c-45cd-9f3e-a20ad836a9e4");
    /// ```
    #[must_use]
    pub fn leading_guid(&self) -> Option<GuidPrefix> {
        match &self.0 {
            Repr::Guid(guid) => Some(*guid),
            Repr::Text(text) => {
                let (bits, read) = digits(text.as_bytes());
                (read == FULL).then(|| Guid(bits).into())
            }
        }
    }

    /// Returns the process GUID inside an old 110-character handle.
    ///
    /// ```
    /// use asg_core::guid::Handle;
    /// let handle = Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap();
    /// assert!(handle.embedded_process().is_none(), "only old releases put it there");
    /// ```
    #[must_use]
    pub fn embedded_process(&self) -> Option<ProcessGuid> {
        match &self.0 {
            Repr::Text(text) if text.len() == 110 => {
                ProcessGuid::parse(text.as_bytes().get(..73)?).ok()
            }
            _ => None,
        }
    }

    /// Returns the number of characters.
    ///
    /// ```
    /// use asg_core::guid::Handle;
    /// assert_eq!(Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap().len(), 28);
    /// ```
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a handle is never empty")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Guid(guid) => guid.len(),
            Repr::Text(text) => text.len(),
        }
    }
}

impl From<GuidPrefix> for Handle {
    /// Creates the handle with these characters of a GUID.
    fn from(guid: GuidPrefix) -> Self {
        Self(if guid.len() >= HANDLE {
            Repr::Guid(guid)
        } else {
            Repr::Text(guid.to_string().into())
        })
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Guid(guid) => guid.fmt(f),
            Repr::Text(text) => f.pad(text),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({self})")
    }
}

/// The leading characters of a handle, or of an app GUID, that fit into a log prefix. Borrowed from
/// the line.
///
/// ```
/// use asg_core::guid::{Handle, HandlePrefix};
///
/// let seen = HandlePrefix::parse(b"d08bb414-cdba-4381-412a-e9ecc").unwrap();
/// assert!(seen.matches(&Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap()));
/// assert!(!seen.matches(&Handle::parse(b"d08bb414-cdba-4381-412a-e9ec").unwrap()), "shorter than what was seen");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandlePrefix<'a>(&'a [u8]);

#[expect(clippy::len_without_is_empty, reason = "a prefix has at least one character")]
impl<'a> HandlePrefix<'a> {
    /// Parses any text that could begin a handle.
    ///
    /// # Errors
    ///
    /// If it is empty, is not UTF-8, or contains blanks or control characters.
    ///
    /// ```
    /// use asg_core::guid::HandlePrefix;
    /// assert!(HandlePrefix::parse(b"d08bb414-cdba-4381-412a-e9ecc").is_ok());
    /// assert!(HandlePrefix::parse(b"two words").is_err());
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        name(text).map(|text| Self(text.as_bytes()))
    }

    /// Takes a text that was already found to be ASCII without blanks.
    pub(crate) const fn of_ascii(text: &'a [u8]) -> Self {
        debug_assert!(text.is_ascii() && !text.is_empty());
        Self(text)
    }

    /// Returns the characters.
    ///
    /// ```
    /// use asg_core::guid::HandlePrefix;
    /// assert_eq!(HandlePrefix::parse(b"d08bb414-cdba").unwrap().as_str(), "d08bb414-cdba");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        // It was UTF-8 when this was made. Skipping the check would need unsafe code.
        match std::str::from_utf8(self.0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }

    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the number of characters.
    ///
    /// ```
    /// use asg_core::guid::HandlePrefix;
    /// assert_eq!(HandlePrefix::parse(b"d08bb414-cdba").unwrap().len(), 13);
    /// ```
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Returns the GUID prefix, if the text is GUID-shaped.
    ///
    /// ```
    /// use asg_core::guid::HandlePrefix;
    /// let guid = HandlePrefix::parse(b"d08bb414-cdba").unwrap().guid().unwrap();
    /// assert_eq!(guid.to_string(), "d08bb414-cdba");
    /// ```
    #[must_use]
    pub fn guid(self) -> Option<GuidPrefix> {
        GuidPrefix::parse(self.0).ok()
    }

    /// Returns whether `handle` begins with these characters.
    ///
    /// ```
    /// use asg_core::guid::{Handle, HandlePrefix};
    /// let handle = Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap();
    /// assert!(HandlePrefix::parse(b"d08bb414-cdba-4381-412a-e9ecc").unwrap().matches(&handle));
    /// assert!(!HandlePrefix::parse(b"d08bb414-cdbb").unwrap().matches(&handle));
    /// ```
    #[must_use]
    pub fn matches(self, handle: &Handle) -> bool {
        match (&handle.0, self.guid()) {
            (Repr::Guid(guid), Some(seen)) => seen.starts(*guid),
            (Repr::Guid(_), None) => false,
            (Repr::Text(text), _) => text.as_bytes().starts_with(self.0),
        }
    }
}

impl fmt::Debug for HandlePrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlePrefix({self})")
    }
}

impl fmt::Display for HandlePrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

from_str!(Handle);

impl Serialize for Handle {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Handle {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let fail = |e| serde::de::Error::custom(format_args!("not a container handle: {e}"));
        Self::parse(text.as_bytes()).map_err(fail)
    }
}

impl Serialize for HandlePrefix<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// Checks that a text could be a container's name.
fn name(text: &[u8]) -> Result<&str, Error> {
    const WHAT: &str = "a name without blanks and control characters";
    let name = std::str::from_utf8(text).map_err(|e| Error::expected(e.valid_up_to(), WHAT))?;
    match name.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control()) {
        Some((at, _)) => Err(Error::expected(at, WHAT)),
        None if name.is_empty() => Err(Error::cut(0, WHAT)),
        None => Ok(name),
    }
}
