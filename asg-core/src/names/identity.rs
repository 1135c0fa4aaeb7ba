//! The app, space and org of a container, as a directory gives them.

use serde::{Deserialize, Serialize};

use crate::bytes::escape::escape_name;
use crate::names::history::NameHistory;
use crate::time::Timestamp;
use crate::words::words;

/// A directory's answer about a process, task, build or app.
///
/// Without a known app, only [`Identity::state`] and [`Identity::state_reason`] carry anything; the
/// rest is `None`.
///
/// ```
/// use asg_core::Identity;
/// use asg_core::names::{AppState, Entity};
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
///
/// // What serde writes can be read back.
/// let text = serde_json::to_string(&proxy).unwrap();
/// assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), proxy);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Identity {
    /// Whether the app is there, was deleted, or cannot be seen.
    pub state: AppState,
    /// One sentence for people about the reason; set with [`AppState::Unavailable`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// The app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Entity>,
    /// Its space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<Entity>,
    /// The org of the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<Entity>,
    /// The process type: `web`, `worker`, …; `None` for tasks and staging and where it is not
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_type: Option<String>,
    /// The kind of workload with this GUID; `None` for an app, and where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// When the app was deleted, from the audit event that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The names at other times; the names above are today's, or the last.
    #[serde(default, skip_serializing_if = "NameHistory::is_empty")]
    pub history: NameHistory,
}

impl Identity {
    /// Returns the identity of a GUID that the directory searched for and does not have.
    ///
    /// ```
    /// use asg_core::Identity;
    /// use asg_core::names::AppState;
    /// assert_eq!(Identity::unknown().state, AppState::Unknown);
    /// ```
    #[must_use]
    pub const fn unknown() -> Self {
        Self::without_app(AppState::Unknown)
    }

    /// Returns the identity of a GUID that nobody looked up.
    ///
    /// ```
    /// use asg_core::Identity;
    /// use asg_core::names::AppState;
    /// assert_eq!(Identity::not_asked().state, AppState::NotAsked);
    /// ```
    #[must_use]
    pub const fn not_asked() -> Self {
        Self::without_app(AppState::NotAsked)
    }

    /// Returns the identity of a GUID for which the directory failed, with the reason.
    ///
    /// ```
    /// use asg_core::Identity;
    /// use asg_core::names::AppState;
    ///
    /// let identity = Identity::unavailable("the search ended after 10 pages");
    /// assert_eq!(identity.state, AppState::Unavailable);
    /// assert_eq!(identity.state_reason.as_deref(), Some("the search ended after 10 pages"));
    /// ```
    #[must_use]
    pub fn unavailable(reason: impl Into<String>) -> Self {
        let reason = Some(reason.into());
        Self { state_reason: reason, ..Self::without_app(AppState::Unavailable) }
    }

    /// Returns the identity of a GUID whose app, if it exists, this caller may not see.
    ///
    /// ```
    /// use asg_core::Identity;
    /// use asg_core::names::AppState;
    /// assert_eq!(Identity::hidden().state, AppState::Hidden);
    /// ```
    #[must_use]
    pub const fn hidden() -> Self {
        Self::without_app(AppState::Hidden)
    }

    const fn without_app(state: AppState) -> Self {
        Self {
            state,
            state_reason: None,
            app: None,
            space: None,
            org: None,
            process_type: None,
            workload: None,
            deleted_at: None,
            history: NameHistory::NONE,
        }
    }

    /// Returns `org/space/app` for people, with `?` for a name that is not known; `None` if no app
    /// is known.
    ///
    /// Names are escaped by [`escape_name`], so that two slashes separate three names.
    ///
    /// ```
    /// use asg_core::Identity;
    /// use asg_core::names::Entity;
    ///
    /// let named = |name: &str| Some(Entity::named("guid", name));
    /// let [org, space, app] = ["shop", "prod", "orders"].map(named);
    /// let identity = Identity { org, space, app, ..Identity::unknown() };
    /// assert_eq!(identity.path().as_deref(), Some("shop/prod/orders"));
    /// ```
    #[must_use]
    pub fn path(&self) -> Option<String> {
        let app = self.app.as_ref()?;
        // Lines that show GUIDs alone name nothing.
        if app.name.is_none() && self.state == AppState::NotAsked {
            return None;
        }
        let name = |entity: Option<&Entity>| {
            let name = entity.and_then(|entity| entity.name.as_deref());
            name.map_or_else(|| "?".into(), |name| escape_name(name).into_owned())
        };
        let app = escape_name(app.name.as_deref().unwrap_or(&app.guid));
        Some(format!("{}/{}/{app}", name(self.org.as_ref()), name(self.space.as_ref())))
    }
}

/// The kind of workload in a container.
///
/// Cloud Controller runs each kind in a Diego domain of its own. Source:
/// `cloud_controller_ng`, `lib/cloud_controller/diego/constants.rb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Cloud Controller has these domains")]
pub enum Workload {
    /// An instance of an app's process: domain `cf-apps`.
    App,
    /// A task: domain `cf-tasks`.
    Task,
    /// The staging of an app: domain `cf-app-staging`.
    Staging,
}

words! {
    "names" Workload "a kind of workload" {
        App = "app", Task = "task", Staging = "staging",
    }
}

impl Workload {
    /// Returns the kind that runs in a domain; `None` if the domain is not Cloud Controller's.
    ///
    /// ```
    /// use asg_core::names::Workload;
    /// assert_eq!(Workload::of_domain("cf-app-staging"), Some(Workload::Staging));
    /// assert_eq!(Workload::of_domain("my-domain"), None);
    /// ```
    #[must_use]
    pub fn of_domain(domain: &str) -> Option<Self> {
        match domain {
            "cf-apps" => Some(Self::App),
            "cf-tasks" => Some(Self::Task),
            "cf-app-staging" => Some(Self::Staging),
            _ => None,
        }
    }
}

/// An app, space or org: its GUID, and its name if that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Entity {
    /// The GUID as Cloud Controller writes it. Text, because Cloud Controller does not promise a
    /// shape.
    pub guid: String,
    /// The name; `None` if only the GUID is known.
    pub name: Option<String>,
}

impl Entity {
    /// Creates an entity with a name.
    ///
    /// ```
    /// use asg_core::names::Entity;
    /// assert_eq!(Entity::named("g-1", "orders").name.as_deref(), Some("orders"));
    /// ```
    #[must_use]
    pub fn named(guid: impl Into<String>, name: impl Into<String>) -> Self {
        Self { guid: guid.into(), name: Some(name.into()) }
    }

    /// Creates an entity with only a GUID.
    ///
    /// ```
    /// use asg_core::names::Entity;
    /// assert_eq!(Entity::unnamed("g-1").name, None);
    /// ```
    #[must_use]
    pub fn unnamed(guid: impl Into<String>) -> Self {
        Self { guid: guid.into(), name: None }
    }
}

/// Whether an app exists.
///
/// Its words in JSON are `live`, `deleted`, `hidden`, `unknown`, `not_asked` and `unavailable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AppState {
    /// It exists.
    Live,
    /// An audit event proves its deletion. "Not found" alone never does.
    Deleted,
    /// It exists and may not be read, or may exist unseen: the caller's rights are limited.
    Hidden,
    /// A search that would have found it, alive or deleted, did not find it.
    Unknown,
    /// Nobody looked it up.
    NotAsked,
    /// The directory failed, or its search was not a proof: it was cut, a page is missing, or
    /// nothing shows how far the caller's rights go.
    Unavailable,
}

words! {
    "names" AppState "a state of an app" {
        Live = "live", Deleted = "deleted", Hidden = "hidden", Unknown = "unknown", NotAsked = "not_asked", Unavailable = "unavailable",
    }
}
