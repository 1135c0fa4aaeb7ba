//! The facts about a container in one line of a platform's component.
//!
//! [`LagerEvent`] is the content of a JSON line: a [`RepEvent`] about a container, whatever
//! component wrote it, or a [`LoggerEvent`], which is a packet that silk's iptables-logger reports.
//! A [`Moment`] is the step of the container's life.
//!
//! [`Record`](crate::Record) finds such lines behind any header and makes
//! [evidence](crate::evidence::Evidence) of them. Use this module for a JSON text alone.
//!
//! ```
//! use asg_core::event::{LagerEvent, RepEventKind};
//!
//! let event = LagerEvent::parse(
//!     br#"{"timestamp":"1498140002.8","source":"rep",
//!         "message":"rep.destroyed-container-in-garden",
//!         "log_level":1,"data":{"guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#,
//! )?;
//! let LagerEvent::Rep(event) = event else { panic!("it is about a container") };
//! assert_eq!(event.event, RepEventKind::Destroyed);
//! assert_eq!(event.handle.as_deref(), Some("d08bb414-cdba-4381-412a-e9ecc1b7d0f4"));
//! # Ok::<(), asg_core::Error>(())
//! ```

pub(crate) mod app_log;
pub(crate) mod documents;
pub(crate) mod lager;

pub use self::lager::{LagerEvent, LoggerEvent, RepEvent, RepEventKind};

use crate::words::words;

/// A container's lifecycle event in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the ledger keeps these four times")]
pub enum Moment {
    /// It was made now.
    Created,
    /// It was mentioned: it existed, perhaps for long, or some part of it was left.
    Seen,
    /// It ran.
    Running,
    /// It is gone now.
    Destroyed,
}

words! {
    "event" Moment "a moment of a container" {
        Created = "created", Seen = "seen", Running = "running", Destroyed = "destroyed",
    }
}
