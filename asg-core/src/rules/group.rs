//! Security groups, and which of their rules hold in a space.

use super::Rule;

/// A security group: rules, and where they hold.
///
/// The fields have the names of API v3's resource (`app/presenters/v3/security_group_presenter.rb`), made short.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecurityGroup {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: String,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// True if it holds for the running apps of all spaces.
    pub globally_running: bool,
    /// True if it holds for the staging of all apps.
    pub globally_staging: bool,
    /// The GUIDs of the spaces for whose running apps it holds.
    pub running_spaces: Vec<String>,
    /// The GUIDs of the spaces for whose staging it holds.
    pub staging_spaces: Vec<String>,
}

/// What containers do: run an app or task, or stage one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Apps and tasks run.
    Running,
    /// Builds are staged.
    Staging,
}

/// A rule that holds, and the groups that say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveRule<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The groups with this rule, in the order given; at least one.
    pub groups: Vec<&'a SecurityGroup>,
}

impl SecurityGroup {
    /// Whether the group holds in this space: globally, or because it is bound there.
    #[must_use]
    pub fn holds(&self, space: &str, phase: Phase) -> bool {
        let (globally, spaces) = match phase {
            Phase::Running => (self.globally_running, &self.running_spaces),
            Phase::Staging => (self.globally_staging, &self.staging_spaces),
        };
        globally || spaces.iter().any(|guid| guid == space)
    }
}

/// The rules that hold in a space: of all groups that are enabled globally or bound to it, each rule once, and those that
/// log last, as Diego gets them (`lib/cloud_controller/diego/egress_rules.rb`, API 3.228.0).
///
/// ```
/// use asg_core::rules::{Phase, Rule, SecurityGroup, effective};
///
/// let rule = Rule::parse(br#"{"protocol":"all","destination":"10.0.0.0/8"}"#)?;
/// let group = |guid: &str, globally_running, running_spaces| SecurityGroup {
///     guid: guid.into(), rules: vec![rule.clone()], globally_running, running_spaces,
///     ..SecurityGroup::default()
/// };
/// let groups = [group("a", true, vec![]), group("b", false, vec!["s".into()])];
/// let rules = effective(&groups, "s", Phase::Running);
/// assert_eq!((rules.len(), rules[0].groups.len()), (1, 2));
/// assert!(effective(&groups, "s", Phase::Staging).is_empty());
/// # Ok::<(), asg_core::rules::RuleError>(())
/// ```
#[must_use]
pub fn effective<'a>(
    groups: &'a [SecurityGroup],
    space: &str,
    phase: Phase,
) -> Vec<EffectiveRule<'a>> {
    let mut places = std::collections::HashMap::new();
    let mut rules: Vec<EffectiveRule<'a>> = Vec::new();
    for group in groups.iter().filter(|group| group.holds(space, phase)) {
        for rule in &group.rules {
            let place = *places.entry(rule).or_insert_with(|| {
                rules.push(EffectiveRule { rule, groups: Vec::new() });
                rules.len() - 1
            });
            let of = &mut rules[place].groups;
            if !of.last().is_some_and(|last| std::ptr::eq(*last, group)) {
                of.push(group);
            }
        }
    }
    rules.sort_by_key(|effective| effective.rule.log);
    rules
}
