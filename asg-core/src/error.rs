//! The error type of this crate: the offset where parsing stopped, and what was expected there.
//!
//! [`Error`] is opaque: [`Error::offset`] is the place, [`Error::kind`] an [`ErrorKind`] for
//! programs, and [`Error::reason`] a text for people, which may change. Two things are refused as a
//! whole and have errors of their own: a saved ledger ([`LedgerError`](crate::ledger::LedgerError))
//! and a rule ([`RuleError`](crate::policy::RuleError)).
//!
//! ```
//! use asg_core::Guid;
//! use asg_core::error::ErrorKind;
//!
//! let error = Guid::parse(b"4ccbb24c-268e").unwrap_err();
//! assert_eq!((error.offset(), error.kind()), (13, ErrorKind::Cut));
//! ```

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The reason why some bytes could not be parsed.
///
/// An error is small plain data: it can be cloned, compared and kept. It has a byte offset into the
/// slice that was given to the function that failed, so a caller can point at the place.
///
/// # Example
///
/// ```
/// let err = asg_core::Guid::parse(b"4ccbb24c-268e-421a-9d1b_3678b6eb40d0").unwrap_err();
/// assert_eq!(err.offset(), 23);
/// assert_eq!(err.to_string(), "byte 23: expected `-`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    offset: usize,
    kind: Kind,
}

impl Error {
    /// Returns the byte offset at which parsing stopped, from the start of the slice that was
    /// parsed.
    ///
    /// ```
    /// use asg_core::Packet;
    /// let error = Packet::parse(b"x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.1").unwrap_err();
    /// assert!(error.offset() > 30);
    /// ```
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns what is wrong, for programs.
    ///
    /// ```
    /// use asg_core::Guid;
    /// use asg_core::error::ErrorKind;
    /// assert_eq!(Guid::parse(b"no guid").unwrap_err().kind(), ErrorKind::Expected);
    /// ```
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self.kind {
            Kind::Expected(_) | Kind::Literal(_) => ErrorKind::Expected,
            Kind::Cut(_) | Kind::CutLiteral(_) => ErrorKind::Cut,
            Kind::Json(_) => ErrorKind::Json,
        }
    }

    /// Returns whether the input ended where more was needed: the line was cut, as opposed to
    /// malformed.
    ///
    /// ```
    /// assert!(asg_core::Guid::parse(b"4ccbb24c-268e").unwrap_err().is_cut());
    /// assert!(!asg_core::Guid::parse(b"not a guid").unwrap_err().is_cut());
    /// ```
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        matches!(self.kind(), ErrorKind::Cut)
    }

    /// Returns the message without the offset, for callers that show the place in their own way.
    ///
    /// ```
    /// let err = asg_core::Guid::parse(b"4ccbb24c-268e").unwrap_err();
    /// assert_eq!(err.reason(), "the text ends where `-` was expected");
    /// ```
    #[must_use]
    pub fn reason(&self) -> String {
        self.kind.to_string()
    }

    /// Shifts the offset: for a slice in which this error's input starts at byte `by`.
    ///
    /// ```
    /// use asg_core::Guid;
    /// let error = Guid::parse(b"4ccbb24c-268e").unwrap_err();
    /// let offset = error.offset();
    /// assert_eq!(error.at(100).offset(), offset + 100);
    /// ```
    #[must_use]
    pub fn at(mut self, by: usize) -> Self {
        self.offset += by;
        self
    }

    /// Sets the offset, for a slice that was unescaped from another text: the place of its byte
    /// there.
    pub(crate) fn moved_to(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    #[cold]
    pub(crate) const fn expected(offset: usize, what: &'static str) -> Self {
        Self { offset, kind: Kind::Expected(what) }
    }

    #[cold]
    pub(crate) const fn cut(offset: usize, what: &'static str) -> Self {
        Self { offset, kind: Kind::Cut(what) }
    }

    /// Makes the error that this very text was expected at `offset`, or the rest of it if `cut`.
    #[cold]
    pub(crate) const fn literal(offset: usize, text: &'static str, cut: bool) -> Self {
        Self { offset, kind: if cut { Kind::CutLiteral(text) } else { Kind::Literal(text) } }
    }

    /// Makes the error `expected` if there is input left at `offset`, else `cut`.
    #[cold]
    pub(crate) const fn expected_in(input: &[u8], offset: usize, what: &'static str) -> Self {
        if offset < input.len() { Self::expected(offset, what) } else { Self::cut(offset, what) }
    }

    #[cold]
    pub(crate) fn json(offset: usize, message: &str, cut: bool) -> Self {
        let kind = if cut { Kind::Cut("more JSON") } else { Kind::Json(message.into()) };
        Self { offset, kind }
    }

    /// Converts the error of `serde_json` for this text.
    #[cold]
    pub(crate) fn of_json(text: &[u8], error: &serde_json::Error) -> Self {
        if error.is_eof() {
            return Self::json(text.len(), "", true);
        }
        // Line and column are counted from 1.
        let start = match error.line() {
            0 | 1 => 0,
            line => memchr::memchr_iter(b'\n', text).nth(line - 2).map_or(text.len(), |at| at + 1),
        };
        let offset = (start + error.column().saturating_sub(1)).min(text.len());
        Self::json(offset, &error.to_string(), false)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.kind)
    }
}

impl std::error::Error for Error {}

/// `{"offset":23,"message":"expected `-`"}`, as in the output contract.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(2))?;
        map.serialize_entry("offset", &self.offset)?;
        map.serialize_entry("message", &self.reason())?;
        map.end()
    }
}

/// What is wrong at an error's offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something else was found than what was expected.
    Expected,
    /// The input ends where more was expected.
    Cut,
    /// The JSON is malformed.
    Json,
}

/// The kind of error with its text. The texts are static, so an error costs no allocation, except for JSON, where
/// the message comes from the JSON parser.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Kind {
    /// Something else was found at the offset.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The expected text itself was not found at the offset.
    #[error("expected `{0}`")]
    Literal(&'static str),
    /// The input ends at the offset.
    #[error("the text ends where {0} was expected")]
    Cut(&'static str),
    /// The input ends where this text was expected.
    #[error("the text ends where `{0}` was expected")]
    CutLiteral(&'static str),
    /// Malformed JSON at the offset.
    #[error("malformed JSON: {0}")]
    Json(Box<str>),
}
