//! Security groups as Cloud Controller lists them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::stored::StoredRule;
use crate::time::Timestamp;
use crate::words::words;

/// A security group, with the names of API v3's resource
/// (`app/presenters/v3/security_group_presenter.rb`, API 3.228.0).
///
/// It serialises to and from that resource's JSON: the spaces are those of `relationships`.
///
/// ```
/// use asg_core::policy::{Phase, SecurityGroup};
///
/// let json = r#"{"guid":"g-1","updated_at":"2026-03-01T12:00:00Z","name":"db",
///     "globally_enabled":{"running":false,"staging":true},
///     "rules":[{"protocol":"tcp","destination":"10.0.11.0/24","ports":"5432"}],
///     "relationships":{"running_spaces":{"data":[{"guid":"s-1"}]},"staging_spaces":{"data":[]}}}"#;
/// let group: SecurityGroup = serde_json::from_str(json)?;
/// assert!(group.is_effective("s-1", Phase::Running) && !group.is_effective("s-2", Phase::Running));
/// assert!(group.is_effective("s-2", Phase::Staging));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct SecurityGroup {
    /// Its GUID.
    pub guid: String,
    /// The time when it was made.
    pub created_at: Option<Timestamp>,
    /// When its name, its rules or its global flags last changed, to the second; a binding does not
    /// count.
    pub updated_at: Option<Timestamp>,
    /// Its name.
    pub name: String,
    /// Where it applies without a binding.
    pub globally_enabled: GloballyEnabled,
    /// Its rules, in order.
    pub rules: Vec<StoredRule>,
    /// The GUIDs of the spaces in which it applies to apps and tasks: only those that the token may
    /// see.
    pub running_spaces: Vec<String>,
    /// The GUIDs of the spaces in which it applies to staging.
    pub staging_spaces: Vec<String>,
}

/// The phases in which a group applies to all spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct GloballyEnabled {
    /// While apps and tasks run.
    #[serde(default)]
    pub running: bool,
    /// While apps are staged.
    #[serde(default)]
    pub staging: bool,
}

/// The phase of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Cloud Controller has two, and all code treats both")]
pub enum Phase {
    /// An app or a task runs in it.
    Running,
    /// An app is staged in it.
    Staging,
}

words! {
    "policy" Phase "a phase" {
        Running = "running", Staging = "staging",
    }
}

impl Phase {
    /// Returns the other one.
    ///
    /// ```
    /// use asg_core::policy::Phase;
    /// assert_eq!(Phase::Running.other(), Phase::Staging);
    /// ```
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Running => Self::Staging,
            Self::Staging => Self::Running,
        }
    }
}

impl SecurityGroup {
    /// Returns whether it applies to all spaces.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, SecurityGroup};
    /// let json = r#"{"guid":"g-1","name":"db","globally_enabled":{"running":false,"staging":true},
    ///     "rules":[],"relationships":{"running_spaces":{"data":[{"guid":"s-1"}]}}}"#;
    /// let group: SecurityGroup = serde_json::from_str(json).unwrap();
    /// assert!(group.is_global(Phase::Staging) && !group.is_global(Phase::Running));
    /// ```
    #[must_use]
    pub const fn is_global(&self, phase: Phase) -> bool {
        match phase {
            Phase::Running => self.globally_enabled.running,
            Phase::Staging => self.globally_enabled.staging,
        }
    }

    /// Returns whether it is bound to this space.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, SecurityGroup};
    /// let json = r#"{"guid":"g-1","name":"db","globally_enabled":{"running":false,"staging":true},
    ///     "rules":[],"relationships":{"running_spaces":{"data":[{"guid":"s-1"}]}}}"#;
    /// let group: SecurityGroup = serde_json::from_str(json).unwrap();
    /// assert!(group.is_bound("s-1", Phase::Running) && !group.is_bound("s-2", Phase::Running));
    /// ```
    #[must_use]
    pub fn is_bound(&self, space: &str, phase: Phase) -> bool {
        let spaces = match phase {
            Phase::Running => &self.running_spaces,
            Phase::Staging => &self.staging_spaces,
        };
        spaces.iter().any(|guid| guid == space)
    }

    /// Returns whether it applies to this space: globally, or because it is bound there.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, SecurityGroup};
    /// let json = r#"{"guid":"g-1","name":"db","globally_enabled":{"running":false,"staging":true},
    ///     "rules":[],"relationships":{"running_spaces":{"data":[{"guid":"s-1"}]}}}"#;
    /// let group: SecurityGroup = serde_json::from_str(json).unwrap();
    /// assert!(group.is_effective("s-2", Phase::Staging));
    /// assert!(!group.is_effective("s-2", Phase::Running));
    /// ```
    #[must_use]
    pub fn is_effective(&self, space: &str, phase: Phase) -> bool {
        self.is_global(phase) || self.is_bound(space, phase)
    }
}

/// The resource in JSON.
#[derive(Serialize, Deserialize)]
struct Resource {
    guid: String,
    #[serde(default, deserialize_with = "time", skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time", skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    globally_enabled: GloballyEnabled,
    rules: Vec<StoredRule>,
    #[serde(default)]
    relationships: Relationships,
}

#[derive(Serialize, Deserialize, Default)]
struct Relationships {
    #[serde(default)]
    running_spaces: ToMany,
    #[serde(default)]
    staging_spaces: ToMany,
}

#[derive(Serialize, Deserialize, Default)]
struct ToMany {
    #[serde(default)]
    data: Vec<Reference>,
}

#[derive(Serialize, Deserialize)]
struct Reference {
    guid: String,
}

impl ToMany {
    fn new(guids: &[String]) -> Self {
        Self { data: guids.iter().map(|guid| Reference { guid: guid.clone() }).collect() }
    }

    fn guids(self) -> Vec<String> {
        self.data.into_iter().map(|reference| reference.guid).collect()
    }
}

/// Deserialises a time or null.
pub(super) fn time<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    text.map(|text| Timestamp::parse(text.as_bytes()).map_err(serde::de::Error::custom)).transpose()
}

impl<'de> Deserialize<'de> for SecurityGroup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let resource = Resource::deserialize(deserializer)?;
        Ok(Self {
            guid: resource.guid,
            created_at: resource.created_at,
            updated_at: resource.updated_at,
            name: resource.name,
            globally_enabled: resource.globally_enabled,
            rules: resource.rules,
            running_spaces: resource.relationships.running_spaces.guids(),
            staging_spaces: resource.relationships.staging_spaces.guids(),
        })
    }
}

impl Serialize for SecurityGroup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let resource = Resource {
            guid: self.guid.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            name: self.name.clone(),
            globally_enabled: self.globally_enabled,
            rules: self.rules.clone(),
            relationships: Relationships {
                running_spaces: ToMany::new(&self.running_spaces),
                staging_spaces: ToMany::new(&self.staging_spaces),
            },
        };
        resource.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_written_as_it_was_read() {
        let json = serde_json::json!({
            "guid": "g-1",
            "created_at": "2026-03-01T12:00:00Z",
            "updated_at": "2026-03-02T12:00:00Z",
            "name": "db",
            "globally_enabled": { "running": true, "staging": false },
            "rules": [{ "protocol": "TCP", "destination": "?", "ports": "80", "unknown": [1] }],
            "relationships": {
                "running_spaces": { "data": [{ "guid": "s-1" }, { "guid": "s-2" }] },
                "staging_spaces": { "data": [] }
            }
        });
        let group: SecurityGroup = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&group).unwrap(), json);
    }

    #[test]
    fn a_group_with_a_member_of_the_wrong_type_is_refused() {
        let refused = |json: &str| serde_json::from_str::<SecurityGroup>(json).unwrap_err();
        let rule =
            r#"{"guid":"g","rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":80}]}"#;
        insta::assert_snapshot!(refused(rule), @"`ports` is not a string at line 1 column 76");
        insta::assert_snapshot!(refused(r#"{"guid":"g"}"#), @"missing field `rules` at line 1 column 12");
        insta::assert_snapshot!(
            refused(r#"{"guid":"g","rules":[],"updated_at":"yesterday"}"#),
            @"byte 0: expected a time such as 2018-04-03T17:05:02.358719Z at line 1 column 48"
        );
    }
}
