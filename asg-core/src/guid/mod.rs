//! GUIDs and the names built from them: process GUIDs, container handles, and the leading pieces of
//! either that fit into a log prefix.
//!
//! A GUID is cut in two places on the way from a container to a log line. Since Diego 1.15
//! (2017-04) the *handle itself* is a GUID cut to 28 characters. And the kernel's log prefix holds
//! at most 29 bytes, so it shows the first 19 to 29 characters of a handle. A [`Handle`] is the
//! former, a [`HandlePrefix`] the latter; compare them with [`HandlePrefix::matches`], never with
//! `==`.
//!
//! Neither need satisfy RFC 4122: Diego's instance GUIDs come from a generator that sets the
//! variant digit to `4`–`7` (see [`Guid::is_rep_made`]).
//!
//! ```
//! use asg_core::guid::{Handle, HandlePrefix, ProcessGuid};
//!
//! let handle = Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap();
//! assert!(HandlePrefix::parse(b"d08bb414-cdba-4381-").unwrap().matches(&handle));
//! let process: ProcessGuid =
//!     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11".parse()?;
//! assert_eq!(process.process.to_string(), "4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
//! # Ok::<(), asg_core::Error>(())
//! ```

mod digits;
mod handle;
mod prefix;
mod process;

pub use self::handle::{Handle, HandlePrefix};
pub use self::prefix::GuidPrefix;
pub use self::process::{ProcessGuid, ProcessName};

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::digits::{FULL, Text, digits, expected_at};
use crate::error::Error;
use crate::words::from_str;

/// A full GUID, 36 characters in lower case: an app, space, org, process, task or build GUID.
///
/// Any 32 hexadecimal digits are legal; no version or variant is required.
///
/// ```
/// use asg_core::Guid;
///
/// let guid: Guid = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?;
/// assert_eq!(guid.to_string(), "4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
/// assert!(Guid::parse(b"4CCBB24C-268E-421A-9D1B-3678B6EB40D0").is_err(), "Cloud Foundry writes lower case");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(u128);

impl Guid {
    /// Parses the 36-character form.
    ///
    /// # Errors
    ///
    /// At the first byte that is not a lower-case hexadecimal digit or a dash in its place, or
    /// behind the last one.
    ///
    /// ```
    /// use asg_core::Guid;
    /// let guid = Guid::parse(b"4ccbb24c-268e-421a-9d1b-3678b6eb40d0")?;
    /// assert_eq!(guid.to_string(), "4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
    /// assert!(Guid::parse(b"4ccbb24c").is_err());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let (bits, read) = digits(text);
        if read < FULL {
            return Err(Error::expected_in(text, read, expected_at(read)));
        }
        if text.len() > FULL {
            return Err(Error::expected(FULL, "the end of a GUID"));
        }
        Ok(Self(bits))
    }

    /// Creates the GUID with these 128 bits, the first hexadecimal digit uppermost.
    ///
    /// ```
    /// use asg_core::Guid;
    /// assert_eq!(Guid::from_u128(1).to_string(), "00000000-0000-0000-0000-000000000001");
    /// ```
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Returns the 128 bits, the first hexadecimal digit uppermost.
    ///
    /// ```
    /// use asg_core::Guid;
    /// assert_eq!(Guid::from_u128(7).as_u128(), 7);
    /// ```
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// Returns whether the variant digit (the first of the fourth group) is `4`–`7`. Diego's
    /// generator writes these digits and Cloud Controller's never does: it is an instance GUID
    /// rather than an app, process or task GUID.
    ///
    /// Source: nu7hatch/gouuid as vendored by rep, `(u[8] | 0x40) & 0x7F`; Cloud Controller uses
    /// Ruby's `SecureRandom.uuid`, whose digit is `8`–`b`.
    ///
    /// ```
    /// # use asg_core::Guid;
    /// assert!(Guid::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4")?.is_rep_made());
    /// assert!(!Guid::parse(b"4ccbb24c-268e-421a-9d1b-3678b6eb40d0")?.is_rep_made());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub const fn is_rep_made(self) -> bool {
        matches!((self.0 >> 60) & 0xf, 4..=7)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Text::of(self.0, FULL).as_str())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}

/// ```
/// use asg_core::Guid;
/// assert_eq!(u128::from(Guid::from(7)), 7);
/// ```
impl From<u128> for Guid {
    fn from(bits: u128) -> Self {
        Self::from_u128(bits)
    }
}

impl From<Guid> for u128 {
    fn from(guid: Guid) -> Self {
        guid.as_u128()
    }
}

/// Implements serde and `FromStr` in terms of `Display` and `parse`, alike for all types.
macro_rules! as_text {
    ($($type:ident: $what:literal),*) => {$(
        from_str!($type);

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(|e| serde::de::Error::custom(format_args!("not a {}: {e}", $what)))
            }
        }
    )*};
}

as_text!(Guid: "GUID", GuidPrefix: "GUID prefix", ProcessGuid: "process GUID");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_guid_of_the_wrong_shape_says_where() {
        for (text, message) in [
            ("", "byte 0: the text ends where a lower-case hexadecimal digit was expected"),
            ("4ccbb24c", "byte 8: the text ends where `-` was expected"),
            ("4ccbb24c_268e", "byte 8: expected `-`"),
            ("4CCBB24C", "byte 1: expected a lower-case hexadecimal digit"),
            ("4ccbb24c-268e-421a-9d1b-3678b6eb40d0-", "byte 36: expected the end of a GUID"),
        ] {
            assert_eq!(Guid::parse(text.as_bytes()).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn a_process_guid_needs_both_halves() {
        let app = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0";
        let err = ProcessGuid::parse(app.as_bytes()).unwrap_err();
        assert_eq!(err.to_string(), "byte 36: the text ends where `-` and a version was expected");
        let err =
            ProcessGuid::parse(format!("{app}-{}", "0f0f6a2e-7c1b-4d0x").as_bytes()).unwrap_err();
        assert_eq!(err.offset(), 54);
    }

    #[test]
    fn prefixes_that_end_around_a_dash_differ() {
        let eight = GuidPrefix::parse(b"d08bb414").unwrap();
        let nine = GuidPrefix::parse(b"d08bb414-").unwrap();
        assert_ne!(eight, nine);
        assert!(eight.starts(nine) && !nine.starts(eight));
        assert_eq!(nine.to_string(), "d08bb414-");
    }

    proptest! {
        #[test]
        fn text_and_number_agree(bits: u128, len in 1_usize..=36) {
            let text = Guid(bits).to_string();
            prop_assert_eq!(Guid::parse(text.as_bytes()).unwrap(), Guid(bits));
            let short = GuidPrefix::parse(&text.as_bytes()[..len]).unwrap();
            prop_assert_eq!(short.to_string(), &text[..len]);
            prop_assert_eq!(GuidPrefix::from(Guid(bits)).truncated(len), Some(short));
        }

        #[test]
        fn starts_is_starts_with(a: u128, flip in 0_usize..128, short in 1_usize..=36, long in 1_usize..=36) {
            let b = a ^ (1 << flip);
            let (a, b) = (Guid(a).to_string(), Guid(b).to_string());
            let short_prefix = GuidPrefix::parse(&a.as_bytes()[..short]).unwrap();
            let long_prefix = GuidPrefix::parse(&b.as_bytes()[..long]).unwrap();
            prop_assert_eq!(short_prefix.starts(long_prefix), b[..long].starts_with(&a[..short]));
        }

        #[test]
        fn a_handle_is_its_text(text in "[ -~]{0,120}") {
            match Handle::parse(text.as_bytes()) {
                Ok(handle) => prop_assert_eq!(handle.to_string(), text),
                Err(_) => prop_assert!(text.is_empty() || text.contains(' ')),
            }
        }

        #[test]
        fn matching_is_starts_with(handle in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4,12}|[a-z-]{1,9}", cut in 1_usize..40) {
            let seen = &handle[..cut.min(handle.len())];
            let parsed = Handle::parse(handle.as_bytes()).unwrap();
            prop_assert!(HandlePrefix::parse(seen.as_bytes()).unwrap().matches(&parsed));
            let wrong = format!("{seen}z");
            prop_assert!(!HandlePrefix::parse(wrong.as_bytes()).unwrap().matches(&parsed) || handle.starts_with(&wrong));
        }
    }
}
