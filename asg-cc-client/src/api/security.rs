//! Security groups as the API gives them.

use serde_json::Value;

use super::Body;
use super::model::{guid, name};

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: Option<String>,
    /// Its rules, each as the JSON object that is stored: what old versions and v2 let through is still there.
    pub rules: Vec<String>,
    /// Where it applies without being bound to a space.
    pub everywhere: Everywhere,
    /// The spaces to which it is bound for running apps; of those only what the token may see.
    pub running_spaces: Vec<String>,
    /// The spaces to which it is bound for staging.
    pub staging_spaces: Vec<String>,
}

/// In which part of an app's life a group applies to all spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Everywhere {
    /// While apps run.
    pub running: bool,
    /// While apps are staged.
    pub staging: bool,
}

impl Body for SecurityGroup {
    fn read(value: &Value) -> Option<Self> {
        let flag = |v3: &str, v2: &str| {
            value.pointer(v3).or_else(|| value.pointer(v2)).and_then(Value::as_bool) == Some(true)
        };
        let list = |pointer: &str| value.pointer(pointer).and_then(Value::as_array);
        let spaces = |kind: &str| {
            let data = list(&format!("/relationships/{kind}_spaces/data"));
            data.into_iter().flatten().filter_map(guid).collect()
        };
        let rules = list("/rules").or_else(|| list("/entity/rules"));
        Some(Self {
            guid: guid(value)?,
            name: name(value),
            rules: rules.into_iter().flatten().map(Value::to_string).collect(),
            everywhere: Everywhere {
                running: flag("/globally_enabled/running", "/entity/running_default"),
                staging: flag("/globally_enabled/staging", "/entity/staging_default"),
            },
            running_spaces: spaces("running"),
            staging_spaces: spaces("staging"),
        })
    }
}
