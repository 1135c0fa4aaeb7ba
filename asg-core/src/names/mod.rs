//! Names: the app in a line's own text, and the app as a directory knows it.

pub(crate) mod deferred;
pub(crate) mod directory;
pub(crate) mod history;
pub(crate) mod identity;

use serde::{Deserialize, Serialize};

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
