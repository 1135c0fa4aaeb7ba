//! Reads the log lines of Linux' packet logger and of Cloud Foundry's Diego, and tells which container sent a packet.
#![forbid(unsafe_code)]

mod error;
mod guid;
mod identity;
mod text;
mod time;

pub use error::Error;
pub use guid::{Guid, GuidPrefix, Handle, HandlePrefix, ProcessGuid};
pub use identity::{AppState, Entity, Identity};
pub use text::Text;
pub use time::{Timestamp, Uptime};
