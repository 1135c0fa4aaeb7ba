//! Explanations as other standards have them: the one rule that decided.

use std::collections::HashMap;

use asg_core::policy::{By, Decided, Policy, RuleRef};
use asg_core::siem::Rule;

use super::Explained;
use super::words::of_rule;

/// The rules that decided, with the texts that records have of them, for one thread.
///
/// A rule is named only if no other can have decided: it decides in any order of the groups, though
/// others may match behind it; the line agrees; and every snapshot around its time gives the same.
#[derive(Debug)]
pub struct DecidedRules {
    policy: Policy,
    known: HashMap<RuleRef, Texts>,
}

#[derive(Debug)]
struct Texts {
    name: String,
    id: String,
    group_name: Option<String>,
    description: Option<String>,
}

impl DecidedRules {
    /// Creates them for explanations by this policy.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self { policy: policy.clone(), known: HashMap::new() }
    }

    /// Returns the rule that alone can have decided; `None` if there is none, or if it is not
    /// certain.
    pub fn of<'r>(&'r mut self, explained: &'r Explained) -> Option<Rule<'r>> {
        let explanation = &explained.explanation;
        // A decision is certain only by complete snapshots, before and after, that agree.
        let (Some(By::Rule(rule)), Some(Decided::Certain), Some(true)) =
            (&explanation.by, explanation.decided, explanation.agrees)
        else {
            return None;
        };
        if !self.known.contains_key(rule) {
            let group = self.policy.group(&rule.group, rule.snapshot)?;
            let stored = group.rules.get(rule.rule as usize)?;
            let description = stored.description();
            let texts = Texts {
                name: of_rule(stored),
                id: format!("{}/{}", rule.group, rule.rule),
                group_name: Some(group.name.clone()).filter(|name| !name.is_empty()),
                description: Some(description.to_owned()).filter(|text| !text.is_empty()),
            };
            self.known.insert(rule.clone(), texts);
        }
        let texts = self.known.get(rule)?;
        Some(Rule {
            name: &texts.name,
            id: &texts.id,
            group: &rule.group,
            group_name: texts.group_name.as_deref(),
            description: texts.description.as_deref(),
        })
    }
}
