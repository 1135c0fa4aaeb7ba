//! Answers as sentences.

use std::fmt::Write as _;

use asg_core::bytes::escape_text;
use asg_core::policy::{
    Admits, Because, By, Decided, Evaluation, Explanation, Governed, How, LogLine, NearMiss,
    Outcome, Policy, RuleRef, StoredRule, Verdict,
};

/// Writes rules, reasons and changes for people, with the names that groups have in a policy.
///
/// ```
/// use asg_cli::explain::Words;
/// use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
///
/// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
///     {"guid":"g-1","name":"db","globally_enabled":{"running":true},
///      "rules":[{"protocol":"tcp","destination":"10.0.11.0/24","ports":"5432"}]}]}"#;
/// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
/// let packet = Probe::tcp("10.0.11.7".parse().unwrap(), 5432);
/// let answer = policy.evaluator().unwrap().evaluate(Some("s-1"), Phase::Running, &packet);
/// let words = Words::new(&policy);
/// assert_eq!(words.verdict(&answer), "allowed by rule 0 of db (tcp 10.0.11.0/24 5432)");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Words {
    policy: Policy,
}

impl Words {
    /// Returns the words for answers of this policy.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self { policy: policy.clone() }
    }

    /// Returns a rule: its place, its group and its text.
    #[must_use]
    pub fn rule(&self, rule: &RuleRef) -> String {
        let group = self.policy.group(&rule.group, rule.snapshot);
        let text = group.and_then(|group| group.rules.get(rule.rule as usize)).map(of_rule);
        let text = text.map_or_else(String::new, |text| format!(" ({text})"));
        format!("rule {} of {}{text}", rule.rule, self.group(&rule.group))
    }

    /// Returns one destination and one port item of a rule.
    #[must_use]
    pub fn entry(&self, rule: &RuleRef) -> String {
        let place = format!("rule {} of {}", rule.rule, self.group(&rule.group));
        let group = self.policy.group(&rule.group, rule.snapshot);
        let Some(stored) = group.and_then(|group| group.rules.get(rule.rule as usize)) else {
            return place;
        };
        let item = |list: &str, n: usize| list.split(',').nth(n).unwrap_or(list).trim().to_owned();
        let destination = item(stored.destination(), rule.destination as usize);
        let mut text = format!("{} {destination}", stored.protocol());
        if let Ok(port) = usize::try_from(rule.port) {
            let _ = write!(text, " {}", item(stored.ports(), port));
        } else if stored.protocol().starts_with("icmp") {
            let _ = write!(text, " {}/{}", stored.icmp_type(), stored.icmp_code());
        }
        format!("{} ({place})", escape_text(&text))
    }

    /// Returns a group's name, or its GUID if it has none.
    #[must_use]
    pub fn group(&self, guid: &str) -> String {
        let name = self.policy.group(guid, None).map(|group| &*group.name);
        let name = name.filter(|name| !name.is_empty()).unwrap_or(guid);
        escape_text(name).into_owned()
    }

    /// Returns the words for the decision about a hypothetical packet.
    #[must_use]
    pub fn verdict(&self, answer: &Evaluation) -> String {
        let verdict = match answer.verdict {
            Some(Verdict::Allow) => "allowed",
            Some(Verdict::Deny) => "denied",
            Some(Verdict::Drop) => "dropped",
            None => {
                return format!("no verdict: {}", answer.governed.as_str().replace('_', " "));
            }
        };
        format!("{verdict} {}", self.by(answer.by.as_ref()))
    }

    /// Returns the words for the decision about a packet in a log, with the codes that limit it.
    #[must_use]
    pub fn because(&self, explanation: &Explanation) -> String {
        let outcome = explanation.observed.or(explanation.enforced);
        let by = match (explanation.governed, &explanation.by) {
            (Governed::C2c, _) => "by the policies between containers".to_owned(),
            (Governed::Cell, _) => "by the cell itself".to_owned(),
            (Governed::RateLimit, _) => "by the limit on new connections".to_owned(),
            (Governed::Unknown, _) => "by what its destination is, which is not known".to_owned(),
            (Governed::Asg | Governed::DenyNetwork, by) => self.by(by.as_ref()),
        };
        let mut text = match outcome {
            Some(Outcome::Allowed) => format!("allowed {by}"),
            Some(Outcome::Denied) => format!("denied {by}"),
            None => by,
        };
        let is_limit = |code: &Because| {
            use Because::{DefaultDeny, DenyNetwork, NotGoverned, RateLimit, Rule};
            !matches!(code, Rule | DefaultDeny | DenyNetwork | NotGoverned | RateLimit)
        };
        let mut limits: Vec<&str> =
            explanation.because.iter().filter(is_limit).map(Because::as_str).collect();
        if explanation.agrees == Some(false) {
            limits.push("the line disagrees with the rules");
        }
        if !limits.is_empty() {
            let _ = write!(text, " [{}]", limits.join(", "));
        }
        text
    }

    fn by(&self, by: Option<&By>) -> String {
        match by {
            Some(By::Rule(rule)) => format!("by {}", self.rule(rule)),
            Some(By::AnyOf(rules)) => {
                let rules: Vec<_> = rules.iter().map(|rule| self.rule(rule)).collect();
                match &rules[..] {
                    [one] => format!("by {one}, probably"),
                    several => format!("by one of: {}", several.join("; ")),
                }
            }
            Some(By::Other("default")) => "because no rule allows it".to_owned(),
            Some(By::Other("deny_network")) => {
                "because containers may not reach that network".to_owned()
            }
            Some(By::Other("invalid")) => "because it belongs to no connection".to_owned(),
            Some(By::Other(other)) => format!("by {other}"),
            None => "by no rule that is known".to_owned(),
        }
    }

    /// Returns a change that would have allowed a packet, and what else it lets through.
    #[must_use]
    pub fn change(&self, near: &NearMiss) -> String {
        let group = self.group(&near.group);
        let change = match near.how {
            How::Bind => format!("bind the space to {group}"),
            How::Phase => format!("bind the space to {group}, which it has in the other phase"),
            How::Widen => {
                let change = near.change.to_json();
                let place = near.rule;
                format!("change rule {place} of {group} to {}", escape_text(&change))
            }
        };
        format!("{change}; admits {}", admits(near.admits))
    }
}

/// Returns the text of a rule: protocol, destinations, and ports or type and code.
pub(super) fn of_rule(rule: &StoredRule) -> String {
    let mut text = format!("{} {}", rule.protocol(), rule.destination());
    if rule.protocol().starts_with("icmp") {
        let _ = write!(text, " {}/{}", rule.icmp_type(), rule.icmp_code());
    } else if !rule.ports().is_empty() {
        let _ = write!(text, " {}", rule.ports());
    }
    escape_text(&text).into_owned()
}

fn admits(admits: Admits) -> String {
    let plural =
        |n: u128, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}") };
    let addresses = match admits.addresses {
        u128::MAX => "every address".to_owned(),
        1 => plural(1, "address"),
        n => plural(n, "addresses"),
    };
    let points = match admits.points {
        1 => "1 port or type".to_owned(),
        n => format!("{n} ports or types"),
    };
    format!("{addresses} × {points}")
}

/// Returns how surely the decider of a packet is known.
#[must_use]
pub(crate) const fn certainty(decided: Option<Decided>) -> Option<&'static str> {
    match decided {
        Some(Decided::Certain) => Some("certain"),
        Some(Decided::ByOrder) => Some("by the order of the groups"),
        Some(Decided::Undetermined) => Some("undetermined"),
        None => None,
    }
}

/// Returns the line that a packet leaves.
#[must_use]
pub(crate) const fn log_line(log: Option<LogLine>) -> &'static str {
    match log {
        Some(LogLine::Ok) => "a line with OK_",
        Some(LogLine::Deny) => "a line with DENY_",
        None => "none",
    }
}
