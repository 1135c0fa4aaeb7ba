//! The second phase: flows, from an evidence base that no longer changes.

use super::Counts;
use super::facts::{Answers, CountedTimes};
use super::flow::Flow;
use super::flow_cache::{FlowCache, Place};
use super::gather::Group;
use super::known::AnyFlow;
use crate::clock::{KnownTimes, TimeNote, UptimeClocks};
use crate::completeness::Completeness;
use crate::evidence::{Origin, SourceId};
use crate::guid::Handle;
use crate::ledger::Ledger;
use crate::ledger::attribution::Attribution;
use crate::line::Line;
use crate::names::identity::Identity;
use crate::prefix::LogPrefix;
use crate::record::outcome::Outcomes;
use crate::record::reader::Sight;
use crate::record::{Content, Record};
use crate::time::Timestamp;

/// The evidence base of a finished set of logs. It only answers, so any number of threads may ask
/// it.
#[derive(Debug)]
pub struct Correlation {
    answers: Answers,
}

impl Correlation {
    pub(super) const fn new(answers: Answers) -> Self {
        Self { answers }
    }

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
        let sight = cache.sight(&self.answers, line);
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
        let state = &self.answers.facts.state;
        let Some(record) = cache.packet(&self.answers, origin, line, sight) else {
            let may_be_logger = state.reports.has_loggers() && !matches!(sight, Sight::Said(..));
            return may_be_logger.then(|| self.logger_flow(origin, cache.classify(line)))?;
        };
        let place = cache.place(&self.answers, origin.source, &record)?;
        let also = state.reports.others(origin);
        Some(cache.flow_at(&self.answers, origin, record, &place, also))
    }

    /// Returns the flow of a packet that only iptables-logger reports.
    fn logger_flow<'a>(&self, origin: Origin, record: Record<'a>) -> Option<Flow<'a, '_>> {
        let Content::Logger(_) = record.content else { return None };
        self.answers.facts.state.flow(&self.answers.facts.times, origin, record)
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
        let sight = cache.sight(&self.answers, line);
        if let Sight::Packet(glimpse) = &sight
            && !self.answers.facts.state.reports.has_others(origin)
            && let Some(known) = cache.known(&self.answers, origin, glimpse)
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
            if let Some(place) = cache.place(&self.answers, origin.source, &record) {
                each(cache.flow_at(&self.answers, origin, record, &place, Vec::new()));
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
        let sight = cache.sight(&self.answers, line);
        if !cache.is_counted(&self.answers, origin, line, &sight) {
            if let Some(flow) = self.flow_of(cache, origin, line, &sight) {
                each(flow);
            }
        } else if let Sight::Packet(_) = sight {
            return;
        }
        let is_counted =
            |place: &Place| place.group.is_some_and(|group| self.answers.is_one(group));
        for record in Record::more(line) {
            match cache.place(&self.answers, origin.source, &record) {
                Some(place) if is_counted(&place) => {}
                Some(place) => {
                    each(cache.flow_at(&self.answers, origin, record, &place, Vec::new()));
                }
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
        &self.answers.facts.state.outcomes
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
        &self.answers.facts.state.counts
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
        &self.answers.facts.state.ledger
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
        self.answers.facts.state.ledger
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
        &self.answers.facts.state.clocks
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
        &self.answers.facts.state.completeness
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
        self.answers.facts.state.rule_updates.all()
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
        self.answers.facts.state.identities()
    }

    /// Returns the times of lines, as far as all lines prove them.
    #[must_use]
    pub const fn times(&self) -> &KnownTimes<'static> {
        &self.answers.facts.times
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
        self.answers.facts.times.notes()
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
        let all = self
            .answers
            .facts
            .groups
            .all()
            .iter()
            .zip(&self.answers.facts.counted)
            .zip(&self.answers.of_groups);
        all.filter_map(|((name, group), answer)| {
            let attribution = answer.as_ref()?.attach(&self.answers.facts.state.ledger);
            let identity = self.answers.facts.state.identity(&attribution);
            let packets = Some(group.packets).filter(|packets| *packets > 0)?;
            let Group { damaged, bytes, .. } = *group;
            let (cf, times) = (name.cf(), self.answers.facts.counted_times(name, group));
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
        let mut all = self.answers.facts.counted.iter().zip(&self.answers.of_groups);
        all.all(|(group, answer)| group.packets == 0 || answer.is_some())
            && self.answers.facts.state.reports.loggers_alone() == 0
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
