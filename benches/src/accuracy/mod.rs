//! Measures how often the correlator is right: compares its flows with the truth of a simulated
//! foundation.
//!
//! # The meaning of "right"
//!
//! An answer is *certain* if it is `exact` or `unique_prefix`. Everything in a certain answer must
//! be true:
//!
//! * a container in it is the one that the rule was made for, by its whole handle: the source of an
//!   outgoing packet, the destination of an incoming one;
//! * a process in it is the one that ran in that container, version and all;
//! * an app in it is that container's app, whatever its name was then.
//!
//! The era limits the information in a line ([`Names`]). A prefix of 29 characters of an old
//! `<process GUID>-<instance GUID>` handle, an old staging handle and `OK_<tag>_<app GUID>`
//! identify the app and not which of its containers; tasks and builds have their own GUIDs; health
//! checks, `REJECT_LOCAL:`, warden's short ids and other tools' lines identify nobody, so any
//! certain answer about them is wrong.
//!
//! A line is *attributed* if a certain answer names the app, and all of it is right. Recall is the
//! share of attributed lines among those that identify an app and are whole. Lines that are cut,
//! and second copies, count for precision only.
//!
//! A container without any surviving line can be confused with another whose handle begins alike:
//! the logs do not show that it exists. Such answers are counted apart
//! ([`Judgement::wrong_unseen`]).
//!
//! A time is *outside its error* if the packet was not logged, by the clock of its cell, within the
//! range in the flow.
//!
//! A line is *evidenced* if the surviving lines of rep's logs identify its owner: one of them has
//! its container's handle and process (for a task or build: the handle). For a line that identifies
//! an app only, such a line about any of its containers is enough.

mod rules;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::ops::{AddAssign, ControlFlow};

use asg_core::correlate::{FollowerCounts, FollowerOptions};
use asg_core::{
    Certainty, Correlation, Directory, Flow, Follower, Gathering, Guid, Line, Origin, SourceId,
    TimePolicy, Timestamp,
};

pub use rules::{RulesJudgement, judge_rules, policy_of, settings_of};

use crate::sim::{Kind, Memory, Names, Truth};

/// The result of comparing flows with the truth. Judgements of several foundations add up.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Judgement {
    /// Packet lines that were judged.
    pub packets: u64,
    /// Answers by certainty: unknown, ambiguous, inferred, unique prefix, exact.
    pub by_certainty: [u64; 5],
    /// Whole lines that identify an app.
    pub telling: u64,
    /// Those that are attributed.
    pub attributed: u64,
    /// Lines that identify an app and whose evidence survived.
    pub evidenced: u64,
    /// Those that are attributed.
    pub evidenced_attributed: u64,
    /// Inferred answers that name the right app.
    pub inferred_right: u64,
    /// Flows that name an app, with any certainty.
    pub named: u64,
    /// Certain answers with a fault.
    pub wrong: Vec<Wrong>,
    /// Certain answers with a fault about containers without any surviving line.
    pub wrong_unseen: u64,
    /// Inferred answers with a fault.
    pub wrong_inferred: Vec<Wrong>,
    /// Evidenced lines that are not attributed, although nothing certain about them is wrong.
    pub missed: Vec<Wrong>,
    /// Whole lines about a packet that has another line, too.
    pub copies: u64,
    /// Lines that were merged into a flow beside its own.
    pub merged: u64,
    /// Those that are about another packet.
    pub wrong_merges: u64,
    /// Flows between two containers.
    pub pairs: u64,
    /// Those whose peer is inferred.
    pub peers: u64,
    /// Those whose peer is inferred, and another container.
    pub wrong_peers: Vec<Wrong>,
    /// Flows with a time.
    pub timed: u64,
    /// The sum of their errors, in nanoseconds.
    pub error_nanos: u128,
    /// Those whose true time is outside their range.
    pub outside: Vec<Wrong>,
}

/// A certain answer with a fault, or an answer that could have been certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The file and the line in it.
    pub place: String,
    /// The fault.
    pub what: &'static str,
    /// The reason of the answer.
    pub reason: &'static str,
    /// The answer.
    pub said: String,
    /// The truth.
    pub was: String,
    /// The line.
    pub line: String,
}

impl Judgement {
    /// Returns the number of certain answers.
    #[must_use]
    pub const fn certain(&self) -> u64 {
        self.by_certainty[3] + self.by_certainty[4]
    }

    /// Returns the share of certain answers that are right in every part; 1 without any.
    #[must_use]
    pub fn precision(&self) -> f64 {
        1.0 - share(self.wrong.len() as u64, self.certain())
    }

    /// Returns the share of attributed lines among those that identify an app; 1 without any.
    #[must_use]
    pub fn recall(&self) -> f64 {
        1.0 - share(self.telling - self.attributed, self.telling)
    }

    /// Returns the share of inferred peers that are right; 1 without any.
    #[must_use]
    pub fn peer_precision(&self) -> f64 {
        1.0 - share(self.wrong_peers.len() as u64, self.peers)
    }

    /// Returns the share of flows between containers whose peer is inferred, and right; 1 without
    /// any.
    #[must_use]
    pub fn peer_recall(&self) -> f64 {
        let right = self.peers - self.wrong_peers.len() as u64;
        1.0 - share(self.pairs - right, self.pairs)
    }

    /// Returns the share of flows that name an app, with any certainty.
    #[must_use]
    pub fn named_share(&self) -> f64 {
        share(self.named, self.packets)
    }

    /// Returns the share of flows with a time.
    #[must_use]
    pub fn timed_share(&self) -> f64 {
        share(self.timed, self.packets)
    }

    /// Returns the mean error of times, in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn mean_error(&self) -> f64 {
        self.error_nanos as f64 / 1e9 / self.timed.max(1) as f64
    }

    /// Returns the share of duplicate lines that were merged; 1 without any.
    #[must_use]
    pub fn merged_share(&self) -> f64 {
        1.0 - share(self.copies.saturating_sub(self.merged), self.copies)
    }

    /// Returns the share of evidenced lines that are attributed; 1 without any.
    #[must_use]
    pub fn evidenced_recall(&self) -> f64 {
        1.0 - share(self.evidenced - self.evidenced_attributed, self.evidenced)
    }
}

impl AddAssign for Judgement {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        for (sum, n) in self.by_certainty.iter_mut().zip(other.by_certainty) {
            *sum += n;
        }
        self.telling += other.telling;
        self.attributed += other.attributed;
        self.evidenced += other.evidenced;
        self.evidenced_attributed += other.evidenced_attributed;
        self.inferred_right += other.inferred_right;
        self.named += other.named;
        self.wrong.extend(other.wrong);
        self.wrong_unseen += other.wrong_unseen;
        self.wrong_inferred.extend(other.wrong_inferred);
        self.missed.extend(other.missed);
        self.copies += other.copies;
        self.merged += other.merged;
        self.wrong_merges += other.wrong_merges;
        self.pairs += other.pairs;
        self.peers += other.peers;
        self.wrong_peers.extend(other.wrong_peers);
        self.timed += other.timed;
        self.error_nanos += other.error_nanos;
        self.outside.extend(other.outside);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of lines, for people")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Correlates a foundation's logs and judges each flow.
///
/// ```
/// use asg_benches::accuracy::judge;
/// use asg_benches::sim::{Config, Era, Memory, Simulation};
///
/// let mut logs = Memory::default();
/// let simulation = Simulation::run(&Config { minutes: 2, ..Config::new(Era::Silk) }, &mut logs)?;
/// let judgement = judge(&logs, simulation.history().directory());
/// assert_eq!(judgement.wrong, []);
/// assert_eq!(judgement.recall(), 1.0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn judge(logs: &Memory, directory: impl Directory<Error = Infallible>) -> Judgement {
    judge_with(logs, TimePolicy::default(), directory)
}

/// Correlates and judges, with a policy that completes stamps.
pub fn judge_with(
    logs: &Memory,
    policy: TimePolicy,
    directory: impl Directory<Error = Infallible>,
) -> Judgement {
    let mut judge = Judge::new(logs);
    correlate_with(logs, policy, directory, |line, flow| judge.flow(line, flow));
    judge.judgement
}

/// Judges a follower that gets all lines in the order in which they were written; returns its
/// counts, too.
///
/// ```
/// use asg_benches::accuracy::judge_following;
/// use asg_benches::sim::{Config, Era, Memory, Simulation};
/// use asg_core::correlate::FollowerOptions;
///
/// let mut logs = Memory::default();
/// let simulation = Simulation::run(&Config { minutes: 2, ..Config::new(Era::Silk) }, &mut logs)?;
/// let (judgement, counts) =
///     judge_following(&logs, FollowerOptions::default(), simulation.history().directory());
/// assert_eq!(judgement.wrong, []);
/// assert_eq!(counts.flows, judgement.packets);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn judge_following(
    logs: &Memory,
    options: FollowerOptions,
    directory: impl Directory<Error = Infallible>,
) -> (Judgement, FollowerCounts) {
    let mut judge = Judge::new(logs);
    let lines: HashMap<_, _> =
        logs.in_order().map(|(file, number, line)| ((file, number), line)).collect();
    let counts = follow(logs, options, directory, |flow| {
        judge.flow(lines[&place(flow.origin)], flow);
    });
    (judge.judgement, counts)
}

/// Follows all lines in the order in which they were written.
pub fn follow(
    logs: &Memory,
    options: FollowerOptions,
    mut directory: impl Directory<Error = Infallible>,
    mut each: impl FnMut(&Flow<'_, '_>),
) -> FollowerCounts {
    let mut each = |flow: &Flow<'_, '_>| -> ControlFlow<Infallible> {
        each(flow);
        ControlFlow::Continue(())
    };
    let mut follower = Follower::new(options);
    for (file, line, text) in logs.in_order().filter(|(.., text)| !text.is_empty()) {
        let origin = Origin { source: SourceId(file as u32), line };
        let Ok(ControlFlow::Continue(())) = follower.take(origin, text, &mut directory, &mut each);
    }
    let Ok(ControlFlow::Continue(())) = follower.finish(&mut directory, &mut each);
    follower.counts()
}

/// Compares flows with the truth.
struct Judge<'m> {
    logs: &'m Memory,
    truths: HashMap<(usize, u64), &'m Truth>,
    /// Apps with a surviving line that identifies the owner of a container.
    told: HashSet<Guid>,
    judgement: Judgement,
}

impl<'m> Judge<'m> {
    fn new(logs: &'m Memory) -> Self {
        let truths =
            logs.truths.iter().map(|(file, line, truth)| ((*file, *line), truth)).collect();
        let told = logs
            .lives
            .iter()
            .filter(|life| life.facts.naming_lines() > 0)
            .filter_map(|life| life.facts.app)
            .collect();
        let mut judge = Self { logs, truths, told, judgement: Judgement::default() };
        // A line without a flow counts as one that is not attributed.
        for (_, _, truth) in logs.truths.iter().filter(|(_, _, truth)| is_telling(truth)) {
            judge.judgement.telling += 1;
            judge.judgement.evidenced += u64::from(is_evidenced(truth, &judge.told));
        }
        judge.judgement.copies =
            logs.truths.iter().filter(|(.., truth)| truth.copy && !truth.damaged).count() as u64;
        judge
    }

    fn flow(&mut self, line: &[u8], flow: &Flow<'_, '_>) {
        let places = [flow.origin].into_iter().chain(flow.also.iter().copied()).map(place);
        let mut tellings: Vec<_> =
            places.filter_map(|place| self.truths.get(&place).copied()).collect();
        // The first line about a packet is the packet's, wherever it is.
        tellings.sort_by_key(|truth| (truth.copy, truth.damaged));
        // A packet line that the simulator does not know is a piece of a cut line.
        let Some(truth) = tellings.first().copied() else { return };
        let judgement = &mut self.judgement;
        judgement.packets += 1;
        judgement.by_certainty[flow.attribution.certainty as usize] += 1;
        judgement.merged += flow.also.len() as u64;
        judgement.wrong_merges +=
            tellings.iter().filter(|other| other.packet != truth.packet).count() as u64;
        let certain = flow.attribution.certainty >= Certainty::UniquePrefix;
        let mistake = if flow.attribution.certainty >= Certainty::Inferred {
            mistake(flow, truth)
        } else {
            None
        };
        let named = app_of(flow).is_some();
        judgement.named += u64::from(named);
        judgement.inferred_right += u64::from(named && !certain && mistake.is_none());
        let (telling, evidenced) = (is_telling(truth), is_evidenced(truth, &self.told));
        let attributed = named && certain && mistake.is_none();
        judgement.attributed += u64::from(attributed && telling);
        judgement.evidenced_attributed += u64::from(attributed && telling && evidenced);
        let place = place(flow.origin);
        let wrong = |what| Wrong {
            place: format!("{}:{}", self.logs.files[place.0].0, place.1),
            what,
            reason: flow.attribution.reason.sentence(),
            said: said(flow),
            was: was(truth),
            line: String::from_utf8_lossy(line).into_owned(),
        };
        if truth.kind == Kind::Forged {
            judgement.wrong.push(wrong("that there was a packet"));
        }
        judge_time(judgement, flow, truth, wrong);
        judge_peer(judgement, flow, truth, wrong);
        match mistake {
            Some(_) if is_unseen(truth) => judgement.wrong_unseen += 1,
            Some(what) if certain => judgement.wrong.push(wrong(what)),
            Some(what) => judgement.wrong_inferred.push(wrong(what)),
            _ if telling && evidenced && !attributed => {
                judgement.missed.push(wrong("nothing certain"));
            }
            _ => {}
        }
    }
}

/// Returns whether no line about the container survived.
fn is_unseen(truth: &Truth) -> bool {
    let container = truth.container.as_deref();
    container.is_some_and(|container| container.naming_lines() + container.bare_lines() == 0)
}

fn judge_time(
    judgement: &mut Judgement,
    flow: &Flow<'_, '_>,
    truth: &Truth,
    wrong: impl Fn(&'static str) -> Wrong,
) {
    let Some(range) = flow.range else { return };
    judgement.timed += 1;
    judgement.error_nanos += u128::from(range.error_nanos());
    if !(range.earliest().as_nanos()..=range.latest().as_nanos()).contains(&truth.wall) {
        let said = format!("{range:?}");
        let was = Timestamp::from_nanos(truth.wall).to_string();
        judgement.outside.push(Wrong { said, was, ..wrong("the time") });
    }
}

fn judge_peer(
    judgement: &mut Judgement,
    flow: &Flow<'_, '_>,
    truth: &Truth,
    wrong: impl Fn(&'static str) -> Wrong,
) {
    let (Some(peer), Some(real)) = (&flow.peer, &truth.peer) else { return };
    judgement.pairs += 1;
    if let Some(found) = peer.attribution.container() {
        judgement.peers += 1;
        if found.handle().to_string() != real.handle {
            let (said, was) = (format!("{found:?}"), format!("{real:?}"));
            judgement.wrong_peers.push(Wrong { said, was, ..wrong("the peer") });
        }
    }
}

fn place(origin: Origin) -> (usize, u64) {
    (origin.source.0 as usize, origin.line)
}

/// Runs both phases over all files; `each` gets the flow of every packet, with its line.
pub fn correlate(
    logs: &Memory,
    directory: impl Directory<Error = Infallible>,
    each: impl FnMut(&[u8], &Flow<'_, '_>),
) -> Correlation {
    correlate_with(logs, TimePolicy::default(), directory, each)
}

fn correlate_with(
    logs: &Memory,
    policy: TimePolicy,
    directory: impl Directory<Error = Infallible>,
    each: impl FnMut(&[u8], &Flow<'_, '_>),
) -> Correlation {
    let correlation = gathered(logs, policy, directory);
    each_flow(logs, &correlation, each);
    correlation
}

/// Returns the lines of all files, with their places.
pub fn lines(logs: &Memory) -> impl Iterator<Item = (Origin, &[u8])> {
    logs.in_files()
        .filter(|(.., line)| !line.is_empty())
        .map(|(file, line, text)| (Origin { source: SourceId(file as u32), line }, text))
}

/// Runs the first phase over all files.
pub fn gathered(
    logs: &Memory,
    policy: TimePolicy,
    mut directory: impl Directory<Error = Infallible>,
) -> Correlation {
    let lines = || lines(logs);
    let mut gathering = Gathering::with_policy(policy);
    lines().for_each(|(origin, line)| gathering.ingest(origin, line));
    let Ok(mut gathered) = gathering.finish(|joiner| {
        lines().for_each(|(origin, line)| joiner.look(origin, line));
        Ok::<(), Infallible>(())
    });
    let Ok(()) = gathered.resolve(&mut directory);
    gathered.correlate()
}

/// Runs the second phase over all files.
fn each_flow(logs: &Memory, correlation: &Correlation, mut each: impl FnMut(&[u8], &Flow<'_, '_>)) {
    let mut reader = correlation.reader();
    for (origin, text) in lines(logs) {
        if let Some(flow) = reader.flow(origin, &Line::new(text)) {
            each(text, &flow);
        }
    }
}

fn is_telling(truth: &Truth) -> bool {
    truth.names != Names::Nobody && !truth.damaged && !truth.copy
}

fn is_evidenced(truth: &Truth, told: &HashSet<Guid>) -> bool {
    truth.container.as_ref().is_some_and(|container| match truth.names {
        Names::Container => container.naming_lines() > 0,
        Names::App => container.app.is_some_and(|app| told.contains(&app)),
        Names::Nobody => false,
    })
}

/// Returns the app in a flow, from the directory or, without it, from the prefix.
fn app_of(flow: &Flow<'_, '_>) -> Option<Guid> {
    flow.identity.and_then(|identity| identity.app.as_ref()?.guid.parse().ok())
}

fn mistake(flow: &Flow<'_, '_>, truth: &Truth) -> Option<&'static str> {
    // An address may identify the container of a line that names nobody, and is never certain.
    let may_name =
        truth.names != Names::Nobody || flow.attribution.certainty == Certainty::Inferred;
    let Some(real) = truth.container.as_deref().filter(|_| may_name) else {
        return Some("whom it names, for the line names nobody");
    };
    let attribution = &flow.attribution;
    if attribution.container().is_some_and(|found| found.handle().to_string() != real.handle) {
        return Some("the container");
    }
    if attribution.process().is_some_and(|found| Some(found.to_string()) != real.process_guid) {
        return Some("the process");
    }
    if app_of(flow).is_some_and(|found| Some(found) != real.app) {
        return Some("the app");
    }
    None
}

fn said(flow: &Flow<'_, '_>) -> String {
    let attribution = &flow.attribution;
    format!(
        "{:?} {:?}: handle {:?}, process {:?}, app {:?}",
        attribution.certainty,
        attribution.reason,
        attribution.container().map(|container| container.handle().to_string()),
        attribution.process().map(ToString::to_string),
        app_of(flow),
    )
}

fn was(truth: &Truth) -> String {
    truth.container.as_ref().map_or_else(
        || "nobody".into(),
        |real| {
            format!(
                "{:?}: handle {}, process {:?}, app {:?}",
                truth.names, real.handle, real.process_guid, real.app
            )
        },
    )
}
