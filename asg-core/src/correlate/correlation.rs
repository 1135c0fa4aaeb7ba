//! The second phase: flows, from an evidence base that no longer changes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::flow::{Flow, FlowKey};
use super::gather::{Cell, Cells, Group, GroupKey, GroupName, Groups, Shown, Span};
use super::known::{AnyFlow, Known, KnownFlow, KnownSenders};
use super::state::State;
use super::{Counts, own_address, own_interface};
use crate::bytes::hash::Seeds;
use crate::clock::{Between, KnownTimes, StampMemo, TimeNote, UptimeClocks, When};
use crate::completeness::Completeness;
use crate::evidence::{Interface, NameKind, Origin, SourceId};
use crate::guid::{Guid, Handle};
use crate::ledger::attribution::{Attribution, Detached, Owners, Reason};
use crate::ledger::{Ledger, Lifetime, Sighting};
use crate::line::Line;
use crate::names::directory::Directory;
use crate::names::identity::Identity;
use crate::prefix::{LogPrefix, Subject};
use crate::record::outcome::Outcomes;
use crate::record::reader::{Glimpse, Reader, Sight};
use crate::record::{Content, Record};
use crate::time::{LogTime, TimeRange, Timestamp, Uptime};

/// All evidence of a set of logs, between the phases: the time to look names up.
///
/// ```
/// use asg_core::names::{AppState, Entity, directory_fn};
/// use asg_core::{Directory, Gathering, Guid, Identity, Line, Origin, SourceId};
///
/// let rep = br#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting",
///     "log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4","lrp-key":{"process_guid":
///     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11","index":0,"domain":"cf-apps"}}}"#;
/// let packet = b"[1122561.945562] d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 SRC=10.254.0.10 \
///     DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 \
///     SYN URGP=0 ";
/// let at = |line| Origin { source: SourceId(0), line };
///
/// let mut gathering = Gathering::new();
/// gathering.ingest(at(1), rep);
/// gathering.ingest(at(2), packet);
/// let mut gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
/// gathered.resolve(&mut directory_fn(|guids: &[Guid]| {
///     let named = |guid: &Guid| Identity {
///         state: AppState::Live,
///         app: Some(Entity::named(guid.to_string(), "proxy")),
///         ..Identity::unknown()
///     };
///     Ok::<_, std::convert::Infallible>(guids.iter().map(|guid| (*guid, named(guid))).collect())
/// }))?;
///
/// let correlation = gathered.correlate();
/// let line = Line::new(packet);
/// let flow = correlation.reader().flow(at(2), &line).unwrap();
/// assert_eq!(flow.identity.unwrap().app.as_ref().unwrap().name.as_deref(), Some("proxy"));
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug)]
#[must_use = "flows come from `correlate`"]
pub struct Gathered {
    facts: Facts,
    peers: HashSet<IpAddr>,
    text_keys: Vec<u64>,
}

/// The common data of both phases.
#[derive(Debug)]
struct Facts {
    state: State,
    times: KnownTimes<'static>,
    cells: Cells,
    /// By the numbers of `cells`.
    machines: Vec<Cell>,
    groups: Groups,
    /// By the numbers of `groups`.
    counted: Vec<Group>,
}

/// Whether the packets of a group have one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// All packets have the answer for this time, which may be that no time is known.
    OfAll(Option<TimeRange>),
    /// It depends on the packet's time.
    PerPacket,
}

impl Gathered {
    pub(super) fn new(
        state: State,
        cells: Cells,
        machines: Vec<Cell>,
        groups: Groups,
        counted: Vec<Group>,
        peers: HashSet<IpAddr>,
        text_keys: Vec<u64>,
    ) -> Self {
        let times = state.clocks.clone().into_complete(&state.policy);
        Self { facts: Facts { state, times, cells, machines, groups, counted }, peers, text_keys }
    }

    /// Returns the text keys of packet lines, if they were
    /// [kept](super::Gathering::keeping_text_keys), in the order of the lines.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.text_keys().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub fn text_keys(&self) -> &[u64] {
        &self.text_keys
    }

    /// Returns the lines of each source by outcome.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.outcomes().sum(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn outcomes(&self) -> &Outcomes {
        &self.facts.state.outcomes
    }

    /// Returns the counts of lines.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.counts().lines, 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.facts.state.counts
    }

    /// All evidence.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.ledger().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.facts.state.ledger
    }

    /// All evidence, to be kept.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.into_ledger().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.facts.state.ledger
    }

    /// Returns the machines' uptimes beside their times.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.clocks().boots_known(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn clocks(&self) -> &UptimeClocks {
        &self.facts.state.clocks
    }

    /// Returns what is missing from the logs, as far as they show it.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.completeness().report().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn completeness(&self) -> &Completeness {
        &self.facts.state.completeness
    }

    /// Asks a directory once for the names of all owners that packets may have. It may be called
    /// again for those that the directory left open, and for another directory.
    ///
    /// # Errors
    ///
    /// Those of the directory. Names that are known stay known.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let mut gathered = gathered;
    /// let mut asked = 0;
    /// gathered.resolve(&mut asg_core::names::directory_fn(|guids: &[asg_core::Guid]| {
    ///     asked += guids.len();
    ///     Ok::<_, Infallible>(std::collections::HashMap::new())
    /// }))?;
    /// assert_eq!(asked, 0, "no packet has a known owner");
    /// # Ok::<(), Infallible>(())
    /// ```
    pub fn resolve<D: Directory>(&mut self, directory: &mut D) -> Result<(), D::Error> {
        let owners = self.owners();
        self.facts.state.resolve(owners, directory)
    }

    /// Asks a directory about these GUIDs, too, of which no packet at hand may show that they are
    /// needed.
    ///
    /// ```
    /// use asg_core::{Gathering, Guid, NoDirectory};
    ///
    /// let gathering = Gathering::new();
    /// let mut gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    /// let app: Guid = "7e3b9c54-0d6f-4f7a-9b21-6a5c4d3e2f10".parse().unwrap();
    /// gathered.resolve_about(&[app], &mut NoDirectory)?;
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the directory.
    pub fn resolve_about<D: Directory>(
        &mut self,
        guids: &[Guid],
        directory: &mut D,
    ) -> Result<(), D::Error> {
        self.facts.state.resolve(guids.to_vec(), directory)
    }

    /// Returns the GUIDs of all owners that packets may have, each once, in order.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.owners().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub fn owners(&self) -> Vec<Guid> {
        let facts = &self.facts;
        let mut wanted = Vec::new();
        let mut names_apps = false;
        for (name, group) in facts.groups() {
            let Some(cf) = name.cf() else { continue };
            match facts.answer(name, group) {
                Answer::OfAll(time) => {
                    let answer = facts.attribute(name, time);
                    wanted.extend(answer.subject());
                    names_apps |= answer.reason == Reason::UnknownApp;
                }
                Answer::PerPacket => names_apps |= facts.add_candidates(&cf, name, &mut wanted),
            }
            if cf.subject == Subject::App {
                facts.add_candidates(&cf, name, &mut wanted);
            }
        }
        for peer in &self.peers {
            wanted.extend(facts.state.ledger.had_address(*peer).filter_map(Lifetime::subject));
        }
        if names_apps {
            facts.state.add_all_owners(&mut wanted);
        }
        let of_loggers = facts.state.reports.containers_of_loggers();
        if !of_loggers.is_empty() {
            let all = facts.state.ledger.lifetimes();
            let named =
                all.filter(|it| it.handle().guid().is_some_and(|it| of_loggers.contains(&it)));
            wanted.extend(named.filter_map(Lifetime::subject));
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Ends the time for names, and answers from now on. Apps for which no directory has answered
    /// have the names that lines show.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.counts().packets, 1);
    /// ```
    #[must_use]
    pub fn correlate(self) -> Correlation {
        let Self { mut facts, .. } = self;
        facts.state.spell_out();
        let groups = facts.groups.all().iter().zip(&facts.counted);
        let answer = |(name, group)| match facts.answer(name, group) {
            Answer::OfAll(time) => Some(facts.attribute(name, time).detach()),
            Answer::PerPacket => None,
        };
        let answers = groups.map(answer).collect();
        Correlation { facts, answers }
    }
}

/// The evidence base of a finished set of logs. It only answers, so any number of threads may ask
/// it.
#[derive(Debug)]
pub struct Correlation {
    facts: Facts,
    /// By the numbers of groups: the answer that all of their packets have, if there is one.
    answers: Vec<Option<Detached>>,
}

impl Correlation {
    /// Creates a reader of flows, one for each thread.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// let correlation = gathered.correlate();
    /// let mut reader = correlation.reader();
    /// assert!(reader.flow(at, &line).is_some());
    /// ```
    #[must_use]
    pub fn reader(&self) -> FlowReader<'_> {
        FlowReader { correlation: self, cache: FlowCache::default() }
    }

    /// Returns the flow of the packet that a line reports first; `None` for any other line.
    ///
    /// `origin` is the one under which the first phase read the line. The cache belongs to the
    /// caller's thread; one that has served another correlation begins anew.
    pub fn flow<'a>(
        &self,
        cache: &mut FlowCache,
        origin: Origin,
        line: &'a Line<'_>,
    ) -> Option<Flow<'a, '_>> {
        cache.begin(self);
        let sight = cache.reader.sight(line);
        self.flow_of(cache, origin, line, &sight)
    }

    /// Returns the flow of a line whose beginning was looked up.
    fn flow_of<'a>(
        &self,
        cache: &mut FlowCache,
        origin: Origin,
        line: &'a Line<'_>,
        sight: &Sight<'a>,
    ) -> Option<Flow<'a, '_>> {
        let state = &self.facts.state;
        let Some(record) = cache.packet(self, origin, line, sight) else {
            let may_be_logger = state.reports.has_loggers();
            return may_be_logger.then(|| self.logger_flow(origin, cache.reader.classify(line)))?;
        };
        let place = cache.place(self, origin.source, &record)?;
        let also = state.reports.others(origin);
        Some(cache.flow_at(self, origin, record, &place, also))
    }

    /// Returns the flow of a packet that only iptables-logger reports.
    fn logger_flow<'a>(&self, origin: Origin, record: Record<'a>) -> Option<Flow<'a, '_>> {
        let Content::Logger(_) = record.content else { return None };
        self.facts.state.flow(&self.facts.times, origin, record)
    }

    /// Passes all flows of a line to `each`: that of [`Correlation::flow`], and those of the
    /// packets behind it in a document. Only the first packet of a line
    /// is compared with other lines.
    pub fn flows(
        &self,
        cache: &mut FlowCache,
        origin: Origin,
        line: &Line<'_>,
        mut each: impl FnMut(Flow<'_, '_>),
    ) {
        self.each_of(cache, origin, line, None, &mut each);
    }

    /// Passes all flows of a line to `each`, as [`Correlation::flows`] does, but of flows whose key
    /// an earlier one had only what they do not share. [`KnownFlow`](super::KnownFlow) has an
    /// example.
    pub fn each(
        &self,
        cache: &mut FlowCache,
        origin: Origin,
        line: &Line<'_>,
        mut each: impl FnMut(AnyFlow<'_>),
    ) {
        cache.begin(self);
        let sight = cache.reader.sight(line);
        if let Sight::Packet(glimpse) = &sight
            && !self.facts.state.reports.has_others(origin)
            && let Some(known) = cache.known(self, origin, glimpse)
        {
            return each(AnyFlow::Known(&known));
        }
        self.each_of(cache, origin, line, Some(&sight), |flow| each(AnyFlow::Whole(&flow)));
    }

    fn each_of<'a>(
        &self,
        cache: &mut FlowCache,
        origin: Origin,
        line: &'a Line<'_>,
        sight: Option<&Sight<'a>>,
        mut each: impl FnMut(Flow<'_, '_>),
    ) {
        let first = match sight {
            Some(sight) => self.flow_of(cache, origin, line, sight),
            None => self.flow(cache, origin, line),
        };
        if let Some(flow) = first {
            each(flow);
        }
        for record in Record::more(line) {
            if let Some(place) = cache.place(self, origin.source, &record) {
                each(cache.flow_at(self, origin, record, &place, Vec::new()));
            } else if let Some(flow) = self.logger_flow(origin, record) {
                each(flow);
            }
        }
    }

    /// Passes the flows of a line to `each`, if [`Correlation::counted`] leaves their packets out.
    pub fn uncounted(
        &self,
        cache: &mut FlowCache,
        origin: Origin,
        line: &Line<'_>,
        mut each: impl FnMut(Flow<'_, '_>),
    ) {
        let is_counted =
            |place: &Place| place.group.is_some_and(|group| self.answers[group as usize].is_some());
        cache.begin(self);
        let sight = cache.reader.sight(line);
        let first = cache.packet(self, origin, line, &sight);
        let place = first.and_then(|record| cache.place(self, origin.source, &record));
        if place.is_none_or(|place| !is_counted(&place))
            && let Some(flow) = self.flow_of(cache, origin, line, &sight)
        {
            each(flow);
        }
        for record in Record::more(line) {
            match cache.place(self, origin.source, &record) {
                Some(place) if is_counted(&place) => {}
                Some(place) => each(cache.flow_at(self, origin, record, &place, Vec::new())),
                None => {
                    if let Some(flow) = self.logger_flow(origin, record) {
                        each(flow);
                    }
                }
            }
        }
    }

    /// Returns the lines of each source by outcome.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.outcomes().sum(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn outcomes(&self) -> &Outcomes {
        &self.facts.state.outcomes
    }

    /// Returns the counts of lines.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.counts().lines, 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.facts.state.counts
    }

    /// All evidence.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.ledger().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.facts.state.ledger
    }

    /// All evidence, to be kept.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.into_ledger().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.facts.state.ledger
    }

    /// Returns the machines' uptimes beside their times.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.clocks().boots_known(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn clocks(&self) -> &UptimeClocks {
        &self.facts.state.clocks
    }

    /// Returns what is missing from the logs, as far as they show it.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.completeness().report().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn completeness(&self) -> &Completeness {
        &self.facts.state.completeness
    }

    /// Returns the times at which silk's agent put rules of security groups into containers'
    /// chains, by its lines in the log streams of apps, in order; the earliest 65,536 of them.
    ///
    /// Such lines may be lost on their way, so a time that is missing shows nothing.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// let line = concat!(
    ///     "<14>1 2024-05-06T07:09:10Z org.space.shop bc6f229d-5e4a-4c41-a63f-e8795496c283 ",
    ///     r#"[CELL/0] - [tags@47450 process_instance_id="bfce786c-ab07-40ad-79f9-8f21"] "#,
    ///     "Security group rules were updated",
    /// );
    /// let mut gathering = Gathering::new();
    /// gathering.ingest(Origin { source: SourceId(0), line: 1 }, line.as_bytes());
    /// let correlation = gathering.finish(|_| Ok::<(), Infallible>(()))?.correlate();
    /// let (handle, time) = correlation.rule_updates().next().unwrap();
    /// assert_eq!(handle.to_string(), "bfce786c-ab07-40ad-79f9-8f21");
    /// assert_eq!(time.to_string(), "2024-05-06T07:09:10Z");
    /// # Ok::<(), Infallible>(())
    /// ```
    pub fn rule_updates(&self) -> impl Iterator<Item = (&Handle, Timestamp)> {
        self.facts.state.rule_updates.all()
    }

    /// Returns the identities of owners that the directory returned, in any order. The app of
    /// several owners comes several times.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.correlate().identities().count(), 0, "no directory was asked");
    /// # Ok::<(), Infallible>(())
    /// ```
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.facts.state.identities()
    }

    /// Returns the times of lines, as far as all lines prove them.
    #[must_use]
    pub const fn times(&self) -> &KnownTimes<'static> {
        &self.facts.times
    }

    /// Returns notes for people about the times: zones and years that lines prove, or that are only
    /// assumed.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.time_notes().count(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    pub fn time_notes(&self) -> impl Iterator<Item = TimeNote> + '_ {
        self.facts.times.notes()
    }

    /// Packets counted by sender, without a second look at any line: those of all groups that have
    /// one answer.
    ///
    /// The packets of the others come from [`Correlation::uncounted`], which is asked for every
    /// line if [`Correlation::is_counted`] is false.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.counted().count(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    pub fn counted(&self) -> impl Iterator<Item = Counted<'_>> {
        let all = self.facts.groups.all().iter().zip(&self.facts.counted).zip(&self.answers);
        all.filter_map(|((name, group), answer)| {
            let attribution = answer.as_ref()?.attach(&self.facts.state.ledger);
            let identity = self.facts.state.identity(&attribution);
            let packets = Some(group.packets).filter(|packets| *packets > 0)?;
            let Group { damaged, bytes, .. } = *group;
            let (cf, times) = (name.cf(), self.facts.counted_times(name, group));
            Some(Counted { packets, damaged, bytes, times, cf, attribution, identity })
        })
    }

    /// Returns whether [`Correlation::counted`] counts all packets.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// let correlation = gathered.correlate();
    /// assert!(correlation.is_counted());
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let mut all = self.facts.counted.iter().zip(&self.answers);
        all.all(|(group, answer)| group.packets == 0 || answer.is_some())
            && self.facts.state.reports.loggers_alone() == 0
    }
}

/// Packets that have one answer; see [`Correlation::counted`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Counted<'c> {
    /// The number of packets.
    pub packets: u64,
    /// The number of damaged lines among theirs.
    pub damaged: u64,
    /// The sum of the IP packets' lengths, as far as they are logged.
    pub bytes: u64,
    /// When they were logged.
    pub times: CountedTimes,
    /// The meaning of their prefix, if it is Cloud Foundry's. Where it names an app, the tag is
    /// that of one of them.
    pub cf: Option<LogPrefix<'c>>,
    /// The sender. If their prefixes name an app, its containers are left out.
    pub attribution: Attribution<'c>,
    /// The owner's names, if they are known.
    pub identity: Option<&'c Identity>,
}

/// When packets that have one answer were logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum CountedTimes {
    /// The [time](Flow::time) of the first and of the last.
    Between(Timestamp, Timestamp),
    /// No line shows when.
    Nothing,
    /// Their times are only in their lines.
    Unsettled,
}

impl<'c> Counted<'c> {
    /// Returns a flow of these packets, with nothing but what they have in common: the meaning of
    /// the prefix, the sender and its names.
    #[must_use]
    pub fn flow(&self) -> Flow<'c, 'c> {
        Flow {
            time: None,
            range: None,
            origin: Origin { source: SourceId(0), line: 0 },
            also: Vec::new(),
            cell: None,
            cf: self.cf,
            record: Record::of_packet(),
            attribution: self.attribution.clone(),
            identity: self.identity,
            peer: None,
            key: None,
        }
    }
}

/// Makes flows of lines, for one thread.
#[derive(Debug)]
pub struct FlowReader<'c> {
    correlation: &'c Correlation,
    cache: FlowCache,
}

impl<'c> FlowReader<'c> {
    /// Returns the flow of the packet that a line reports first; `None` for any other line. See
    /// [`Correlation::flow`].
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// assert_eq!(flow.packet().ip.dpt, Some(53));
    /// ```
    pub fn flow<'a>(&mut self, origin: Origin, line: &'a Line<'_>) -> Option<Flow<'a, 'c>> {
        self.correlation.flow(&mut self.cache, origin, line)
    }

    /// Passes all flows of a line to `each`. See [`Correlation::flows`].
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// let correlation = gathered.correlate();
    /// let mut ports = Vec::new();
    /// correlation.reader().flows(at, &line, |flow| ports.push(flow.packet().ip.dpt));
    /// assert_eq!(ports, [Some(53)]);
    /// ```
    pub fn flows(&mut self, origin: Origin, line: &Line<'_>, each: impl FnMut(Flow<'_, '_>)) {
        self.correlation.flows(&mut self.cache, origin, line, each);
    }
}

/// The cache of one thread that makes flows: headers, packet heads, machines.
///
/// Earlier lines never change a flow.
#[derive(Debug, Default)]
pub struct FlowCache {
    /// Of the correlation that it serves.
    seeds: Option<Seeds>,
    reader: Reader,
    /// By the reader's numbers of headers: the machine, in the source where the header was last
    /// seen.
    header_cells: Vec<Option<(SourceId, Option<u32>)>>,
    keys: HashMap<Shared, FlowKey>,
    /// By the reader's numbers of packet heads: the last key.
    head_keys: Vec<Option<(Shared, FlowKey)>>,
    /// Answers that depend on a packet's time, numbered.
    answers: HashMap<Detached, u32>,
    /// By the numbers of machines.
    stamps: Vec<StampMemo>,
    senders: KnownSenders,
}

/// The common parts of flows with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shared {
    source: SourceId,
    header: u32,
    head: u32,
    answer: SharedAnswer,
}

/// The answer that flows share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum SharedAnswer {
    /// That of a group.
    OfGroup(u32),
    /// One of the cache's own.
    Numbered(u32),
}

/// How many keys a cache numbers.
const MOST_KEYS: usize = 1 << 15;

impl FlowCache {
    /// Returns the key of flows with these parts.
    fn key(&mut self, shared: Shared) -> Option<FlowKey> {
        let head = shared.head as usize;
        if let Some(Some((known, key))) = self.head_keys.get(head)
            && *known == shared
        {
            return Some(*key);
        }
        let new = FlowKey(self.keys.len() as u32);
        let key = match self.keys.get(&shared) {
            Some(key) => *key,
            None if self.keys.len() < MOST_KEYS => *self.keys.entry(shared).or_insert(new),
            None => return None,
        };
        if self.head_keys.len() <= head {
            self.head_keys.resize(head + 1, None);
        }
        self.head_keys[head] = Some((shared, key));
        Some(key)
    }

    /// Returns the number of an answer.
    fn number(&mut self, attribution: &Attribution<'_>) -> Option<u32> {
        let answer = attribution.detach();
        let new = self.answers.len() as u32;
        match self.answers.get(&answer) {
            Some(number) => Some(*number),
            None if self.answers.len() < MOST_KEYS => {
                self.answers.insert(answer, new);
                Some(new)
            }
            None => None,
        }
    }

    /// Forgets all if it has served another correlation.
    fn begin(&mut self, correlation: &Correlation) {
        let seeds = Some(correlation.facts.state.reports.seeds());
        if self.seeds != seeds {
            *self = Self { seeds, ..Self::default() };
        }
    }

    /// Returns the flow of a packet without other lines, if an earlier flow shares the rest.
    fn known<'c>(
        &mut self,
        correlation: &'c Correlation,
        origin: Origin,
        glimpse: &Glimpse<'c>,
    ) -> Option<KnownFlow<'c>> {
        let Correlation { facts, answers } = correlation;
        let Known { cell, group, key, has_history } = self.senders.find(origin.source, glimpse)?;
        let shown = (glimpse.time(), glimpse.uptime());
        let when = self.when(facts, cell, origin.source, shown);
        let identity = || {
            let answer = answers[group as usize].as_ref()?.attach(&facts.state.ledger);
            facts.state.identity(&answer)
        };
        let history = if has_history { identity().map(|identity| &identity.history) } else { None };
        Some(KnownFlow::new(key, origin, when, history, glimpse))
    }

    /// Returns the record of a line that reports a packet first.
    fn packet<'a>(
        &mut self,
        correlation: &Correlation,
        origin: Origin,
        line: &'a Line<'_>,
        sight: &Sight<'a>,
    ) -> Option<Record<'a>> {
        let reports = &correlation.facts.state.reports;
        if let Sight::Other(_) = sight {
            if !line.may_hold_packet() {
                return None;
            }
            let record = self.reader.record(line, sight);
            record.proven_packet()?;
            return (!reports.is_copy(origin)).then_some(record);
        }
        let is_copy = reports.is_copy(origin);
        (!is_copy).then(|| self.reader.record(line, sight))
    }

    /// When a line of a machine was written.
    fn when(
        &mut self,
        facts: &Facts,
        cell: u32,
        source: SourceId,
        shown: (LogTime, Option<Uptime>),
    ) -> Option<When> {
        let (clock, cell) = (facts.machines[cell as usize].clock, cell as usize);
        if self.stamps.len() <= cell {
            self.stamps.resize(cell + 1, StampMemo::default());
        }
        facts.times.when_of(&mut self.stamps[cell], source, clock, shown)
    }

    /// Returns the machine and the group of a packet.
    fn place(
        &mut self,
        correlation: &Correlation,
        source: SourceId,
        record: &Record<'_>,
    ) -> Option<Place> {
        let facts = &correlation.facts;
        let (packet, cf) = record.proven_packet()?;
        let cell = self.cell(facts, source, record);
        let seeds = facts.state.reports.seeds();
        let address = cf.and_then(|cf| own_address(packet, cf));
        let interface = cf.and_then(|cf| own_interface(packet, cf));
        let is_understood = record.shows_prefix();
        let key = cell.and_then(|cell| GroupKey::of_record(cell, record, seeds));
        let group = key.and_then(|key| facts.groups.find(key));
        Some(Place { cell, group, address, interface, is_understood })
    }

    fn cell(&mut self, facts: &Facts, source: SourceId, record: &Record<'_>) -> Option<u32> {
        let header = record.memo.header.map(|header| header as usize);
        if let Some(Some(Some((of, cell)))) = header.map(|header| self.header_cells.get(header))
            && *of == source
        {
            return *cell;
        }
        let seeds = facts.state.reports.seeds();
        let cell = facts.cells.find(source, &record.envelope, seeds);
        if let Some(header) = header {
            if self.header_cells.len() <= header {
                self.header_cells.resize(header + 1, None);
            }
            self.header_cells[header] = Some((source, cell));
        }
        cell
    }

    fn flow_at<'a, 'c>(
        &mut self,
        correlation: &'c Correlation,
        origin: Origin,
        record: Record<'a>,
        place: &Place,
        also: Vec<Origin>,
    ) -> Flow<'a, 'c> {
        let Facts { state, times, cells, machines, .. } = &correlation.facts;
        let shown = (record.envelope.time, record.envelope.uptime);
        let when = match place.cell {
            Some(cell) => self.when(&correlation.facts, cell, origin.source, shown),
            None => times.when(origin.source, &record.envelope),
        };
        let range = when.map(|When { range, .. }| range);
        let packet = record.packet();
        let cf = packet.and_then(|(_, cf)| cf.copied());
        let name = place.cell.and_then(|cell| machines[cell as usize].name.as_ref());
        let (cell, kind) = named(name);
        let seen = Sighting { cell, kind, time: range, ..Sighting::default() };
        let (attribution, group) = correlation.attribution(place, cf.as_ref(), seen);
        let peer = packet.and_then(|(packet, _)| state.peer(packet, cf.as_ref(), &seen));
        let key = match (record.memo.header, record.memo.head) {
            (Some(header), Some(head)) if peer.is_none() => {
                let answer = match group {
                    Some(group) => Some(SharedAnswer::OfGroup(group)),
                    None => self.number(&attribution).map(SharedAnswer::Numbered),
                };
                let source = origin.source;
                answer.and_then(|answer| self.key(Shared { source, header, head, answer }))
            }
            _ => None,
        };
        let identity = state.identity(&attribution);
        if let (Some(cell), Some(group), Some(key)) = (place.cell, group, key) {
            let has_history = identity.is_some_and(|identity| !identity.history.is_empty());
            let known = Known { cell, group, key, has_history };
            self.senders.remember(origin.source, &record, known);
        }
        let name = place.cell.and_then(|cell| cells.all()[cell as usize].shown());
        let cell = name.or_else(|| attribution.container()?.cell()).map(Cow::Borrowed);
        Flow {
            time: when.map(|When { time, .. }| time),
            range,
            origin,
            also,
            cell,
            cf,
            identity,
            attribution,
            peer,
            record,
            key,
        }
    }
}

impl Correlation {
    /// Returns the attribution of a packet, and its group if all packets of the group have that
    /// answer.
    fn attribution(
        &self,
        place: &Place,
        cf: Option<&LogPrefix<'_>>,
        seen: Sighting<'_>,
    ) -> (Attribution<'_>, Option<u32>) {
        let state = &self.facts.state;
        // Of an app that a prefix names, the lease of an address may show the container.
        let group = place.group.filter(|_| cf.is_none_or(|cf| cf.subject != Subject::App));
        if let Some(group) = group
            && let Some(answer) = &self.answers[group as usize]
        {
            return (answer.attach(&state.ledger), Some(group));
        }
        let Some(cf) = cf else {
            return (Attribution::unknown(Reason::of_foreign(place.is_understood)), None);
        };
        let Place { address, interface, .. } = *place;
        let seen = Sighting { address, interface, ..seen };
        (state.ledger.attribute(cf, &seen), None)
    }
}

/// The machine and the group of a packet.
#[derive(Debug, Clone, Copy)]
struct Place {
    cell: Option<u32>,
    group: Option<u32>,
    /// The address and the interface on the side of the prefix's subject.
    address: Option<IpAddr>,
    interface: Option<Interface>,
    is_understood: bool,
}

impl Facts {
    fn groups(&self) -> impl Iterator<Item = (&GroupName, &Group)> {
        self.groups.all().iter().zip(&self.counted).filter(|(_, group)| group.packets > 0)
    }

    fn attribute(&self, name: &GroupName, time: Option<TimeRange>) -> Attribution<'_> {
        let Some(cf) = name.cf() else { return Attribution::unknown(name.foreign()) };
        let (cell, kind) = named(self.machines[name.cell() as usize].name.as_ref());
        let (address, interface) = (name.address(), name.interface());
        let seen = Sighting { cell, time, kind, address, interface };
        self.state.ledger.attribute(&cf, &seen)
    }

    /// Adds all owners that a packet of this group may have at any time. Returns whether its prefix
    /// shows an app that no line names.
    fn add_candidates(&self, cf: &LogPrefix<'_>, name: &GroupName, wanted: &mut Vec<Guid>) -> bool {
        let ledger = &self.state.ledger;
        let (cell, kind) = named(self.machines[name.cell() as usize].name.as_ref());
        let (address, interface) = (name.address(), name.interface());
        let seen = Sighting { cell, time: None, kind, address, interface };
        let answer = ledger.attribute(cf, &seen);
        wanted.extend(answer.subject());
        if let Owners::Several(all) = &answer.owners {
            wanted.extend(all.iter().copied().filter_map(Lifetime::subject));
        }
        if let Some(address) = name.address() {
            wanted.extend(ledger.had_address(address).filter_map(Lifetime::subject));
        }
        answer.reason == Reason::UnknownApp
    }

    /// Returns when the packets of a group were logged.
    fn counted_times(&self, name: &GroupName, group: &Group) -> CountedTimes {
        let Span::Between(first, last) = group.span else { return CountedTimes::Unsettled };
        if group.has_lost {
            return CountedTimes::Unsettled;
        }
        if let (Shown { time: LogTime::Unknown, uptime: None }, _) = (first, last) {
            return CountedTimes::Nothing;
        }
        let cell = &self.machines[name.cell() as usize];
        let source = self.cells.all()[name.cell() as usize].source();
        let corners = [first, last].map(|shown| (shown.uptime, shown.time));
        let ends = self.times.ends(source, cell.clock, corners);
        ends.map_or(CountedTimes::Unsettled, |[first, last]| CountedTimes::Between(first, last))
    }

    /// Returns whether all packets of a group have one answer.
    ///
    /// A container lives once. So if one container is the owner at both ends of a span, and no
    /// other comes into question within it, the container is the owner all the time. An answer for
    /// want of evidence does not depend on time.
    fn answer(&self, name: &GroupName, group: &Group) -> Answer {
        // A prefix that names nobody, or an app outright, means that at any time.
        if name.cf().is_none_or(|cf| cf.subject == Subject::App) {
            return Answer::OfAll(None);
        }
        let Span::Between(first, last) = group.span else { return Answer::PerPacket };
        let cell = &self.machines[name.cell() as usize];
        let source = self.cells.all()[name.cell() as usize].source();
        let times = &self.times;
        if let (LogTime::Unknown, LogTime::Unknown) = (first.time, last.time) {
            let has_no_time = self.state.policy.boot.is_none()
                && (first.uptime.is_none() || !times.knows(source, cell.clock));
            return if has_no_time { Answer::OfAll(None) } else { Answer::PerPacket };
        }
        let corners = [first, last].map(|shown| (shown.uptime, shown.time));
        let Some(Between { whole, first, last }) = times.between(source, cell.clock, corners)
        else {
            return Answer::PerPacket;
        };
        let answer = self.attribute(name, Some(whole));
        let may_be_another = matches!(
            answer.reason,
            Reason::AmbiguousHandlePrefix
                | Reason::AmbiguousAppPrefix
                | Reason::NoOwnerInPrefix
                | Reason::AddressLease
        );
        let is_everywhere = || {
            let ends = [first, last].map(|end| self.attribute(name, Some(end.into())));
            ends.iter().all(|end| is_same(end, &answer))
        };
        if !may_be_another && is_everywhere() {
            Answer::OfAll(Some(whole))
        } else {
            Answer::PerPacket
        }
    }
}

/// Returns a machine's name, and its kind.
fn named(name: Option<&(Box<str>, NameKind)>) -> (Option<&str>, NameKind) {
    match name {
        Some((name, kind)) => (Some(name), *kind),
        None => (None, NameKind::Unknown),
    }
}

/// Returns whether both name the same owner for the same reason.
fn is_same(a: &Attribution<'_>, b: &Attribution<'_>) -> bool {
    let words = |it: &Attribution<'_>| (it.certainty, it.reason, it.subject());
    words(a) == words(b) && a.container() == b.container()
}
