//! Explanations as JSON Lines: one object for each flow.
//!
//! Flows of one container share their app, and alike packets share their explanation. The writer
//! keeps the text of both, and puts the rest between.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use asg_core::policy::{Explainer, Explanation, PacketFacts, Phase, Policy, Probe, ProbeTraffic};
use asg_core::{AppState, Certainty, Entity, Flow, SourceId};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::FlowFacts;
use crate::origins;
use crate::output::clock::TimeText;
use crate::output::ndjson::{json, push_number};
use crate::query::push_dotted;

/// The cache of texts is emptied when it holds more than this.
const MOST_TEXTS: usize = 1 << 16;

/// Explains flows and writes them into a buffer, for one thread.
///
/// See [the module](super) for an example.
#[derive(Debug)]
pub struct ExplainWriter {
    explainer: Explainer,
    facts: Arc<FlowFacts>,
    near: Option<usize>,
    out: Vec<u8>,
    times: TimeText,
    sources: HashMap<SourceId, Box<[u8]>>,
    /// By the keys of flows: the text from `app` to `phase`.
    owners: Vec<Option<Box<[u8]>>>,
    /// By the addresses of explanations, which they keep alive: the text from `governed` on.
    answers: HashMap<usize, (Arc<Explanation>, Box<[u8]>)>,
}

impl ExplainWriter {
    /// Creates a writer that shows at most `near` near misses.
    #[must_use]
    pub fn new(policy: &Policy, facts: Arc<FlowFacts>, near: Option<usize>) -> Self {
        Self {
            explainer: policy.explainer(),
            facts,
            near,
            out: Vec::new(),
            times: TimeText::default(),
            sources: HashMap::new(),
            owners: Vec::new(),
            answers: HashMap::new(),
        }
    }

    /// How many near misses are shown at most.
    #[must_use]
    pub const fn near(&self) -> Option<usize> {
        self.near
    }

    /// Explains a flow.
    pub fn explain(&mut self, flow: &Flow<'_, '_>) -> Arc<Explanation> {
        self.explainer.explain(&self.facts.of(flow))
    }

    /// Writes a flow's explanation, with a line feed: an
    /// [`ExplainOutput`](asg_core::policy::ExplainOutput).
    pub fn add(&mut self, flow: &Flow<'_, '_>) {
        let facts = self.facts.of(flow);
        let explanation = self.explainer.explain(&facts);
        let out = &mut self.out;
        out.extend_from_slice(b"{\"kind\":\"explain\",\"source\":");
        let source = flow.origin.source;
        let name = self.sources.entry(source).or_insert_with(|| json(&origins::name(source)));
        out.extend_from_slice(name);
        out.extend_from_slice(b",\"line\":");
        push_number(out, flow.origin.line);
        if let Some(time) = flow.time {
            out.extend_from_slice(b",\"time\":\"");
            self.times.push(out, time);
            out.push(b'"');
        }
        self.push_owner(flow, &facts);
        let out = &mut self.out;
        if let Some(probe) = super::probe(&flow.packet().ip) {
            push_packet(out, &probe);
        }
        if self.answers.len() > MOST_TEXTS {
            self.answers.clear();
        }
        let number = Arc::as_ptr(&explanation).addr();
        let near = self.near;
        let (_, text) = self.answers.entry(number).or_insert_with(|| {
            let text = members(&Answer(&explanation, near));
            (explanation, text)
        });
        out.extend_from_slice(text);
        out.extend_from_slice(b"}\n");
    }

    /// Hands over what was written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        let room = self.out.len() + self.out.len() / 8;
        std::mem::replace(&mut self.out, Vec::with_capacity(room))
    }

    fn push_owner(&mut self, flow: &Flow<'_, '_>, facts: &PacketFacts<'_>) {
        let Some(key) = flow.key().map(asg_core::FlowKey::index) else {
            self.out.extend_from_slice(&owner(flow, facts.phase));
            return;
        };
        if self.owners.len() <= key {
            self.owners.resize_with(key + 1, || None);
        }
        let text = self.owners[key].get_or_insert_with(|| owner(flow, facts.phase));
        self.out.extend_from_slice(text);
    }
}

/// The app of a flow, and how surely it is the sender.
#[derive(Serialize)]
struct App<'f> {
    guid: &'f str,
    name: Option<&'f str>,
    state: AppState,
    certainty: Certainty,
}

impl<'f> App<'f> {
    fn of(flow: &'f Flow<'_, '_>) -> Option<Self> {
        let identity = flow.identity?;
        let app = identity.app.as_ref()?;
        let certainty = flow.attribution.certainty;
        Some(Self { guid: &app.guid, name: app.name.as_deref(), state: identity.state, certainty })
    }
}

fn space<'f>(flow: &'f Flow<'_, '_>) -> Option<&'f Entity> {
    flow.identity?.space.as_ref()
}

/// `,"app":…,"space":…,"phase":…`, as far as they are known.
fn owner(flow: &Flow<'_, '_>, phase: Option<Phase>) -> Box<[u8]> {
    #[derive(Serialize)]
    struct Owner<'f> {
        #[serde(skip_serializing_if = "Option::is_none")]
        app: Option<App<'f>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        space: Option<&'f Entity>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<Phase>,
    }
    members(&Owner { app: App::of(flow), space: space(flow), phase })
}

/// The members of an explanation from `governed` on.
struct Answer<'e>(&'e Explanation, Option<usize>);

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(self.1, &mut map)?;
        map.end()
    }
}

/// `,"packet":{…}`
fn push_packet(out: &mut Vec<u8>, probe: &Probe) {
    out.extend_from_slice(b",\"packet\":");
    let (IpAddr::V4(ip), ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port }) =
        (probe.destination, probe.traffic)
    else {
        return out.extend_from_slice(&json(probe));
    };
    let is_tcp = matches!(probe.traffic, ProbeTraffic::Tcp { .. });
    out.extend_from_slice(if is_tcp { b"{\"proto\":\"TCP\"" } else { b"{\"proto\":\"UDP\"" });
    out.extend_from_slice(b",\"dst\":\"");
    push_dotted(out, ip.octets());
    out.extend_from_slice(b"\",\"dpt\":");
    push_number(out, u64::from(port));
    out.push(b'}');
}

/// The members of an object, with a comma before each.
fn members(object: &impl Serialize) -> Box<[u8]> {
    match &*json(object) {
        [b'{', b'}'] => Box::default(),
        [b'{', inside @ .., b'}'] => [b",", inside].concat().into(),
        _ => Box::default(),
    }
}

#[cfg(test)]
mod tests {
    use asg_core::policy::{CellSettings, ExplainOutput, Snapshot};
    use asg_core::{Gathering, Line, Origin};

    use super::*;

    const GROUPS: &[u8] =
        br#"{"taken_at":"2024-05-06T00:00:00Z","complete":true,"resources":[{"guid":"g",
        "rules":[{"protocol":"tcp","destination":"10.0.0.0/8","ports":"1-9000","log":true}],
        "globally_enabled":{"running":true,"staging":true}}]}"#;

    /// The text of [`ExplainOutput`], which is the contract.
    fn slow(writer: &mut ExplainWriter, flow: &Flow<'_, '_>, near: Option<usize>) -> String {
        let explanation = writer.explain(flow);
        let source = origins::name(flow.origin.source);
        let output = ExplainOutput {
            source: Some(source),
            line: Some(flow.origin.line),
            time: flow.time,
            app: App::of(flow),
            space: space(flow),
            phase: writer.facts.of(flow).phase,
            probe: super::super::probe(&flow.packet().ip),
            explanation: &explanation,
            near,
        };
        serde_json::to_string(&output).unwrap() + "\n"
    }

    #[test]
    fn the_cached_text_is_that_of_the_contract() {
        let packets = include_str!("../../../asg-core/fixtures/kernel/packets.jsonl").lines();
        let line = |row: &str| {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            row["line"].as_str().unwrap().to_owned()
        };
        let packets: Vec<String> = packets.map(line).collect();
        let packets = packets.join("\n");
        let logs = [
            include_bytes!("../../data/article.log").as_slice(),
            include_bytes!("../../data/foundation.log"),
            packets.as_bytes(),
        ];
        let policy = Policy::new(Snapshot::read(GROUPS, None).unwrap(), CellSettings::default());
        for log in logs {
            let lines: Vec<&[u8]> = log.split(|b| *b == b'\n').collect();
            let at = |line| Origin { source: SourceId(0), line };
            let mut gathering = Gathering::new();
            for (n, line) in (1..).zip(&lines) {
                gathering.read(at(n), line);
            }
            let found = gathering.finish(|_| Ok::<(), std::convert::Infallible>(())).unwrap();
            let correlation = found.correlate();
            let facts = Arc::new(FlowFacts::new(&correlation, &policy));
            let mut writer = ExplainWriter::new(&policy, facts, Some(1));
            let mut reader = correlation.reader();
            let mut flows = 0;
            for (n, text) in (1..).zip(&lines) {
                let line = Line::new(text);
                let Some(flow) = reader.flow(at(n), &line) else { continue };
                flows += 1;
                let expected = slow(&mut writer, &flow, Some(1));
                for _ in 0..2 {
                    writer.add(&flow);
                    assert_eq!(String::from_utf8(writer.take()).unwrap(), expected);
                }
            }
            assert!(flows > 1, "{flows}");
        }
    }
}
