//! Flows, counted: how sure the answers are, and which apps sent and were refused how much.

use std::collections::BTreeMap;
use std::io::{self, Write};

use asg_core::bytes::escape_text;
use asg_core::completeness::Completeness;
use asg_core::correlate::{Counted, Counts};
use asg_core::ledger::{Attribution, Reason};
use asg_core::prefix::LogPrefix;
use asg_core::record::Outcomes;
use asg_core::{Certainty, Flow, Identity, SourceId, Verdict};
use serde_json::{Map, Value, json};

use super::table::deletion;

/// Counts of flows. Memory grows with the apps and containers that are named, not with flows.
#[derive(Debug, Default)]
pub struct Summary {
    certainties: [u64; 5],
    /// By their sentences.
    reasons: BTreeMap<&'static str, Told>,
    owners: BTreeMap<Owner, Verdicts>,
    /// Flows by [key](asg_core::Flow::key), which are not yet in the counts above.
    keyed: Vec<Option<Keyed>>,
}

/// A reason, and how often it was the answer.
#[derive(Debug)]
struct Told {
    word: &'static str,
    packets: u64,
}

/// The counts of the first reading of the logs.
#[derive(Debug, Clone, Copy)]
pub struct Known<'k> {
    /// The lines.
    pub counts: &'k Counts,
    /// The lines of each source by outcome.
    pub outcomes: &'k Outcomes,
    /// Lower bounds for missing lines.
    pub completeness: &'k Completeness,
}

/// Flows with one key.
#[derive(Debug)]
struct Keyed {
    packets: u64,
    said: Said,
}

/// The words of a summary for a packet.
#[derive(Debug)]
struct Said {
    /// The place in [`CERTAINTIES`].
    certainty: usize,
    whose: Whose,
}

#[derive(Debug)]
enum Whose {
    /// The reason why the owner is unknown.
    None(Reason),
    Of {
        owner: Owner,
        is_denied: bool,
    },
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
        self.count(*packets, Said::of(cf.as_ref(), attribution, *identity));
    }

    /// Adds one packet. All flows that are added one by one come from one
    /// [`FlowCache`](asg_core::correlate::FlowCache).
    pub fn add_flow(&mut self, flow: &Flow<'_, '_>) {
        let said = || Said::of(flow.cf.as_ref(), &flow.attribution, flow.identity);
        let Some(key) = flow.key().map(asg_core::correlate::FlowKey::index) else {
            return self.count(1, said());
        };
        if self.keyed.len() <= key {
            self.keyed.resize_with(key + 1, || None);
        }
        self.keyed[key].get_or_insert_with(|| Keyed { packets: 0, said: said() }).packets += 1;
    }

    /// Returns the counts of both.
    #[must_use]
    pub(crate) fn merged(self, other: Self) -> Self {
        let (mut all, other) = (self.settled(), other.settled());
        for (count, more) in all.certainties.iter_mut().zip(other.certainties) {
            *count += more;
        }
        for (sentence, Told { word, packets }) in other.reasons {
            all.reasons.entry(sentence).or_insert(Told { word, packets: 0 }).packets += packets;
        }
        for (owner, Verdicts { allowed, denied }) in other.owners {
            let verdicts = all.owners.entry(owner).or_default();
            verdicts.allowed += allowed;
            verdicts.denied += denied;
        }
        all
    }

    /// Counts the flows that are held by key.
    fn settled(mut self) -> Self {
        for Keyed { packets, said } in std::mem::take(&mut self.keyed).into_iter().flatten() {
            self.count(packets, said);
        }
        self
    }

    fn count(&mut self, packets: u64, said: Said) {
        self.certainties[said.certainty] += packets;
        match said.whose {
            Whose::None(reason) => {
                let (sentence, word) = (reason.sentence(), reason.as_str());
                let told = self.reasons.entry(sentence).or_insert(Told { word, packets: 0 });
                told.packets += packets;
            }
            Whose::Of { owner, is_denied } => {
                let verdicts = self.owners.entry(owner).or_default();
                let count = if is_denied { &mut verdicts.denied } else { &mut verdicts.allowed };
                *count += packets;
            }
        }
    }

    /// Prints it, with so many owners at most.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn print(
        self,
        counts: &Counts,
        most: Option<usize>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let Self { certainties, reasons, owners, .. } = self.settled();
        let Counts { lines, packets, evidence, damaged, duplicates, displaced, .. } = counts;
        writeln!(
            out,
            "{lines} lines: {packets} packets, {evidence} about containers, {damaged} damaged"
        )?;
        if *duplicates > 0 {
            writeln!(out, "{duplicates} of the packets were told before, by another line")?;
        }
        if *displaced > 0 {
            let what = "a further line about one of them counts again";
            writeln!(out, "{displaced} packets were forgotten for want of room; {what}")?;
        }
        writeln!(out)?;
        for ((_, word), n) in CERTAINTIES.iter().zip(certainties) {
            writeln!(out, "{n:>12}  {word}")?;
        }
        if !reasons.is_empty() {
            writeln!(out, "\nNot told:")?;
            for (reason, told) in sorted(&reasons, |told| told.packets) {
                writeln!(out, "{:>12}  {reason}", told.packets)?;
            }
        }
        if !owners.is_empty() {
            writeln!(out, "\n{:>12}  {:>12}  APP", "ALLOWED", "DENIED")?;
            let has_twin = |owner: &Owner| {
                let alike = owners.range((owner.0.clone(), None)..);
                alike.take_while(|(other, _)| other.0 == owner.0).nth(1).is_some()
            };
            let most = most.unwrap_or(usize::MAX);
            for (owner, v) in sorted(&owners, |v| v.allowed + v.denied).into_iter().take(most) {
                let guid = owner.1.as_deref().filter(|_| has_twin(owner));
                let guid = guid.map_or_else(String::new, |guid| format!(" {guid}"));
                let text = format!("{}{guid}", owner.0);
                writeln!(out, "{:>12}  {:>12}  {}", v.allowed, v.denied, escape_text(&text))?;
            }
            if owners.len() > most {
                writeln!(out, "{:>12}  apps or containers more", owners.len() - most)?;
            }
        }
        out.flush()
    }

    /// Returns the counts as JSON, with so many owners at most; see `schemas/summary.schema.json`.
    /// `name` names a source.
    #[must_use]
    pub fn to_json<'s>(
        self,
        known: &Known<'_>,
        most: Option<usize>,
        name: impl Fn(SourceId) -> &'s str,
    ) -> Value {
        let Self { certainties, reasons, owners, .. } = self.settled();
        let Counts { lines, packets, evidence, damaged, duplicates, displaced, .. } = known.counts;
        let certainty = CERTAINTIES.iter().zip(certainties);
        let certainty: Map<_, _> =
            certainty.map(|((_, word), n)| (word.replace(' ', "_"), json!(n))).collect();
        let reasons = sorted(&reasons, |told| told.packets).into_iter().map(|(sentence, told)| {
            json!({"reason": told.word, "sentence": sentence, "packets": told.packets})
        });
        let shown = sorted(&owners, |v| v.allowed + v.denied);
        let shown = shown.into_iter().take(most.unwrap_or(usize::MAX));
        let apps = shown.map(|((app, guid), Verdicts { allowed, denied })| {
            json!({"app": app, "guid": guid, "allowed": allowed, "denied": denied})
        });
        let sources = known.outcomes.sources().map(|(source, counts)| {
            let first = counts.iter().filter(|(it, _)| it.consequence().is_some());
            let first: Map<_, _> = first
                .filter_map(|(it, _)| Some((it.as_str().to_owned(), json!(counts.first(it)?))))
                .collect();
            json!({"source": name(source), "lines": counts, "first": first})
        });
        let report = known.completeness.report();
        let missing = report.iter().filter(|cell| {
            cell.dropped + cell.missing_records + cell.folded + cell.damaged > 0 || cell.is_silent()
        });
        let missing = missing.map(|cell| {
            json!({
                "machine": cell.source.map_or(cell.cell, |source| name(source)),
                "dropped": cell.dropped,
                "missing_records": cell.missing_records,
                "folded": cell.folded,
                "damaged": cell.damaged,
                "is_silent": cell.is_silent(),
            })
        });
        json!({
            "schema_version": SCHEMA_VERSION,
            "lines": lines,
            "packets": packets,
            "evidence": evidence,
            "damaged": damaged,
            "duplicates": duplicates,
            "displaced": displaced,
            "certainty": certainty,
            "not_told": reasons.collect::<Vec<_>>(),
            "owners": owners.len(),
            "apps": apps.collect::<Vec<_>>(),
            "sources": sources.collect::<Vec<_>>(),
            "missing": missing.collect::<Vec<_>>(),
        })
    }
}

/// The version of the JSON form.
const SCHEMA_VERSION: u32 = 1;

impl Said {
    fn of(
        cf: Option<&LogPrefix<'_>>,
        attribution: &Attribution<'_>,
        identity: Option<&Identity>,
    ) -> Self {
        let certainty = CERTAINTIES.iter().position(|(c, _)| *c == attribution.certainty);
        let certainty = certainty.expect("all certainties are in the table");
        if attribution.certainty <= Certainty::Ambiguous {
            return Self { certainty, whose: Whose::None(attribution.reason) };
        }
        let named = |identity: &Identity| {
            let became = deletion(identity).unwrap_or_default();
            Some(identity.path()? + &became)
        };
        let name = identity
            .and_then(named)
            .or_else(|| attribution.process().map(ToString::to_string))
            .or_else(|| attribution.subject().map(|guid| guid.to_string()))
            .or_else(|| attribution.container().map(|l| l.handle().to_string()))
            .unwrap_or_else(|| "?".into());
        let app = identity.and_then(|identity| identity.app.as_ref()).map(|app| app.guid.clone());
        let is_denied = cf.is_some_and(|cf| cf.verdict == Verdict::Denied);
        Self { certainty, whose: Whose::Of { owner: (name, app), is_denied } }
    }
}

/// Returns the entries, those that count most first.
fn sorted<K: Ord, V>(map: &BTreeMap<K, V>, count: impl Fn(&V) -> u64) -> Vec<(&K, &V)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(_, v)| std::cmp::Reverse(count(v)));
    entries
}
