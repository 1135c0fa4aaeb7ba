//! Events: the facts about a container in one line, from any component.

pub(crate) mod app_log;
pub(crate) mod documents;
pub(crate) mod lager;

/// A container's lifecycle event in a line.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
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
