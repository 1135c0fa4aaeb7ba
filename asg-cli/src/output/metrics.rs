//! Counts of a followed log as `OpenMetrics` 1.0 text, for a textfile collector or any scraper of
//! files.
//!
//! No label has an address, a port, a handle or an instance. Apps are as many as there are; beyond
//! [`MOST_APPS`] they count as `other`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use asg_core::correlate::FollowerCounts;
use asg_core::names::AppState;
use asg_core::record::Outcomes;
use asg_core::{Flow, Verdict};
use serde::Serialize;

use super::NewFile;

/// How many apps have numbers of their own.
const MOST_APPS: usize = 1_000;

/// The counts that a follower does not keep itself.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    flows: BTreeMap<Labels<4>, u64>,
    denials: BTreeMap<Labels<5>, u64>,
    unnamed: u64,
}

/// The values of labels, in the order of their names.
type Labels<const N: usize> = [String; N];

const FLOW: [&str; 4] = ["plane", "verdict", "transport", "certainty"];
const DENIAL: [&str; 5] = ["certainty", "org", "space", "app", "app_guid"];

/// Numbers of the moment.
#[derive(Debug)]
pub(crate) struct Now<'n> {
    pub(crate) counts: FollowerCounts,
    pub(crate) outcomes: &'n Outcomes,
    /// How old the latest line is, in seconds.
    pub(crate) lag: Option<f64>,
    pub(crate) outages: u64,
}

impl Metrics {
    /// Counts a flow.
    pub(crate) fn flow(&mut self, flow: &Flow<'_, '_>) {
        let Some(cf) = &flow.cf else { return };
        let transport = flow.packet().ip.proto.and_then(asg_core::packet::Proto::name);
        let certainty = word(&flow.attribution.certainty);
        let transport = transport.unwrap_or_default().to_ascii_lowercase();
        let labels = [word(&cf.plane), word(&cf.verdict), transport, certainty.clone()];
        *self.flows.entry(labels).or_default() += 1;
        let identity = flow.identity;
        self.unnamed +=
            u64::from(identity.is_some_and(|identity| identity.state == AppState::Unavailable));
        if cf.verdict != Verdict::Denied {
            return;
        }
        let entity = |entity: Option<&asg_core::names::Entity>| {
            entity.and_then(|it| it.name.clone()).unwrap_or_default()
        };
        let app = identity.and_then(|it| it.app.as_ref());
        let guid = app.map(|it| it.guid.clone()).unwrap_or_default();
        let org = entity(identity.and_then(|it| it.org.as_ref()));
        let space = entity(identity.and_then(|it| it.space.as_ref()));
        let labels = [certainty.clone(), org, space, entity(app), guid];
        let is_known = self.denials.len() < MOST_APPS || self.denials.contains_key(&labels);
        let other = || [certainty, String::new(), String::new(), "other".into(), String::new()];
        *self.denials.entry(if is_known { labels } else { other() }).or_default() += 1;
    }

    /// Replaces the file.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn write(&self, path: &Path, now: &Now<'_>) -> io::Result<()> {
        let new = NewFile::new(path);
        let mut file = new.create()?;
        file.write_all(self.text(now).as_bytes())?;
        new.finish(&file)
    }

    fn text(&self, now: &Now<'_>) -> String {
        let mut out = Text::default();
        out.family(
            "asg_flows",
            "counter",
            "Packets that security groups and policies let through or denied.",
        );
        for (labels, count) in &self.flows {
            out.sample("asg_flows_total", FLOW.iter().zip(labels), count);
        }
        out.family("asg_denials", "counter", "Denied packets by app.");
        for (labels, count) in &self.denials {
            out.sample("asg_denials_total", DENIAL.iter().zip(labels), count);
        }
        out.family("asg_lines", "counter", "Lines by what became of them.");
        for (outcome, count) in now.outcomes.total().iter() {
            let label = [(&"outcome", &outcome.as_str().to_owned())];
            out.sample("asg_lines_total", label.into_iter(), count);
        }
        let counts = &now.counts;
        for (name, help, count) in [
            ("asg_name_failures", "Outages of the Cloud Controller.", now.outages),
            (
                "asg_unnamed_flows",
                "Flows that were given without names, because of an outage.",
                self.unnamed,
            ),
            ("asg_forgotten_containers", "Containers that were forgotten.", counts.forgotten),
            (
                "asg_late_duplicates",
                "Second lines about packets that were given already.",
                counts.late_duplicates,
            ),
            ("asg_time_leaps", "Leaps of the log's time by more than an hour.", counts.leaps),
        ] {
            out.family(name, "counter", help);
            out.plain(&format!("{name}_total"), count);
        }
        for (name, help, count) in [
            ("asg_containers", "Containers that are known.", counts.lifetimes),
            ("asg_held_packets", "Packets that wait for evidence.", counts.held),
        ] {
            out.family(name, "gauge", help);
            out.plain(name, count);
        }
        if let Some(lag) = now.lag {
            out.family("asg_lag_seconds", "gauge", "The age of the latest line.");
            out.plain("asg_lag_seconds", format!("{lag:.3}"));
        }
        out.0.push_str("# EOF\n");
        out.0
    }
}

/// Returns the word of an enum, as in JSON.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {}", escaped(help));
    }

    fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// Writes a sample, without labels that have no value.
    fn sample<'l>(
        &mut self,
        name: &str,
        labels: impl Iterator<Item = (&'l &'l str, &'l String)>,
        value: impl std::fmt::Display,
    ) {
        let given = labels.filter(|(_, value)| !value.is_empty());
        let given: Vec<_> =
            given.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let _ = writeln!(self.0, "{name}{{{}}} {value}", given.join(","));
    }
}

/// Returns a text between quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            // A carriage return would end the line for some readers.
            '\r' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_text_and_empty_labels_are_left_out() {
        let mut metrics = Metrics::default();
        let name = |text: &str| text.to_owned();
        let labels = [name("exact"), name("o\"rg"), name("s\\p\nace\r"), name(""), name("guid")];
        metrics.denials.insert(labels, 7);
        let now = Now {
            counts: FollowerCounts::default(),
            outcomes: &Outcomes::default(),
            lag: Some(1.25),
            outages: 2,
        };
        let text = metrics.text(&now);
        let line = "asg_denials_total{certainty=\"exact\",org=\"o\\\"rg\",space=\"s\\\\p\\nace\u{fffd}\",app_guid=\"guid\"} 7\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("asg_name_failures_total 2\n"), "{text}");
        assert!(text.contains("asg_lag_seconds 1.250\n"), "{text}");
        assert!(text.ends_with("# EOF\n") && !text.contains('\r'), "{text}");
        // Metadata once each, before the samples.
        assert_eq!(text.matches("# TYPE asg_denials ").count(), 1);
    }
}
