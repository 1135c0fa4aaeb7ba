//! The follower: the correlator for logs that are still being written.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use super::Counts;
use super::duplicates::Told;
use super::flow::Flow;
use super::reports::MOST_PACKETS;
use super::state::State;
use crate::clock::watermark::{Effect, Watermarks};
use crate::evidence::Origin;
use crate::guid::Guid;
use crate::ledger::attribution::{Certainty, Reason};
use crate::ledger::{Ledger, Lifetime};
use crate::line::Line;
use crate::names::directory::Directory;
use crate::record::outcome::{Outcome, Outcomes};
use crate::record::reader::Reader;
use crate::record::{Content, Record};
use crate::time::{TimePolicy, Timestamp};

/// Joins packets with evidence as the lines come, and passes on each flow once the evidence about
/// it has had time to arrive.
///
/// Each packet is held until the log is [`FollowerOptions::hold`] further, by the times in the log
/// and not by any other clock: a rep line may come later than the packet that it explains. Evidence
/// that has not come by then is not waited for, so a flow is at most as certain as in a
/// [`Correlation`](super::Correlation), which has seen the whole log. But a contradiction that
/// comes later is missed, and so is a second container whose handle begins alike.
///
/// | bounded | by |
/// |---|---|
/// | packets that are held | [`FollowerOptions::most_held`]; beyond, the oldest are passed on early, and counted |
/// | containers that are known | [`FollowerOptions::retention`] after their end, [`FollowerOptions::silence`] after their last line |
/// | packets whose second telling is recognised | [`FollowerOptions::most_remembered`], and [`FollowerOptions::window`] |
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
/// use asg_core::correlate::FollowerOptions;
/// use asg_core::{Flow, Follower, NoDirectory, Origin, SourceId};
///
/// let packet = "2024-05-06T07:09:10+00:00 cell kernel: [637.581122] OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 \
///     SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 \
///     RES=0x00 SYN URGP=0 ";
/// let rep = r#"{"timestamp":"2024-05-06T07:09:12Z","level":"info","source":"rep","message":"rep.executing-container-operation.starting",
///     "data":{"container-guid":"bfce786c-ab07-40ad-79f9-8f21"}}"#.replace('\n', "");
/// let later = "2024-05-06T07:10:00+00:00 cell kernel: hello";
///
/// let mut handles = Vec::new();
/// let mut each = |flow: &Flow<'_, '_>| -> ControlFlow<()> {
///     handles.push(flow.attribution.container().unwrap().handle().to_string());
///     ControlFlow::Continue(())
/// };
/// let mut follower = Follower::new(FollowerOptions::default());
/// for (line, text) in (1..).zip([packet, &rep, later]) {
///     let origin = Origin { source: SourceId(0), line };
///     let _ = follower.take(origin, text.as_bytes(), &mut NoDirectory, &mut each)?;
/// }
/// let _ = follower.finish(&mut NoDirectory, &mut each)?;
/// assert_eq!(handles, ["bfce786c-ab07-40ad-79f9-8f21"]);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug, Clone)]
pub struct Follower {
    options: FollowerOptions,
    state: State,
    reader: Reader,
    watermark: Watermarks,
    held: VecDeque<Held>,
    /// How many packets were held before the first that is held now.
    gone: u64,
    /// By place: how many packets were held before this one.
    places: HashMap<Origin, u64>,
    released: Timestamp,
    swept: Timestamp,
    /// How many packets were held when the directory failed last; 0 if it has answered since.
    stuck: usize,
    counts: FollowerCounts,
}

/// A packet that waits for evidence.
#[derive(Debug, Clone)]
struct Held {
    origin: Origin,
    due: Timestamp,
    bytes: Box<[u8]>,
    /// Whether the rest of the line was skipped.
    is_cut: bool,
}

impl Held {
    fn line(&self) -> Line<'_> {
        if self.is_cut { Line::cut(&self.bytes) } else { Line::new(&self.bytes) }
    }
}

/// How long a [`Follower`] waits and remembers. All times are times of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct FollowerOptions {
    /// How long a packet waits for evidence. 30 seconds by default: rep logs each container every
    /// half minute.
    pub hold: Duration,
    /// How many packets wait at most. 65,536 by default, some 30 MB.
    pub most_held: usize,
    /// How long a container is known after its end; at least twice as long as packets wait. An hour
    /// by default.
    pub retention: Duration,
    /// How long a container is known after its last line, if no line reports its end; at least as
    /// long as after its end. A day by default.
    pub silence: Duration,
    /// How long a packet's second telling is recognised. A day by default.
    pub window: Duration,
    /// For how many packets it is recognised. 2,097,152 by default; each takes 40 bytes.
    pub most_remembered: usize,
    /// How times without a year or zone are completed.
    pub policy: TimePolicy,
}

impl FollowerOptions {
    /// The default, as a constant.
    ///
    /// ```
    /// use asg_core::correlate::FollowerOptions;
    /// const FEW: FollowerOptions = FollowerOptions { most_held: 100, ..FollowerOptions::DEFAULT };
    /// assert_eq!(FEW.hold.as_secs(), 30);
    /// ```
    pub const DEFAULT: Self = Self {
        hold: Duration::from_secs(30),
        most_held: 1 << 16,
        retention: Duration::from_secs(3_600),
        silence: Duration::from_secs(24 * 3_600),
        window: Duration::from_secs(24 * 3_600),
        most_remembered: MOST_PACKETS,
        policy: TimePolicy::DEFAULT,
    };
}

impl Default for FollowerOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The counts of a [`Follower`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FollowerCounts {
    /// The counts of lines.
    pub lines: Counts,
    /// Flows given.
    pub flows: u64,
    /// Flows among these that name no one owner.
    pub unexplained: u64,
    /// Packets that wait now.
    pub held: usize,
    /// The most that ever waited.
    pub most_held: usize,
    /// Packets that did not wait their time, because too many did.
    pub hurried: u64,
    /// Duplicates of packets whose flow was passed on already: its `also` lacks them.
    pub late_duplicates: u64,
    /// Containers that are known now.
    pub lifetimes: usize,
    /// Containers that were forgotten.
    pub forgotten: u64,
    /// Leaps of the log's time by more than an hour, either way.
    pub leaps: u64,
}

/// Flows are looked up and named together if they are due within a second of each other.
const TOGETHER: Duration = Duration::from_secs(1);

impl Follower {
    /// Returns a follower that has seen nothing yet.
    #[must_use]
    pub fn new(options: FollowerOptions) -> Self {
        let options = FollowerOptions {
            retention: options.retention.max(options.hold.saturating_mul(2)),
            ..options
        };
        let options =
            FollowerOptions { silence: options.silence.max(options.retention), ..options };
        let never = Timestamp::from_nanos(i64::MIN);
        let mut state = State::with_policy(options.policy);
        state.reports.remember(options.most_remembered);
        Self {
            state,
            reader: Reader::default(),
            options,
            watermark: Watermarks::default(),
            held: VecDeque::new(),
            gone: 0,
            places: HashMap::new(),
            released: never,
            swept: never,
            stuck: 0,
            counts: FollowerCounts::default(),
        }
    }

    /// Begins with the evidence of a ledger: a saved one, or that of the logs so far.
    ///
    /// ```
    /// use asg_core::correlate::FollowerOptions;
    /// use asg_core::event::Moment;
    /// use asg_core::evidence::Evidence;
    /// use asg_core::guid::Handle;
    /// use asg_core::{Follower, Ledger, Origin, SourceId};
    ///
    /// let mut before = Ledger::new();
    /// let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
    /// before.add(Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 1 }));
    /// let follower = Follower::new(FollowerOptions::default()).with_ledger(before);
    /// assert_eq!(follower.ledger().len(), 1);
    /// ```
    #[must_use]
    pub fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.state.ledger = ledger;
        self
    }

    /// Returns the evidence that is still remembered.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.state.ledger
    }

    /// Returns the counts so far.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use asg_core::correlate::FollowerOptions;
    /// # use asg_core::{Follower, NoDirectory, Origin, SourceId, Timestamp};
    /// # let packet = b"2024-05-06T07:09:10Z cell kernel: [637.5] OK_bfce786c-ab07-40ad-79f9-8 \
    /// #     IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF \
    /// #     PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let mut follower = Follower::new(FollowerOptions::default());
    /// let go_on = |_: &asg_core::Flow<'_, '_>| ControlFlow::<()>::Continue(());
    /// let _ = follower.take(origin, packet, &mut NoDirectory, go_on)?;
    /// assert_eq!((follower.counts().lines.packets, follower.counts().flows), (1, 0));
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> FollowerCounts {
        FollowerCounts {
            lines: self.state.counts,
            held: self.held.len(),
            lifetimes: self.ledger().len(),
            ..self.counts
        }
    }

    /// Returns the lines of each source that were [taken](Self::take), by outcome.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use asg_core::correlate::FollowerOptions;
    /// # use asg_core::{Follower, NoDirectory, Origin, SourceId, Timestamp};
    /// # let packet = b"2024-05-06T07:09:10Z cell kernel: [637.5] OK_bfce786c-ab07-40ad-79f9-8 \
    /// #     IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF \
    /// #     PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let mut follower = Follower::new(FollowerOptions::default());
    /// let go_on = |_: &asg_core::Flow<'_, '_>| ControlFlow::<()>::Continue(());
    /// let _ = follower.take(origin, packet, &mut NoDirectory, go_on)?;
    /// assert_eq!(follower.outcomes().sum(), 1);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub const fn outcomes(&self) -> &Outcomes {
        &self.state.outcomes
    }

    /// How late it is, by the log; `None` if no line has shown a time.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use asg_core::correlate::FollowerOptions;
    /// # use asg_core::{Follower, NoDirectory, Origin, SourceId, Timestamp};
    /// # let packet = b"2024-05-06T07:09:10Z cell kernel: [637.5] OK_bfce786c-ab07-40ad-79f9-8 \
    /// #     IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF \
    /// #     PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let mut follower = Follower::new(FollowerOptions::default());
    /// assert_eq!(follower.now(), None);
    /// let go_on = |_: &asg_core::Flow<'_, '_>| ControlFlow::<()>::Continue(());
    /// let _ = follower.take(origin, packet, &mut NoDirectory, go_on)?;
    /// assert_eq!(follower.now().unwrap().to_string(), "2024-05-06T07:09:10Z");
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub const fn now(&self) -> Option<Timestamp> {
        self.watermark.now()
    }

    /// Takes the next line, and hands on the flows that are due. Bytes are a whole line, and a
    /// [`RawLine`](crate::line::RawLine) may be over-long.
    ///
    /// Names are asked for all flows that are due together. A GUID that the directory leaves out of
    /// its answer may be asked for again with the next flows.
    ///
    /// # Errors
    ///
    /// Those of the directory. The flows that are due are held, so none is lost; a directory that
    /// wants them to go on without names answers with an empty map instead. After an error, `take`
    /// asks again when an eighth more packets are held, and [`Follower::tick`] asks each time. When
    /// more than [`FollowerOptions::most_held`] are held, the oldest go on without names.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use asg_core::correlate::FollowerOptions;
    /// # use asg_core::{Follower, NoDirectory, Origin, SourceId, Timestamp};
    /// # let packet = b"2024-05-06T07:09:10Z cell kernel: [637.5] OK_bfce786c-ab07-40ad-79f9-8 \
    /// #     IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF \
    /// #     PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let mut follower = Follower::new(FollowerOptions::default());
    /// let mut flows = 0;
    /// let mut each = |_: &asg_core::Flow<'_, '_>| -> ControlFlow<()> {
    ///     flows += 1;
    ///     ControlFlow::Continue(())
    /// };
    /// let _ = follower.take(origin, packet, &mut NoDirectory, &mut each)?;
    /// assert_eq!(flows, 0, "the packet waits for evidence");
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn take<'l, D: Directory, B>(
        &mut self,
        origin: Origin,
        line: impl Into<Line<'l>>,
        directory: &mut D,
        each: impl FnMut(&Flow<'_, '_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, D::Error> {
        let line = line.into();
        let mut reader = std::mem::take(&mut self.reader);
        let first = reader.classify(&line);
        let mut outcome = Outcome::of(&line, &first);
        self.record(origin, &first, &line);
        self.reader = reader;
        let mut has_packet = false;
        for record in Record::more(&line) {
            has_packet |= self.state.take_more(origin, &record);
            outcome = outcome.with(&record);
        }
        self.state.outcomes.count(origin, outcome);
        if has_packet && !self.places.contains_key(&origin) {
            self.hold(origin, self.now().unwrap_or(Timestamp::from_nanos(0)), &line);
        }
        // All that are due are looked up for each question, so questions must be rare.
        let is_stuck = self.stuck > 0 && self.held.len() <= self.stuck + self.stuck / 8;
        if is_stuck {
            return Ok(self.give_surplus(directory, each));
        }
        self.give_due(directory, each)
    }

    /// Counts a further line of a document; the first line had the whole text. See
    /// [`DocumentLines`](crate::line::DocumentLines).
    pub fn pass_over(&mut self, origin: Origin) {
        self.state.counts.lines += 1;
        self.state.outcomes.count(origin, Outcome::Other);
    }

    /// Takes a line of before a restart: clocks, evidence and duplicates learn from it. It gives no
    /// flow, because the run before has given that.
    ///
    /// A program that goes on after a restart shows its follower the lines before its place again:
    /// those of [held](Self::held) packets to [`Follower::take`], all others to this.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use asg_core::correlate::FollowerOptions;
    /// use asg_core::{Flow, Follower, NoDirectory, Origin, SourceId};
    ///
    /// let packet = |id| {
    ///     format!(
    ///         "2024-05-06T07:09:10Z cell kernel: [637.58112{id}] DENY_bfce786c-ab07-40ad-79f9 \
    ///          IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={id} \
    ///          DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 "
    ///     )
    /// };
    /// let origin = |line| Origin { source: SourceId(0), line };
    /// let mut given = Vec::new();
    /// let mut each = |flow: &Flow<'_, '_>| -> ControlFlow<()> {
    ///     given.push(flow.origin.line);
    ///     ControlFlow::Continue(())
    /// };
    ///
    /// let mut follower = Follower::new(FollowerOptions::default());
    /// follower.recall(origin(1), packet(1).as_bytes());
    /// let _ = follower.take(origin(2), packet(2).as_bytes(), &mut NoDirectory, &mut each)?;
    /// // Another log has the first packet, too.
    /// let _ = follower.take(origin(3), packet(1).as_bytes(), &mut NoDirectory, &mut each)?;
    /// assert_eq!(follower.held().len(), 1);
    /// let _ = follower.finish(&mut NoDirectory, &mut each)?;
    /// assert_eq!(given, [2]);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn recall<'l>(&mut self, origin: Origin, line: impl Into<Line<'l>>) {
        let held = self.held.len();
        let line = line.into();
        let mut reader = std::mem::take(&mut self.reader);
        self.record(origin, &reader.classify(&line), &line);
        self.reader = reader;
        for record in Record::more(&line) {
            self.state.take_more(origin, &record);
        }
        if self.held.len() > held {
            self.held.pop_back();
            self.places.remove(&origin);
            self.state.reports.given(origin);
        }
    }

    /// Returns the packets that wait, oldest first, each with its place and its line.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use asg_core::correlate::FollowerOptions;
    /// # use asg_core::{Follower, NoDirectory, Origin, SourceId, Timestamp};
    /// # let packet = b"2024-05-06T07:09:10Z cell kernel: [637.5] OK_bfce786c-ab07-40ad-79f9-8 \
    /// #     IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF \
    /// #     PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let mut follower = Follower::new(FollowerOptions::default());
    /// let go_on = |_: &asg_core::Flow<'_, '_>| ControlFlow::<()>::Continue(());
    /// let _ = follower.take(origin, packet, &mut NoDirectory, go_on)?;
    /// let held = follower.held().next().map(|(origin, line)| (origin, line.raw()));
    /// assert_eq!(held, Some((origin, &packet[..])));
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn held(&self) -> impl ExactSizeIterator<Item = (Origin, Line<'_>)> {
        self.held.iter().map(|held| (held.origin, held.line()))
    }

    fn record(&mut self, origin: Origin, record: &Record<'_>, line: &Line<'_>) {
        let State { clocks, policy, .. } = &self.state;
        let is_platform = record.is_platform();
        let machine = clocks.machine(&record.envelope);
        let stamp = || {
            let (of, time) = ((origin.source, machine), record.envelope.time);
            is_platform.then(|| clocks.about(of, time, policy, self.now()))?
        };
        if let Some(time) = record.own_time().or_else(stamp) {
            match self.watermark.see(machine, time) {
                Effect::Usual => {}
                Effect::Leap => self.counts.leaps += 1,
                Effect::SetBack => {
                    self.counts.leaps += 1;
                    self.set_back();
                }
            }
        }
        let now = self.now().unwrap_or(Timestamp::from_nanos(0));
        match self.state.take(origin, record, now) {
            None => {}
            Some(Told::First) => self.hold(origin, now, line),
            Some(Told::After(first)) => self.told_again(first),
            Some(Told::Before(other)) => match self.places.remove(&other) {
                // The line at the least place is the packet's.
                Some(place) => {
                    self.places.insert(origin, place);
                    let held = &mut self.held[(place - self.gone) as usize];
                    (held.origin, held.bytes) = (origin, line.raw().into());
                    held.is_cut = line.is_cut();
                }
                None => self.told_again(origin),
            },
        }
    }

    /// Notes how late it is, for a log in which nothing happens, and hands on the flows that are
    /// due.
    ///
    /// # Errors
    ///
    /// As [`Follower::take`].
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use asg_core::correlate::FollowerOptions;
    /// # use asg_core::{Follower, NoDirectory, Origin, SourceId, Timestamp};
    /// # let packet = b"2024-05-06T07:09:10Z cell kernel: [637.5] OK_bfce786c-ab07-40ad-79f9-8 \
    /// #     IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF \
    /// #     PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let mut follower = Follower::new(FollowerOptions::default());
    /// let go_on = |_: &asg_core::Flow<'_, '_>| ControlFlow::<()>::Continue(());
    /// let _ = follower.take(origin, packet, &mut NoDirectory, go_on)?;
    /// let mut flows = 0;
    /// let later = Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap();
    /// let _ = follower.tick(later, &mut NoDirectory, |_| -> ControlFlow<()> {
    ///     flows += 1;
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(flows, 1);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn tick<D: Directory, B>(
        &mut self,
        time: Timestamp,
        directory: &mut D,
        each: impl FnMut(&Flow<'_, '_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, D::Error> {
        self.watermark.tick(time);
        self.give_due(directory, each)
    }

    /// Hands on all flows that are left. The follower can go on afterwards.
    ///
    /// # Errors
    ///
    /// As [`Follower::take`].
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use asg_core::correlate::FollowerOptions;
    /// # use asg_core::{Follower, NoDirectory, Origin, SourceId, Timestamp};
    /// # let packet = b"2024-05-06T07:09:10Z cell kernel: [637.5] OK_bfce786c-ab07-40ad-79f9-8 \
    /// #     IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF \
    /// #     PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let mut follower = Follower::new(FollowerOptions::default());
    /// let go_on = |_: &asg_core::Flow<'_, '_>| ControlFlow::<()>::Continue(());
    /// let _ = follower.take(origin, packet, &mut NoDirectory, go_on)?;
    /// let mut flows = 0;
    /// let _ = follower.finish(&mut NoDirectory, |_| -> ControlFlow<()> {
    ///     flows += 1;
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(flows, 1, "nothing more can come");
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn finish<D: Directory, B>(
        &mut self,
        directory: &mut D,
        each: impl FnMut(&Flow<'_, '_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, D::Error> {
        self.give(self.held.len(), directory, each)
    }

    fn hold(&mut self, origin: Origin, now: Timestamp, line: &Line<'_>) {
        self.places.insert(origin, self.gone + self.held.len() as u64);
        let (due, bytes) = (after(now, self.options.hold), line.raw().into());
        self.held.push_back(Held { origin, due, bytes, is_cut: line.is_cut() });
        self.counts.most_held = self.counts.most_held.max(self.held.len());
    }

    /// Notes another line about a packet; its flow shows it, if it was not passed on yet.
    fn told_again(&mut self, first: Origin) {
        if !self.places.contains_key(&first) {
            self.counts.late_duplicates += 1;
            self.state.reports.given(first);
        }
    }

    /// Handles a stamp that turned out wrong: packets since then wait for a time that will not
    /// come.
    fn set_back(&mut self) {
        let Some(now) = self.now() else { return };
        let due = after(now, self.options.hold);
        self.held.iter_mut().for_each(|held| held.due = held.due.min(due));
        (self.released, self.swept) = (now.min(self.released), now.min(self.swept));
    }

    fn give_due<D: Directory, B>(
        &mut self,
        directory: &mut D,
        mut each: impl FnMut(&Flow<'_, '_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, D::Error> {
        let Some(now) = self.now() else { return Ok(self.give_surplus(directory, each)) };
        if now >= after(self.released, TOGETHER) {
            let due = self.held.partition_point(|held| held.due <= now);
            match self.give(due, directory, &mut each) {
                Ok(ControlFlow::Continue(())) => self.released = now,
                Ok(ControlFlow::Break(value)) => return Ok(ControlFlow::Break(value)),
                Err(error) => {
                    if let ControlFlow::Break(value) = self.give_surplus(directory, each) {
                        return Ok(ControlFlow::Break(value));
                    }
                    return Err(error);
                }
            }
        }
        if let ControlFlow::Break(value) = self.give_surplus(directory, each) {
            return Ok(ControlFlow::Break(value));
        }
        if now >= after(self.swept, self.options.retention / 8) {
            self.swept = now;
            self.sweep(now);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Where too many packets wait, a quarter of them go at once, so that it need not be done for
    /// each.
    fn give_surplus<D: Directory, B>(
        &mut self,
        directory: &mut D,
        mut each: impl FnMut(&Flow<'_, '_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if self.held.len() <= self.options.most_held {
            return ControlFlow::Continue(());
        }
        let surplus = self.held.len() - self.options.most_held / 4 * 3;
        self.counts.hurried += surplus as u64;
        // Memory is bounded, whatever becomes of the names.
        match self.give(surplus, directory, &mut each) {
            Ok(flow) => flow,
            Err(_) => self.hand_on(surplus, each),
        }
    }

    /// Names the owners of this many packets, the first ones, and hands on their flows.
    fn give<D: Directory, B>(
        &mut self,
        many: usize,
        directory: &mut D,
        each: impl FnMut(&Flow<'_, '_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, D::Error> {
        let mut wanted: Vec<Guid> = Vec::new();
        let mut names_apps = false;
        let Self { state, reader, held, .. } = self;
        let times = state.clocks.complete(&state.policy);
        if state.reports.has_loggers() {
            let candidates = held.iter().take(many).filter_map(|held| {
                let line = held.line();
                State::candidate(&state.reports, &times, held.origin, &reader.classify(&line))
            });
            let candidates = candidates.collect();
            state.reports.join(candidates);
        }
        for held in held.iter().take(many) {
            let line = held.line();
            let first = state.flow(&times, held.origin, reader.classify(&line));
            let more = || Record::more(&line);
            let more = more().filter_map(|it| state.flow_alone(&times, held.origin, it));
            for flow in first.into_iter().chain(more) {
                wanted.extend(flow.attribution.subject());
                wanted.extend(flow.peer.and_then(|peer| peer.attribution.subject()));
                names_apps |= flow.attribution.reason == Reason::UnknownApp;
            }
        }
        if names_apps {
            state.add_all_owners(&mut wanted);
        }
        let resolved = state.resolve(wanted, directory);
        self.stuck = if resolved.is_err() { self.held.len() } else { 0 };
        resolved?;
        Ok(self.hand_on(many, each))
    }

    /// Hands on the flows of this many packets, the first ones.
    fn hand_on<B>(
        &mut self,
        many: usize,
        mut each: impl FnMut(&Flow<'_, '_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Self { state, reader, held, places, gone, counts, .. } = self;
        let times = state.clocks.complete(&state.policy);
        let (mut given, mut of_loggers) = (Vec::new(), 0);
        let mut went_on = ControlFlow::Continue(());
        while let (true, true) = (given.len() < many, went_on.is_continue())
            && let Some(held) = held.pop_front()
        {
            *gone += 1;
            places.remove(&held.origin);
            given.push(held.origin);
            let line = held.line();
            let record = reader.classify(&line);
            let is_logger = matches!(record.content, Content::Logger(_));
            let first = state.flow(&times, held.origin, record);
            of_loggers += u64::from(is_logger && first.is_some());
            let more = Record::more(&line);
            let more = more.filter_map(|it| state.flow_alone(&times, held.origin, it));
            for flow in first.into_iter().chain(more) {
                if went_on.is_break() {
                    break;
                }
                counts.flows += 1;
                counts.unexplained += u64::from(flow.attribution.certainty <= Certainty::Ambiguous);
                went_on = each(&flow);
            }
        }
        drop(times);
        state.counts.packets += of_loggers;
        for origin in given {
            state.reports.given(origin);
        }
        went_on
    }

    /// Removes everything that is too old.
    fn sweep(&mut self, now: Timestamp) {
        let before =
            |age: Duration| Timestamp::from_nanos(now.as_nanos().saturating_sub(nanos(age)));
        let (ended, silent) = (before(self.options.retention), before(self.options.silence));
        let known = self.ledger().len();
        self.state.forget(before(self.options.window), |lifetime: Lifetime<'_>| {
            let Some(seen) = lifetime.seen() else { return true };
            let oldest = if lifetime.destroyed().is_some() { ended } else { silent };
            *seen.end() >= oldest
        });
        self.counts.forgotten += (known - self.ledger().len()) as u64;
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn after(time: Timestamp, duration: Duration) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos().saturating_add(nanos(duration)))
}

#[cfg(test)]
mod tests;
