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

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes::digits::hex;
use crate::error::Error;
use crate::words::from_str;

/// Length of a full GUID in characters: 32 hexadecimal digits and four dashes.
const FULL: usize = 36;

/// The length of a handle that is a cut GUID.
const HANDLE: usize = 28;

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

/// Diego's name for a process: `<process GUID of Cloud Controller>-<version>`, 73 characters.
///
/// The version is renewed at each restart, so one app has many of these over time. The first half
/// is the app's GUID only for a web process that no rolling deployment has replaced; a [directory]
/// finds the app for any of them.
///
/// Source: `cloud_controller_ng`, `lib/cloud_controller/diego/process_guid.rb`.
///
/// [directory]: https://v3-apidocs.cloudfoundry.org/#processes
///
/// ```
/// use asg_core::guid::ProcessGuid;
///
/// let text = b"4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11";
/// let guid = ProcessGuid::parse(text)?;
/// assert_eq!(guid.process.to_string(), "4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
/// assert_eq!(guid.to_string().as_bytes(), text);
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "its fields are all that it can have")]
pub struct ProcessGuid {
    /// Cloud Controller's process GUID.
    pub process: Guid,
    /// Renewed at each restart and restage.
    pub version: Guid,
}

impl ProcessGuid {
    /// Parses the 73-character form.
    ///
    /// # Errors
    ///
    /// At the first byte that does not fit. LRPs that Cloud Controller did not make may have any
    /// name; those are errors here too.
    ///
    /// ```
    /// use asg_core::guid::ProcessGuid;
    /// let text = b"4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11";
    /// assert_eq!(ProcessGuid::parse(text)?.to_string().as_bytes(), text);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let half = text.len().min(FULL);
        let process = Guid::parse(&text[..half])?;
        match text.get(FULL) {
            Some(b'-') => {
                let version = Guid::parse(&text[FULL + 1..]).map_err(|e| e.at(FULL + 1))?;
                Ok(Self { process, version })
            }
            _ => Err(Error::expected_in(text, FULL, "`-` and a version")),
        }
    }
}

impl fmt::Display for ProcessGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.process, self.version)
    }
}

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

/// The name of the process in a container: a process GUID of Cloud Controller, or any other name
/// that Diego was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::exhaustive_enums, reason = "the text covers all others")]
pub enum ProcessName {
    /// `<process GUID>-<version>`.
    Guid(ProcessGuid),
    /// An LRP that did not come from Cloud Controller.
    Other(Box<str>),
}

impl ProcessName {
    /// Takes a process GUID, or any other text as a name.
    ///
    /// ```
    /// use asg_core::guid::ProcessName;
    /// assert!(ProcessName::new("a-task").guid().is_none());
    /// ```
    #[must_use]
    pub fn new(text: &str) -> Self {
        ProcessGuid::parse(text.as_bytes()).map_or_else(|_| Self::Other(text.into()), Self::Guid)
    }

    /// Returns the process GUID, if it is one.
    ///
    /// ```
    /// use asg_core::guid::ProcessName;
    /// let text = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11";
    /// assert_eq!(ProcessName::new(text).guid().unwrap().to_string(), text);
    /// ```
    #[must_use]
    pub const fn guid(&self) -> Option<ProcessGuid> {
        match self {
            Self::Guid(guid) => Some(*guid),
            Self::Other(_) => None,
        }
    }
}

impl std::fmt::Display for ProcessName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Guid(guid) => guid.fmt(f),
            Self::Other(name) => f.pad(name),
        }
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

from_str!(Handle);

impl FromStr for ProcessName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

as_text!(Guid: "GUID", GuidPrefix: "GUID prefix", ProcessGuid: "process GUID");

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

/// Parses as many characters of a GUID as there are. Returns the digits, uppermost first, and the
/// number of characters.
///
/// Digits are random, so the processor would mispredict a branch between figures and letters at
/// every third; a table avoids the branch.
fn digits(text: &[u8]) -> (u128, usize) {
    if let Some(whole) = whole_digits(text) {
        return whole;
    }
    let (mut bits, mut shift, mut read) = (0_u128, 128, 0);
    for len in GROUPS {
        if read > 0 {
            if text.get(read) != Some(&b'-') {
                break;
            }
            read += 1;
        }
        let mut group = 0_u64;
        let digits = text[read..].iter().take(len).map(|&byte| DIGITS[usize::from(byte)]);
        let mut found = 0;
        for digit in digits.take_while(|&digit| digit != NO_DIGIT) {
            group = group << 4 | u64::from(digit);
            found += 1;
        }
        read += found;
        shift -= 4 * len;
        bits |= u128::from(group << (4 * (len - found))) << shift;
        if found < len {
            break;
        }
    }
    (bits, read)
}

/// Parses a text with all 36 characters, or a handle of 28.
fn whole_digits(text: &[u8]) -> Option<(u128, usize)> {
    let eight = |at: usize| text.get(at..)?.first_chunk().copied().and_then(hex).map(u128::from);
    // Two groups of four, and the dash that joins them.
    let fours = |at: usize| {
        let [a, b, c, d, b'-', e, f, g, h] = *text.get(at..)?.first_chunk()? else { return None };
        hex([a, b, c, d, e, f, g, h]).map(u128::from)
    };
    if text.get(8) != Some(&b'-') || text.get(18) != Some(&b'-') {
        return None;
    }
    let bits = eight(0)? << 96 | fours(9)? << 64 | fours(19)? << 32;
    if text.len() == HANDLE {
        return Some((bits, HANDLE));
    }
    Some((bits | eight(HANDLE)?, FULL))
}

/// Digits between the dashes.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

const NO_DIGIT: u8 = 0xff;

/// The value of each byte as a lower-case hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

/// Returns whether a dash belongs at this place: behind 8, 12, 16 and 20 digits.
const fn is_dash(at: usize) -> bool {
    matches!(at, 8 | 13 | 18 | 23)
}

const fn expected_at(at: usize) -> &'static str {
    if is_dash(at) { "`-`" } else { "a lower-case hexadecimal digit" }
}

/// Returns how many of the first `len` characters are digits.
const fn digits_in(len: usize) -> usize {
    len - (len > 8) as usize - (len > 13) as usize - (len > 18) as usize - (len > 23) as usize
}

/// The characters of a GUID on the stack.
struct Text {
    bytes: [u8; FULL],
    len: usize,
}

impl Text {
    fn of(bits: u128, len: usize) -> Self {
        let mut bytes = [b'-'; FULL];
        let mut shift = 128;
        for (i, byte) in bytes.iter_mut().enumerate() {
            if !is_dash(i) {
                shift -= 4;
                *byte = b"0123456789abcdef"[(bits >> shift) as usize & 0xf];
            }
        }
        Self { bytes, len }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("ASCII digits and dashes")
    }
}

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
