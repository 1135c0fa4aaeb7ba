//! Pieces of a line: bytes that are nearly always UTF-8.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// A piece of a log line. Logs are bytes: a prefix or an interface name may contain any of them, so
/// nothing is assumed.
///
/// It displays, and serialises, as text in which bytes that are not UTF-8 are replaced by U+FFFD;
/// [`Text::as_bytes`] gives them as they are.
///
/// ```
/// use asg_core::bytes::Text;
///
/// let name = Text::new(b"wlan-\xff");
/// assert_eq!(name.as_str(), None);
/// assert_eq!(name.to_string(), "wlan-\u{fffd}");
/// assert_eq!(name, b"wlan-\xff"[..]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Takes any bytes.
    ///
    /// ```
    /// use asg_core::bytes::Text;
    /// assert_eq!(Text::new(b"eth0"), *"eth0");
    /// ```
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    ///
    /// ```
    /// use asg_core::bytes::Text;
    /// assert_eq!(Text::new(b"eth\xff").as_bytes(), b"eth\xff");
    /// ```
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the text, if it is UTF-8.
    ///
    /// ```
    /// use asg_core::bytes::Text;
    /// assert_eq!(Text::new(b"eth0").as_str(), Some("eth0"));
    /// assert_eq!(Text::new(b"eth\xff").as_str(), None);
    /// ```
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// Returns the text, with bytes that are not UTF-8 replaced by U+FFFD.
    ///
    /// ```
    /// use asg_core::bytes::Text;
    /// assert_eq!(Text::new(b"eth\xff").to_str_lossy(), "eth\u{fffd}");
    /// ```
    #[must_use]
    pub fn to_str_lossy(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// Returns whether the text is empty: `IN=` and `MAC=` may be.
    ///
    /// ```
    /// use asg_core::bytes::Text;
    /// assert!(Text::new(b"").is_empty() && !Text::new(b"eth0").is_empty());
    /// ```
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<[u8]> for Text<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.0 == other
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_str_lossy())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.to_str_lossy())
    }
}
