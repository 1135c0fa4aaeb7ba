//! Who runs in a container: app, space and org, as a directory tells it.

use serde::Serialize;

use crate::time::Timestamp;

/// What a directory says about a process, task, build or app.
///
/// For an app that is hidden or unknown only [`Identity::state`] says something; the rest is `None`.
///
/// ```
/// use asg_core::{AppState, Entity, Identity};
///
/// let proxy = Identity {
///     state: AppState::Live,
///     app: Some(Entity::named("4ccbb24c-268e-421a-9d1b-3678b6eb40d0", "proxy")),
///     space: Some(Entity::named("c65add41-d85b-4823-9e2a-545a5e0e5812", "s")),
///     org: Some(Entity::named("2c279d6c-6f15-4cc0-99ed-72ef76ec50eb", "o")),
///     ..Identity::unknown()
/// };
/// assert_eq!(proxy.path().as_deref(), Some("o/s/proxy"));
/// assert_eq!(Identity::unknown().path(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whether the app is there, was deleted, or cannot be seen.
    pub state: AppState,
    /// The app.
    pub app: Option<Entity>,
    /// Its space.
    pub space: Option<Entity>,
    /// The org of the space.
    pub org: Option<Entity>,
    /// The process type: `web`, `worker`, …; `None` for tasks and staging and where it is not known.
    pub process_type: Option<String>,
    /// When the app was deleted, from the audit event that proves it.
    pub deleted_at: Option<Timestamp>,
}

impl Identity {
    /// Nothing is known, and the directory would know.
    #[must_use]
    pub const fn unknown() -> Self {
        Self::without_app(AppState::Unknown)
    }

    /// No directory was asked.
    #[must_use]
    pub const fn not_asked() -> Self {
        Self::without_app(AppState::NotAsked)
    }

    /// Nothing may be seen: there may be an app that this caller is not shown.
    #[must_use]
    pub const fn hidden() -> Self {
        Self::without_app(AppState::Hidden)
    }

    const fn without_app(state: AppState) -> Self {
        Self { state, app: None, space: None, org: None, process_type: None, deleted_at: None }
    }

    /// `org/space/app` for people, with `?` for a name that is not known; `None` if no app is known.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        let app = self.app.as_ref()?;
        let name = |e: &Option<Entity>| {
            e.as_ref().and_then(|e| e.name.clone()).unwrap_or_else(|| "?".into())
        };
        let app = app.name.as_deref().unwrap_or(&app.guid);
        Some(format!("{}/{}/{app}", name(&self.org), name(&self.space)))
    }
}

/// An app, space or org: its GUID, and its name if that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// The GUID as Cloud Controller writes it. Text, because Cloud Controller does not promise a shape.
    pub guid: String,
    /// The name; `None` if only the GUID is known.
    pub name: Option<String>,
}

impl Entity {
    /// An entity with a name.
    #[must_use]
    pub fn named(guid: impl Into<String>, name: impl Into<String>) -> Self {
        Self { guid: guid.into(), name: Some(name.into()) }
    }

    /// An entity of which only the GUID is known.
    #[must_use]
    pub fn unnamed(guid: impl Into<String>) -> Self {
        Self { guid: guid.into(), name: None }
    }
}

/// Whether an app is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// It exists.
    Live,
    /// An audit event proves its deletion. "Not found" alone never does.
    Deleted,
    /// It exists and may not be read, or may exist unseen: the caller's rights do not tell.
    Hidden,
    /// There is no trace of it where there would be one.
    Unknown,
    /// No directory was asked, or it gave no answer.
    NotAsked,
}
