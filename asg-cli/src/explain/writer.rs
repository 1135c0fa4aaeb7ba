//! Explanations as JSON Lines: one object for each flow.
//!
//! Flows of one container share their app, and alike packets share their explanation. The writer
//! keeps the text of both, and puts the rest between.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use asg_core::bytes::SmallText;
use asg_core::correlate::KnownFlow;
use asg_core::names::{AppState, Entity};
use asg_core::policy::{ExplainOutput, Explanation, NearMiss, Phase, Probe, ProbeTraffic};
use asg_core::time::TimeText;
use asg_core::{Certainty, Flow, Origin, SourceId, Timestamp};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::Explained;
use crate::origins;
use crate::output::ndjson::{json, name_destination};
use crate::query::ReadRow;

/// The cache of texts is emptied when it holds more than this.
const MOST_TEXTS: usize = 1 << 16;

/// Writes explanations of flows into a buffer, for one thread.
///
/// See [the module](super) for an example.
#[derive(Debug, Default)]
pub struct ExplainWriter {
    near: Option<usize>,
    out: Vec<u8>,
    times: TimeText,
    text: SmallText,
    sources: HashMap<SourceId, Box<[u8]>>,
    /// By the keys of flows: the text from `app` to `phase`.
    owners: Vec<Option<Box<[u8]>>>,
    /// By the addresses of explanations, which they keep alive: the text from `governed` on.
    answers: HashMap<usize, (Arc<Explanation>, Box<[u8]>)>,
    /// By the addresses of lists of near misses, which they keep alive: their text.
    nears: HashMap<usize, (Arc<[NearMiss]>, Box<RawValue>)>,
}

impl ExplainWriter {
    /// Creates a writer that shows at most `near` near misses.
    #[must_use]
    pub fn new(near: Option<usize>) -> Self {
        Self { near, ..Self::default() }
    }

    /// Writes a flow's explanation, with a line feed: the text of [`explain_object`].
    pub fn add(&mut self, flow: &Flow<'_, '_>, explained: &Explained) {
        self.push_place(flow.origin, flow.time);
        self.push_owner(flow, explained.phase);
        self.push_answer(explained);
    }

    /// Writes the explanation of a flow whose key an earlier one had; returns `false` and writes
    /// nothing if that one was not written.
    pub fn add_known(&mut self, flow: &KnownFlow<'_>, explained: &Explained) -> bool {
        let key = flow.key.index();
        if self.owners.get(key).is_none_or(Option::is_none) {
            return false;
        }
        self.push_place(flow.origin, flow.time);
        if let Some(Some(owner)) = self.owners.get(key) {
            self.out.extend_from_slice(owner);
        }
        self.push_answer(explained);
        true
    }

    fn push_place(&mut self, Origin { source, line }: Origin, time: Option<Timestamp>) {
        let out = &mut self.out;
        out.extend_from_slice(b"{\"kind\":\"explain\",\"source\":");
        let name = self.sources.entry(source).or_insert_with(|| json(&origins::name(source)));
        out.extend_from_slice(name);
        out.extend_from_slice(b",\"line\":");
        self.text.clear();
        self.text.number(line);
        out.extend_from_slice(self.text.as_bytes());
        if let Some(time) = time {
            out.extend_from_slice(b",\"time\":\"");
            self.times.push(out, time);
            out.push(b'"');
        }
    }

    fn push_answer(&mut self, explained: &Explained) {
        let Explained { explanation, probe, .. } = explained;
        let out = &mut self.out;
        if let Some(probe) = probe {
            push_packet(out, &mut self.text, probe);
        }
        if self.answers.len() > MOST_TEXTS {
            self.answers.clear();
            self.nears.clear();
        }
        let count = self.near.unwrap_or(usize::MAX).min(explanation.near.len());
        let number = Arc::as_ptr(explanation).addr();
        let nears = &mut self.nears;
        let (_, text) = self.answers.entry(number).or_insert_with(|| {
            let near = &explanation.near;
            let text = if count == 0 {
                members(&Answer(explanation, &near[..0], false))
            } else {
                let of_near = Arc::as_ptr(near).addr();
                let (_, near) =
                    nears.entry(of_near).or_insert_with(|| (Arc::clone(near), raw(&near[..count])));
                members(&Answer(explanation, &**near, true))
            };
            (Arc::clone(explanation), text)
        });
        out.extend_from_slice(text);
        out.extend_from_slice(b"}\n");
    }

    /// Adds the caller's name of the destination to the last flow.
    pub(crate) fn label(&mut self, row: &ReadRow<'_>) {
        name_destination(&mut self.out, row);
    }

    /// Returns the bytes that were written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        let room = self.out.len() + self.out.len() / 8;
        std::mem::replace(&mut self.out, Vec::with_capacity(room))
    }

    fn push_owner(&mut self, flow: &Flow<'_, '_>, phase: Option<Phase>) {
        let Some(key) = flow.key().map(asg_core::correlate::FlowKey::index) else {
            self.out.extend_from_slice(&owner(flow, phase));
            return;
        };
        if self.owners.len() <= key {
            self.owners.resize_with(key + 1, || None);
        }
        let text = self.owners[key].get_or_insert_with(|| owner(flow, phase));
        self.out.extend_from_slice(text);
    }
}

/// Returns the explanation of a flow as an object of the output contract, with at most `near` near
/// misses.
pub fn explain_object<'f>(
    flow: &'f Flow<'_, '_>,
    explained: &'f Explained,
    near: Option<usize>,
) -> impl Serialize + use<'f> {
    ExplainOutput {
        source: Some(origins::name(flow.origin.source)),
        line: Some(flow.origin.line),
        time: flow.time,
        app: App::of(flow),
        space: space(flow),
        phase: explained.phase,
        probe: explained.probe,
        explanation: &explained.explanation,
        near,
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

/// Returns `,"app":…,"space":…,"phase":…`, as far as they are known.
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

/// The members of an explanation from `governed` on, with its near misses, and whether there are
/// any.
struct Answer<'e, N: ?Sized>(&'e Explanation, &'e N, bool);

impl<N: Serialize + ?Sized> Serialize for Answer<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write_with(self.1, self.2, &mut map)?;
        map.end()
    }
}

/// Returns near misses as text.
fn raw(near: &[NearMiss]) -> Box<RawValue> {
    serde_json::value::to_raw_value(near).expect("they are data")
}

/// Appends `,"packet":{…}`.
fn push_packet(out: &mut Vec<u8>, text: &mut SmallText, probe: &Probe) {
    out.extend_from_slice(b",\"packet\":");
    let (IpAddr::V4(ip), ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port }) =
        (probe.destination, probe.traffic)
    else {
        return out.extend_from_slice(&json(probe));
    };
    let is_tcp = matches!(probe.traffic, ProbeTraffic::Tcp { .. });
    text.clear();
    text.constant(if is_tcp {
        b"{\"proto\":\"TCP\",\"dst\":\""
    } else {
        b"{\"proto\":\"UDP\",\"dst\":\""
    });
    text.dotted(ip.octets());
    text.constant(b"\",\"dpt\":");
    text.number(u64::from(port));
    text.byte(b'}');
    out.extend_from_slice(text.as_bytes());
}

/// Returns the members of an object, with a comma before each.
fn members(object: &impl Serialize) -> Box<[u8]> {
    match &*json(object) {
        [b'{', b'}'] => Box::default(),
        [b'{', inside @ .., b'}'] => [b",", inside].concat().into(),
        _ => Box::default(),
    }
}

#[cfg(test)]
mod tests {
    use asg_core::correlate::{AnyFlow, FlowCache};
    use asg_core::policy::{CellSettings, Policy, Snapshot};
    use asg_core::{Gathering, Line};

    use super::super::{FlowExplainer, FlowFacts};
    use super::*;

    const GROUPS: &[u8] =
        br#"{"taken_at":"2024-05-06T00:00:00Z","complete":true,"resources":[{"guid":"g",
        "rules":[{"protocol":"tcp","destination":"10.0.0.0/8","ports":"1-9000","log":true}],
        "globally_enabled":{"running":true,"staging":true}}]}"#;

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
        let policy = Policy::new(Snapshot::parse(GROUPS, None).unwrap(), CellSettings::default());
        for log in logs {
            let lines: Vec<&[u8]> = log.split(|b| *b == b'\n').collect();
            let at = |line| Origin { source: SourceId(0), line };
            let mut gathering = Gathering::new();
            for (n, line) in (1..).zip(&lines) {
                gathering.ingest(at(n), line);
            }
            let found = gathering.finish(|_| Ok::<(), std::convert::Infallible>(())).unwrap();
            let correlation = found.correlate();
            let facts = Arc::new(FlowFacts::new(&correlation, &policy));
            let mut explainer = FlowExplainer::new(&policy, facts);
            let mut writer = ExplainWriter::new(Some(1));
            let mut reader = correlation.reader();
            let mut flows = 0;
            for (n, text) in (1..).zip(&lines) {
                let line = Line::new(text);
                let Some(flow) = reader.flow(at(n), &line) else { continue };
                flows += 1;
                let explained = explainer.explain(&flow);
                let object = explain_object(&flow, &explained, Some(1));
                let expected = serde_json::to_string(&object).unwrap() + "\n";
                for _ in 0..2 {
                    writer.add(&flow, &explained);
                    assert_eq!(String::from_utf8(writer.take()).unwrap(), expected);
                }
            }
            assert!(flows > 1, "{flows}");
        }
    }

    #[test]
    fn known_flows_have_the_text_of_whole_ones() {
        let header = "2024-05-06T07:09:10.000000+00:00 cell-1 kernel: [637.500000] ";
        let packet = |n: u32| {
            let (word, port) = (if n.is_multiple_of(3) { "DENY" } else { "OK" }, 79 + n % 5);
            let prefix = &format!("{word}_bfce786c-ab07-40ad-79f9-8")[..28];
            let head = "IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00";
            let last = if n.is_multiple_of(2) {
                format!("PROTO=TCP SPT=51858 DPT={port} WINDOW=27400 RES=0x00 SYN URGP=0 ")
            } else {
                format!("PROTO=UDP SPT=51858 DPT={port} LEN=40 ")
            };
            format!(
                "{header}{prefix} {head} SRC=10.255.73.3 DST=10.0.16.{} LEN=60 TOS=0x00 PREC=0x00 \
                 TTL=63 ID={n} DF {last}",
                n % 3,
            )
        };
        let log: Vec<String> = (0..40).map(packet).collect();
        let policy = Policy::new(Snapshot::parse(GROUPS, None).unwrap(), CellSettings::default());
        let lines: Vec<&[u8]> = log.iter().map(String::as_bytes).collect();
        let at = |line| Origin { source: SourceId(0), line };
        let mut gathering = Gathering::new();
        (1..).zip(&lines).for_each(|(n, line)| gathering.ingest(at(n), line));
        let found = gathering.finish(|_| Ok::<(), std::convert::Infallible>(())).unwrap();
        let correlation = found.correlate();
        let facts = Arc::new(FlowFacts::new(&correlation, &policy));
        let explainer = || FlowExplainer::new(&policy, Arc::clone(&facts));
        let (mut whole, mut fast) = (ExplainWriter::new(None), ExplainWriter::new(None));
        let (mut slow_explainer, mut fast_explainer) = (explainer(), explainer());
        let (mut slow_cache, mut cache, mut known) =
            (FlowCache::default(), FlowCache::default(), 0);
        for (n, text) in (1..).zip(&lines) {
            let line = Line::new(text);
            correlation.flows(&mut slow_cache, at(n), &line, |flow| {
                whole.add(&flow, &slow_explainer.explain(&flow));
            });
            correlation.each(&mut cache, at(n), &line, |flow| match flow {
                AnyFlow::Whole(flow) => fast.add(flow, &fast_explainer.explain(flow)),
                AnyFlow::Known(flow) => {
                    let explained = fast_explainer.explain_known(flow, &flow.packet().ip).unwrap();
                    assert!(fast.add_known(flow, &explained));
                    known += 1;
                }
            });
            let texts = [whole.take(), fast.take()].map(|text| String::from_utf8(text).unwrap());
            assert_eq!(texts[0], texts[1], "line {n}");
        }
        assert!(known > 0, "{known}");
    }
}
