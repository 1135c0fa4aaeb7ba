//! The answers to a question: flows and explanations as lines of JSON, and what they rest on.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use asg_core::ledger::{Attribution, Lifetime, Owners, Reason};
use asg_core::prefix::Subject;
use asg_core::{Flow, Guid, Identity, Ledger, Origin};

use super::manifest::Question;
use crate::error::Error;
use crate::explain::ExplainWriter;
use crate::flows::RowSink;
use crate::output::ndjson::FlowWriter;
use crate::output::zone::Zone;
use crate::query::{Condition, Query, ReadRow, Row};
use crate::search;

/// Lines of JSON about packets, and what they rest on.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The flows, as `asglog correlate --format ndjson --flow-id` writes them.
    pub(super) flows: Vec<u8>,
    /// The explanations, as `asglog explain --format ndjson` writes them.
    pub(super) explanations: Vec<u8>,
    pub(super) packets: u64,
    pub(super) certainty: BTreeMap<String, u64>,
    pub(super) rests: Rests,
}

/// What answers rest on.
#[derive(Debug, Default)]
pub(super) struct Rests {
    /// The lines about the packets.
    pub(super) packets: HashSet<Origin>,
    /// The handles of the owners, and of containers about which lines contradict each other.
    pub(super) handles: HashSet<String>,
    /// What the log prefixes show of handles.
    pub(super) handle_prefixes: BTreeSet<String>,
    /// What the log prefixes show of apps.
    pub(super) app_prefixes: BTreeSet<String>,
    /// The log prefixes.
    pub(super) log_prefixes: HashSet<Vec<u8>>,
    pub(super) addresses: HashSet<IpAddr>,
    pub(super) cells: HashSet<String>,
    /// The process names of the owners.
    pub(super) processes: HashSet<String>,
    /// The apps of the owners.
    pub(super) apps: HashSet<Guid>,
}

/// The containers and apps that a question is about.
#[derive(Debug)]
pub(super) enum Wanted {
    All,
    Some { handles: HashSet<String>, apps: HashSet<String> },
}

impl Question {
    /// Returns the containers and apps that it is about.
    pub(super) fn wanted(&self, ledger: &Ledger, names: &HashMap<Guid, Identity>) -> Wanted {
        let Some(text) = &self.app else { return Wanted::All };
        let mut apps = HashSet::from([text.to_ascii_lowercase()]);
        let Some((by, found)) = search::find(ledger, text, names) else {
            return Wanted::Some { handles: HashSet::new(), apps };
        };
        if matches!(by, search::By::App | search::By::Name) {
            for lifetime in &found {
                let subject = lifetime.subject();
                let named = subject.and_then(|guid| names.get(&guid)?.app.as_ref());
                apps.extend(lifetime.app().map(|app| app.to_string()));
                apps.extend(named.map(|app| app.guid.to_ascii_lowercase()));
            }
        }
        let handles = found.iter().map(|it| it.handle().to_string()).collect();
        Wanted::Some { handles, apps }
    }

    /// Returns the answers about the flows of a query.
    ///
    /// # Errors
    ///
    /// Those of reading, and of conditions.
    pub(super) fn ask(&self, flows: &Query, wanted: &Arc<Wanted>) -> Result<Answers, Error> {
        let mut flows = flows.clone();
        for condition in &self.conditions {
            flows = flows.meeting(&Condition::parse(condition)?, &Zone::default())?;
        }
        if self.from.is_some() || self.to.is_some() {
            flows = flows.between(self.from, self.to);
        }
        let sink = || AnswerSink {
            wanted: Arc::clone(wanted),
            flows: FlowWriter::new(true),
            explanations: ExplainWriter::new(None),
            found: Answers::default(),
        };
        let mut running = flows.timed_run(sink)?;
        let mut answers = Answers::default();
        while let Some(more) = running.next()? {
            answers.add(more);
        }
        Ok(answers)
    }
}

impl Answers {
    fn add(&mut self, more: Self) {
        self.flows.extend(more.flows);
        self.explanations.extend(more.explanations);
        self.packets += more.packets;
        for (certainty, packets) in more.certainty {
            *self.certainty.entry(certainty).or_default() += packets;
        }
        let Rests {
            packets,
            handles,
            handle_prefixes,
            app_prefixes,
            log_prefixes,
            addresses,
            cells,
            processes,
            apps,
        } = more.rests;
        let all = &mut self.rests;
        all.packets.extend(packets);
        all.handles.extend(handles);
        all.handle_prefixes.extend(handle_prefixes);
        all.app_prefixes.extend(app_prefixes);
        all.log_prefixes.extend(log_prefixes);
        all.addresses.extend(addresses);
        all.cells.extend(cells);
        all.processes.extend(processes);
        all.apps.extend(apps);
    }
}

/// Returns the lines of JSON in a text, with their line feeds.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|b| *b == b'\n')
}

/// Returns the containers in an answer.
fn containers<'f>(answer: &'f Attribution<'_>) -> impl Iterator<Item = Lifetime<'f>> {
    answer.container().into_iter().chain(answer.candidates().iter().copied()).chain(answer.lease)
}

/// Returns whether an answer has several candidates.
fn are_several(answer: &Attribution<'_>) -> bool {
    answer.candidates().len() > 1 || answer.candidates_more > 0
}

impl Wanted {
    /// Returns whether it is about a container by itself.
    pub(super) fn is_about(&self, handle: &str) -> bool {
        match self {
            Self::All => false,
            Self::Some { handles, .. } => handles.contains(handle),
        }
    }

    fn is(&self, flow: &Flow<'_, '_>) -> bool {
        let Self::Some { handles, apps } = self else { return true };
        let is_of = |answer: &Attribution<'_>| {
            let is_app = |app: Guid| apps.contains(&app.to_string());
            containers(answer).any(|it| handles.contains(&it.handle().to_string()))
                || matches!(answer.owners, Owners::App { app, .. } if is_app(app))
        };
        let is_app = flow.app().is_some_and(|app| apps.contains(&app.guid.to_ascii_lowercase()));
        is_app
            || is_of(&flow.attribution)
            || flow.peer.as_ref().is_some_and(|peer| is_of(&peer.attribution))
    }
}

impl Rests {
    fn add(&mut self, flow: &Flow<'_, '_>) {
        self.packets.insert(flow.origin);
        self.packets.extend(&flow.also);
        self.cells.extend(flow.cell.as_deref().map(str::to_owned));
        self.cells.extend(flow.record.envelope.cell());
        let packet = flow.packet();
        self.log_prefixes.insert(packet.prefix.as_bytes().to_vec());
        let ends = [packet.ip.src, packet.ip.dst].into_iter().flatten();
        self.addresses.extend(ends.filter_map(asg_core::packet::Address::ip));
        let interfaces = [packet.in_if, packet.out_if].into_iter().flatten();
        let interfaces =
            interfaces.filter_map(|it| asg_core::evidence::Interface::classify(it.as_bytes()));
        self.addresses.extend(interfaces.filter_map(asg_core::evidence::Interface::address));
        if let Some(cf) = &flow.cf
            && let Some(prefix) = cf.handle_prefix
        {
            let answer = &flow.attribution;
            // The beginning of a handle may be that of an app, too.
            let is_apps = matches!(answer.owners, Owners::App { .. })
                || answer.reason == Reason::AmbiguousHandlePrefix && !are_several(answer);
            if cf.subject == Subject::App || is_apps {
                self.app_prefixes.insert(prefix.to_string());
            }
            if cf.subject != Subject::App {
                self.handle_prefixes.insert(prefix.to_string());
            }
        }
        self.add_answer(&flow.attribution);
        if let Some(peer) = &flow.peer {
            self.add_answer(&peer.attribution);
        }
    }

    fn add_answer(&mut self, answer: &Attribution<'_>) {
        // Of several candidates the answer shows the handles alone.
        let doubted = answer.candidates().iter().copied().filter(|_| !are_several(answer));
        for container in answer.container().into_iter().chain(doubted).chain(answer.lease) {
            self.handles.insert(container.handle().to_string());
            self.processes.extend(container.process().map(ToString::to_string));
            self.apps.extend(container.app());
            self.apps.extend(container.subject());
        }
        self.apps.extend(answer.subject());
    }
}

struct AnswerSink {
    wanted: Arc<Wanted>,
    flows: FlowWriter,
    explanations: ExplainWriter,
    found: Answers,
}

impl RowSink for AnswerSink {
    type Done = Answers;

    fn row(&mut self, row: &Row<'_>) {
        let Row::Read(ReadRow { flow: Some(flow), explained, .. }) = row else { return };
        if !self.wanted.is(flow) {
            return;
        }
        self.flows.add(flow);
        if let Some(explained) = explained {
            self.explanations.add(flow, explained);
        }
        self.found.packets += 1;
        let certainty = flow.attribution.certainty.to_string();
        *self.found.certainty.entry(certainty).or_default() += 1;
        self.found.rests.add(flow);
    }

    fn take(&mut self) -> Answers {
        let mut found = std::mem::take(&mut self.found);
        found.flows = self.flows.take();
        found.explanations = self.explanations.take();
        found
    }
}
