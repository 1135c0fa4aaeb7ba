//! The names of apps, spaces and orgs, and the contract of a directory.
//!
//! A [`Directory`] turns GUIDs into [`Identity`]s: state ([`AppState`]), app, space and org, each
//! an [`Entity`]. [`directory_fn`] makes one of a closure, [`NoDirectory`] knows nobody, and
//! [`Deferred`] collects questions for an asynchronous client. [`NameHistory`] has the names of
//! other times. The crate `asg-cc-client` has a directory that asks a live Cloud Controller.
//! [`Names`] are those that a line itself spells out.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use asg_core::names::{AppState, Entity};
//! use asg_core::{Directory, Guid, Identity};
//!
//! let guid = Guid::parse(b"4ccbb24c-268e-421a-9d1b-3678b6eb40d0")?;
//! let proxy = Identity {
//!     state: AppState::Live,
//!     app: Some(Entity::named(guid.to_string(), "proxy")),
//!     ..Identity::unknown()
//! };
//! let mut directory = HashMap::from([(guid, proxy.clone())]);
//! assert_eq!(directory.identities(&[guid]).unwrap()[&guid], proxy);
//! # Ok::<(), asg_core::Error>(())
//! ```

pub(crate) mod deferred;
pub(crate) mod directory;
pub(crate) mod history;
pub(crate) mod identity;

use serde::{Deserialize, Serialize};

pub use self::deferred::{Deferred, Unanswered};
pub use self::directory::{Directory, DirectoryFn, NoDirectory, directory_fn};
pub use self::history::{NameHistory, NameTimeline, NamesThen, Naming};
pub use self::identity::{AppState, Entity, Identity, Workload};

use crate::bytes::json::JsonStr;

/// The identity that a line contains.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Names<'a> {
    /// The app's GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<JsonStr<'a>>,
    /// The app's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_name: Option<JsonStr<'a>>,
    /// The space's GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space_guid: Option<JsonStr<'a>>,
    /// The space's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space_name: Option<JsonStr<'a>>,
    /// The org's GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_guid: Option<JsonStr<'a>>,
    /// The org's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_name: Option<JsonStr<'a>>,
    /// `web`, `worker`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_type: Option<JsonStr<'a>>,
}

impl Names<'_> {
    pub(crate) fn into_owned(self) -> Names<'static> {
        let own = |text: Option<JsonStr<'_>>| text.map(JsonStr::into_owned);
        Names {
            app_guid: own(self.app_guid),
            app_name: own(self.app_name),
            space_guid: own(self.space_guid),
            space_name: own(self.space_name),
            org_guid: own(self.org_guid),
            org_name: own(self.org_name),
            process_type: own(self.process_type),
        }
    }
}
