//! The beginning of a GUID.

use std::fmt;

use super::Guid;
use super::digits::{FULL, Text, digits, digits_in, expected_at};
use crate::error::Error;

/// The first 1 to 36 characters of a GUID: the part that a log prefix, or a 28-character handle,
/// contains.
///
/// It is a number and a length, so it can be a key: two prefixes are equal when they show the same
/// characters.
///
/// ```
/// use asg_core::Guid;
/// use asg_core::guid::GuidPrefix;
///
/// let seen = GuidPrefix::parse(b"d08bb414-cdba-4381-412a-e9ecc")?;
/// assert_eq!(seen.len(), 29);
/// assert!(seen.starts(Guid::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4")?.into()));
/// assert!(!seen.starts(GuidPrefix::parse(b"d08bb414")?), "the longer one cannot start the shorter one");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuidPrefix {
    /// The digits, from the top; the other bits are zero.
    bits: u128,
    /// Characters, dashes included.
    len: u8,
}

#[expect(clippy::len_without_is_empty, reason = "a prefix has at least one character")]
impl GuidPrefix {
    /// Parses 1 to 36 characters.
    ///
    /// # Errors
    ///
    /// At the first byte that is not possible at its place in a GUID; on empty input, at 0.
    ///
    /// ```
    /// use asg_core::guid::GuidPrefix;
    /// assert_eq!(GuidPrefix::parse(b"4ccbb24c-26")?.to_string(), "4ccbb24c-26");
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let (bits, read) = digits(text);
        if read == 0 || read < text.len() {
            let what = if read == FULL { "the end of a GUID" } else { expected_at(read) };
            return Err(Error::expected_in(text, read, what));
        }
        Ok(Self { bits, len: read as u8 })
    }

    /// Returns whether [`GuidPrefix::parse`] would accept the text. The missing part of a GUID is
    /// filled up, and then all bytes are checked in the same way, so that the compiler can
    /// vectorise it.
    pub(crate) fn is_one(text: &[u8]) -> bool {
        const MODEL: &[u8; FULL] = b"00000000-0000-0000-0000-000000000000";
        let mut whole = *MODEL;
        let Some(start) = whole.get_mut(..text.len()) else { return false };
        // Most prefixes have at least half a GUID: two overlapping copies of a fixed size need no
        // loop.
        if let (Some(first), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
            start[..16].copy_from_slice(first);
            start[text.len() - 16..].copy_from_slice(last);
        } else {
            start.copy_from_slice(text);
        }
        let mut bad = false;
        for (&b, &model) in whole.iter().zip(MODEL) {
            let is_digit = (b.wrapping_sub(b'0') < 10) | (b.wrapping_sub(b'a') < 6);
            bad |= if model == b'-' { b != b'-' } else { !is_digit };
        }
        !bad && !text.is_empty()
    }

    /// Returns the number of characters, dashes included: 1 to 36.
    ///
    /// ```
    /// use asg_core::guid::GuidPrefix;
    /// assert_eq!(GuidPrefix::parse(b"4ccbb24c-26")?.len(), 11);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Returns whether `longer` begins with these characters (or is equal).
    ///
    /// ```
    /// use asg_core::guid::GuidPrefix;
    /// let (short, long) = (GuidPrefix::parse(b"4ccbb24c")?, GuidPrefix::parse(b"4ccbb24c-26")?);
    /// assert!(short.starts(long) && !long.starts(short));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub const fn starts(self, longer: Self) -> bool {
        self.len <= longer.len && (longer.bits & self.mask()) == self.bits
    }

    /// Returns the least and the greatest 128-bit number with these leading digits: the range of a
    /// sorted index that has all GUIDs with this beginning.
    ///
    /// ```
    /// # use asg_core::guid::GuidPrefix;
    /// let (low, high) = GuidPrefix::parse(b"d0")?.range();
    /// assert_eq!(low >> 120, 0xd0);
    /// assert_eq!(high, low | u128::MAX >> 8);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub const fn range(self) -> (u128, u128) {
        (self.bits, self.bits | !self.mask())
    }

    /// Returns the GUID, if all 36 characters are present.
    ///
    /// ```
    /// use asg_core::guid::GuidPrefix;
    /// assert!(GuidPrefix::parse(b"4ccbb24c-268e-421a-9d1b-3678b6eb40d0")?.full().is_some());
    /// assert!(GuidPrefix::parse(b"4ccbb24c-26")?.full().is_none());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub const fn full(self) -> Option<Guid> {
        if self.len() == FULL { Some(Guid(self.bits)) } else { None }
    }

    /// Returns the first `len` characters of this one; the whole of it if it is no longer than
    /// that.
    ///
    /// ```
    /// use asg_core::guid::GuidPrefix;
    /// let long = GuidPrefix::parse(b"4ccbb24c-268e-421a")?;
    /// assert_eq!(long.truncated(11), Some(GuidPrefix::parse(b"4ccbb24c-26")?));
    /// assert_eq!(long.truncated(36), Some(long));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn truncated(self, len: usize) -> Option<Self> {
        let len = len.min(self.len()) as u8;
        let cut = Self { bits: 0, len };
        (len > 0).then(|| Self { bits: self.bits & cut.mask(), len })
    }

    /// Returns the number of hexadecimal digits in the first `len` characters.
    pub(crate) const fn digits_of(len: usize) -> usize {
        digits_in(len)
    }

    /// Returns ones at the bits of the shown digits.
    const fn mask(self) -> u128 {
        let digits = digits_in(self.len as usize);
        if digits == 0 { 0 } else { u128::MAX << (128 - 4 * digits) }
    }
}

impl From<Guid> for GuidPrefix {
    fn from(guid: Guid) -> Self {
        Self { bits: guid.0, len: FULL as u8 }
    }
}

impl fmt::Display for GuidPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Text::of(self.bits, self.len()).as_str())
    }
}

impl fmt::Debug for GuidPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuidPrefix({self})")
    }
}
