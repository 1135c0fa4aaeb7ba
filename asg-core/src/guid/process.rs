//! The name of a process.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Guid;
use super::digits::FULL;
use crate::error::Error;

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

impl FromStr for ProcessName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}
