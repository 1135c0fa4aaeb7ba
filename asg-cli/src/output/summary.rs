//! Flows, counted: how sure the answers are, and which apps sent and were refused how much.

use std::collections::BTreeMap;
use std::io::{self, Write};

use asg_core::{
    Attribution, Certainty, Counted, Counts, Flow, Identity, LogPrefix, Verdict, escape_text,
};

use super::table::deletion;

/// Counts of flows. Memory grows with the apps and containers that are named, not with flows.
#[derive(Debug, Default)]
pub struct Summary {
    certainties: [u64; 5],
    reasons: BTreeMap<&'static str, u64>,
    owners: BTreeMap<Owner, Verdicts>,
}

/// An owner as people read it, and the GUID of the app: apps may have one path, one after another.
type Owner = (String, Option<String>);

#[derive(Debug, Default)]
struct Verdicts {
    allowed: u64,
    denied: u64,
}

const CERTAINTIES: [(Certainty, &str); 5] = [
    (Certainty::Exact, "exact"),
    (Certainty::UniquePrefix, "unique prefix"),
    (Certainty::Inferred, "inferred"),
    (Certainty::Ambiguous, "ambiguous"),
    (Certainty::Unknown, "unknown"),
];

impl Summary {
    /// Adds packets that have one answer.
    pub fn add(&mut self, counted: &Counted<'_>) {
        let Counted { packets, cf, attribution, identity, .. } = counted;
        self.count(*packets, cf.as_ref(), attribution, *identity);
    }

    /// Adds one packet.
    pub fn add_flow(&mut self, flow: &Flow<'_, '_>) {
        self.count(1, flow.cf.as_ref(), &flow.attribution, flow.identity);
    }

    /// The counts of both.
    #[must_use]
    pub(crate) fn merged(mut self, other: Self) -> Self {
        for (all, more) in self.certainties.iter_mut().zip(other.certainties) {
            *all += more;
        }
        for (reason, packets) in other.reasons {
            *self.reasons.entry(reason).or_default() += packets;
        }
        for (owner, Verdicts { allowed, denied }) in other.owners {
            let all = self.owners.entry(owner).or_default();
            all.allowed += allowed;
            all.denied += denied;
        }
        self
    }

    fn count(
        &mut self,
        packets: u64,
        cf: Option<&LogPrefix<'_>>,
        attribution: &Attribution<'_>,
        identity: Option<&Identity>,
    ) {
        let rank = CERTAINTIES.iter().position(|(c, _)| *c == attribution.certainty);
        self.certainties[rank.expect("all certainties are in the table")] += packets;
        if attribution.certainty <= Certainty::Ambiguous {
            *self.reasons.entry(attribution.reason.sentence()).or_default() += packets;
            return;
        }
        let named = |identity: &Identity| {
            let became = deletion(identity).unwrap_or_default();
            Some(identity.path()? + &became)
        };
        let owner = identity
            .and_then(named)
            .or_else(|| attribution.process().map(ToString::to_string))
            .or_else(|| attribution.subject().map(|guid| guid.to_string()))
            .or_else(|| attribution.container().map(|l| l.handle().to_string()));
        let app = identity.and_then(|identity| identity.app.as_ref()).map(|app| app.guid.clone());
        let owner = owner.unwrap_or_else(|| "?".into());
        let verdicts = self.owners.entry((owner, app)).or_default();
        match cf.map(|cf| cf.verdict) {
            Some(Verdict::Denied) => verdicts.denied += packets,
            _ => verdicts.allowed += packets,
        }
    }

    /// Prints it.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn print(&self, counts: &Counts, out: &mut impl Write) -> io::Result<()> {
        let Counts { lines, packets, evidence, damaged, duplicates, .. } = counts;
        writeln!(
            out,
            "{lines} lines: {packets} packets, {evidence} about containers, {damaged} damaged"
        )?;
        if *duplicates > 0 {
            writeln!(out, "{duplicates} of the packets were told before, by another line")?;
        }
        writeln!(out)?;
        for ((_, word), n) in CERTAINTIES.iter().zip(self.certainties) {
            writeln!(out, "{n:>12}  {word}")?;
        }
        if !self.reasons.is_empty() {
            writeln!(out, "\nNot told:")?;
            for (reason, n) in sorted(&self.reasons, |n| *n) {
                writeln!(out, "{n:>12}  {reason}")?;
            }
        }
        if !self.owners.is_empty() {
            writeln!(out, "\n{:>12}  {:>12}  APP", "ALLOWED", "DENIED")?;
            let has_twin = |owner: &Owner| {
                let alike = self.owners.range((owner.0.clone(), None)..);
                alike.take_while(|(other, _)| other.0 == owner.0).nth(1).is_some()
            };
            for (owner, v) in sorted(&self.owners, |v| v.allowed + v.denied) {
                let guid = owner.1.as_deref().filter(|_| has_twin(owner));
                let guid = guid.map_or_else(String::new, |guid| format!(" {guid}"));
                let text = format!("{}{guid}", owner.0);
                writeln!(out, "{:>12}  {:>12}  {}", v.allowed, v.denied, escape_text(&text))?;
            }
        }
        out.flush()
    }
}

/// The entries, those that count most first.
fn sorted<K: Ord, V>(map: &BTreeMap<K, V>, count: impl Fn(&V) -> u64) -> Vec<(&K, &V)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(_, v)| std::cmp::Reverse(count(v)));
    entries
}
