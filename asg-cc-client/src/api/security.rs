//! Security groups as the API gives them.

use super::body::FromResource;
use super::json::{Relations, Resource};
use super::model::identity;

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityGroup {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: Option<String>,
    /// Its rules, each as the stored JSON object: rules that old versions and v2 let through are
    /// still stored.
    pub rules: Vec<String>,
    /// Where it applies without being bound to a space.
    pub everywhere: Everywhere,
    /// The spaces to which it is bound for running apps: only those that the token may see.
    pub running_spaces: Vec<String>,
    /// The spaces to which it is bound for staging.
    pub staging_spaces: Vec<String>,
}

/// The phases of an app in which a group applies to all spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Everywhere {
    /// While apps run.
    pub running: bool,
    /// While apps are staged.
    pub staging: bool,
}

impl FromResource for SecurityGroup {
    fn from_resource(mut resource: Resource) -> Option<Self> {
        let (guid, name) = identity(&mut resource)?;
        let entity = resource.entity.value;
        let enabled = resource.globally_enabled.value;
        let spaces = |relations: Relations| {
            relations.data.0.into_iter().filter_map(|space| space.guid.0).collect()
        };
        let rules = if resource.rules.is_there { resource.rules } else { entity.rules };
        Some(Self {
            guid,
            name,
            rules: rules.rules,
            everywhere: Everywhere {
                running: enabled.running.0 || entity.running.value.0,
                staging: enabled.staging.0 || entity.staging.0,
            },
            running_spaces: spaces(resource.relationships.running_spaces),
            staging_spaces: spaces(resource.relationships.staging_spaces),
        })
    }
}
