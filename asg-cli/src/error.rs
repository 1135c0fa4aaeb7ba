//! The error of everything that reads logs or writes files.

use std::fmt;
use std::io;

/// Why reading, answering or writing failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written: its name, and the system's error.
    File(String, io::Error),
    /// A directory cannot answer.
    Directory(String),
    /// A file is not a ledger, or is damaged.
    Ledger(String),
    /// A value is out of range, or names a column that does not exist.
    Value(String),
    /// The request cannot be carried out, for example a second reading of a pipe.
    Usage(&'static str),
    /// A callback uses the reading that called it.
    Busy(&'static str),
    /// Arrow or Parquet refused the rows.
    Arrow(String),
    /// The user ended the run.
    Stopped,
    /// A callback failed with an error of its own.
    Callback(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Returns the error of a file with this name. An [`Error`] inside the I/O error comes out
    /// unchanged, so that a callback's error survives its way through [`std::io::Read`].
    ///
    /// ```
    /// use asg_cli::error::Error;
    ///
    /// let inside = std::io::Error::other(Error::Stopped);
    /// assert!(matches!(Error::file("kern.log", inside), Error::Stopped));
    /// let plain = std::io::Error::other("disk failure");
    /// assert_eq!(Error::file("kern.log", plain).to_string(), "kern.log: disk failure");
    /// ```
    #[must_use]
    pub fn file(name: impl Into<String>, error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(error) => Self::File(name.into(), error),
        }
    }

    /// Returns an error of a callback.
    #[must_use]
    pub fn callback(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Callback(Box::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name, error) => write!(f, "{name}: {error}"),
            Self::Directory(what) | Self::Ledger(what) | Self::Value(what) | Self::Arrow(what) => {
                f.write_str(what)
            }
            Self::Usage(what) | Self::Busy(what) => f.write_str(what),
            Self::Stopped => f.write_str("the run was ended"),
            Self::Callback(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(_, error) => Some(error),
            Self::Callback(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<asg_cc_client::Error> for Error {
    fn from(error: asg_cc_client::Error) -> Self {
        // There may be texts of servers in it.
        Self::Directory(asg_core::bytes::escape_text(&error.to_string()).into_owned())
    }
}

impl From<arrow_schema::ArrowError> for Error {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Arrow(error.to_string())
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}
