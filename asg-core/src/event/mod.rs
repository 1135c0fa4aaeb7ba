//! Events: what one line says about a container, whatever component wrote it.

pub(crate) mod app_log;
pub(crate) mod documents;
pub(crate) mod lager;

/// What a line says about a container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// It was made now.
    Created,
    /// It was spoken of: it was there, and may have been for long, or something was left of it.
    Seen,
    /// It ran.
    Running,
    /// It is gone now.
    Destroyed,
}
