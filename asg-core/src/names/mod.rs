//! Names: the app in a line's own text, and the app as a directory knows it.

pub(crate) mod deferred;
pub(crate) mod directory;
pub(crate) mod history;
pub(crate) mod identity;

pub use self::deferred::{Deferred, Unanswered};
pub use self::directory::{Directory, DirectoryFn, NoDirectory, directory_fn};
pub use self::history::{NameHistory, NameTimeline, NamesThen, Naming};
pub use self::identity::{AppState, Entity, Identity, Workload};

use crate::bytes::json::JsonStr;

/// The identity that a line contains.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Names<'a> {
    /// The app's GUID.
    pub app_guid: Option<JsonStr<'a>>,
    /// The app's name.
    pub app_name: Option<JsonStr<'a>>,
    /// The space's GUID.
    pub space_guid: Option<JsonStr<'a>>,
    /// The space's name.
    pub space_name: Option<JsonStr<'a>>,
    /// The org's GUID.
    pub org_guid: Option<JsonStr<'a>>,
    /// The org's name.
    pub org_name: Option<JsonStr<'a>>,
    /// `web`, `worker`, …
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
