//! The tally: packets counted by who sent them, in one pass and without holding any.
//!
//! * [`reader`] reads lines: all that needs no other line.
//! * [`headers`] and [`heads`] remember how lines and packets begin.
//! * [`cells`] and [`groups`] number what packets have in common.
//! * [`clock`] spares the clocks most of what they know already.
//! * [`answer`] tells which answer a group has.

mod answer;
mod cells;
mod clock;
mod groups;
mod headers;
mod heads;
mod reader;

use std::sync::OnceLock;

use self::cells::Cells;
use self::clock::Samples;
use self::groups::{Container, Groups, Shown, Span};
use self::reader::{Read, Seen};
pub use self::reader::{TallyReader, TallyReading};
use super::duplicates::{SenderNumber, Told};
use super::{Correlator, Counts};
use crate::clock::KnownTimes;
use crate::completeness::Completeness;
use crate::evidence::NameKind;
use crate::ledger::Ledger;
use crate::ledger::attribution::Attribution;
use crate::line::envelope::Envelope;
use crate::names::identity::Identity;
use crate::prefix::LogPrefix;
use crate::time::{LogTime, TimePolicy, TimeRange, Timestamp};

/// Counts packets by who sent them, where nobody wants to see each: the same answers as a [`Correlator`]'s, several times
/// as fast.
///
/// Who sent a packet depends on its prefix, cell, address and time. Packets that have all but the time in common make a
/// group, of which only the count and the first and the last time are kept. When all lines have been read, nearly every
/// group has one answer for the whole of its time, and then that is every packet's. If some group has not
/// ([`Tally::is_settled`] says so) all lines are to be shown once more, to [`Tally::read_again`].
///
/// Reading, which is most of the work, can be shared by threads: each has a [`TallyReader`] of its own and hands over
/// what it has read, and one of them gives that to [`Tally::take`]. Memory grows with containers and the addresses and cells under which they are seen,
/// not with packets.
///
/// # Example
///
/// ```
/// use asg_core::{Certainty, Identity, Origin, SourceId, Tally};
///
/// let rep = br#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting",
///     "log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;
/// let packet = b"[1122561.945562] d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 SRC=10.254.0.10 \
///     DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 \
///     SYN URGP=0 ";
/// let mut tally = Tally::new();
/// let mut reader = tally.reader();
/// for (line, text) in (1..).zip([&rep[..], packet, packet]) {
///     reader.read(Origin { source: SourceId(0), line }, text);
/// }
/// tally.finish(reader);
/// assert!(tally.is_settled());
/// tally.give(|guids| vec![Identity::unknown(); guids.len()], |counted| {
///     assert_eq!((counted.packets, counted.attribution.certainty), (1, Certainty::UniquePrefix));
/// });
/// assert_eq!(tally.counts().duplicates, 1, "the second line tells the same packet");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tally {
    correlator: Correlator,
    cells: Cells,
    /// By the numbers of `cells`.
    cell_facts: Vec<Cell>,
    groups: Groups,
    /// By the numbers of `groups`.
    counted: Vec<Group>,
    readers: Vec<Numbers>,
    /// Made when it is asked for, of all that was taken.
    times: OnceLock<KnownTimes<'static>>,
}

/// The tally's numbers for those of a reader.
#[derive(Debug, Clone, Default)]
struct Numbers {
    cells: Vec<u32>,
    groups: Vec<u32>,
    /// How many readings were taken.
    taken: usize,
}

/// What the tally knows of a machine.
#[derive(Debug, Clone)]
struct Cell {
    /// Its name, if that tells it from others.
    name: Option<(Box<str>, NameKind)>,
    /// What the ledger calls it, once it does.
    number: Option<u32>,
    /// Its place in [`Completeness`].
    place: usize,
    /// What the clocks call it.
    clock: Option<u64>,
    samples: Samples,
}

/// What the tally knows of a group.
#[derive(Debug, Clone, Default)]
struct Group {
    packets: u64,
    span: Span,
    container: Container,
    /// Of the last of them.
    sender: SenderNumber,
    /// Where one answer is not every packet's: a time of each, and how many packets have it.
    answers: Vec<(Option<TimeRange>, u64)>,
}

/// Packets of a [`Tally`] that have one answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Counted<'t> {
    /// How many.
    pub packets: u64,
    /// What their prefix means, if it is Cloud Foundry's. Where it names an app, the tag is that of one of them.
    pub cf: Option<LogPrefix<'t>>,
    /// Who sent them. Of an app that their prefixes name, the containers are not told.
    pub attribution: Attribution<'t>,
    /// Names, if the directory knows them.
    pub identity: Option<&'t Identity>,
}

impl Tally {
    /// A tally that completes times as [`Correlator::new`] does.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tally that completes times as [`Correlator::with_policy`] does.
    #[must_use]
    pub fn with_policy(policy: TimePolicy) -> Self {
        Self { correlator: Correlator::with_policy(policy), ..Self::default() }
    }

    /// The same, with this evidence to begin with, as with [`Correlator::with_ledger`].
    #[must_use]
    pub fn with_ledger(self, ledger: Ledger) -> Self {
        Self { correlator: self.correlator.with_ledger(ledger), ..self }
    }

    /// What was seen.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        self.correlator.counts()
    }

    /// All evidence so far.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        self.correlator.ledger()
    }

    /// What is missing from the logs, as far as they tell it themselves.
    #[must_use]
    pub const fn completeness(&self) -> &Completeness {
        self.correlator.completeness()
    }

    /// A reader for this tally.
    #[must_use]
    pub fn reader(&mut self) -> TallyReader {
        let number = self.readers.len();
        self.readers.push(Numbers::default());
        TallyReader::new(number, self.correlator.reports.seeds())
    }

    /// Takes what a reader has read. Where readers share the work, their readings are taken in the order of the lines, a few
    /// thousand lines at a time: it matters which line came first.
    ///
    /// # Panics
    ///
    /// If it is a reading of another tally's reader, or an earlier one of this reader was not taken.
    pub fn take(&mut self, reading: TallyReading) {
        self.take_behind(reading, 0);
    }

    /// The same of a reader that has not counted the lines from the beginning of their log: so many stand before.
    ///
    /// # Panics
    ///
    /// As with [`Tally::take`].
    pub fn take_behind(&mut self, reading: TallyReading, lines: u64) {
        let TallyReading {
            reader,
            number,
            seeds,
            cells,
            groups,
            latest,
            zones,
            evidence,
            read,
            counts,
        } = reading;
        assert!(seeds == self.correlator.reports.seeds(), "the reading is another tally's");
        self.times = OnceLock::new();
        let mut numbers = std::mem::take(&mut self.readers[reader]);
        assert!(number == numbers.taken, "an earlier reading was not taken");
        numbers.taken += 1;
        numbers.cells.extend(cells.iter().map(|name| self.cells.take(name)));
        for name in &self.cells.all()[self.cell_facts.len()..] {
            let envelope = name.envelope();
            let correlator = &mut self.correlator;
            self.cell_facts.push(Cell {
                name: NameKind::of(&envelope).map(|(name, kind)| (name.into(), kind)),
                number: None,
                place: correlator.completeness.cell_of(name.source(), &envelope),
                clock: correlator.clocks.machine(&envelope),
                samples: Samples::default(),
            });
        }
        for name in &groups {
            let cell = numbers.cells[name.cell() as usize];
            numbers.groups.push(self.groups.take(name, cell));
        }
        self.counted.resize_with(self.groups.all().len(), Group::default);
        for (source, time) in latest {
            self.correlator.clocks.learn_year(source, time);
        }
        for (source, time, own) in zones {
            let envelope = Envelope { time, ..Envelope::default() };
            self.correlator.clocks.learn(source, &envelope, Some(own));
        }
        for (mut evidence, machine) in evidence {
            evidence.origin.line += lines;
            let ledger = &mut self.correlator.ledger;
            let machine = machine.and_then(|cell| {
                let Cell { name, number, .. } =
                    &mut self.cell_facts[numbers.cells[cell as usize] as usize];
                let (name, kind) = name.as_ref()?;
                let machine = || ledger.machine_number(name.clone(), *kind);
                Some(*number.get_or_insert_with(machine))
            });
            ledger.add_of(evidence, machine);
        }
        for read in read {
            match read {
                Read::Packet(mut seen) => {
                    seen.origin.line += lines;
                    let cell = numbers.cells[seen.cell as usize];
                    self.packet(cell, numbers.groups[seen.group as usize], &seen);
                }
                Read::Told { cell, told } => {
                    let cell = &self.cell_facts[numbers.cells[cell as usize] as usize];
                    self.correlator.completeness.tell(cell.place, told);
                }
                Read::Stamp { source, time } => {
                    let envelope = Envelope { time, ..Envelope::default() };
                    self.correlator.clocks.learn(source, &envelope, None);
                }
                Read::Clock { cell, shown } => {
                    self.clock(numbers.cells[cell as usize], shown);
                }
            }
        }
        self.readers[reader] = numbers;
        self.correlator.counts.add(&counts);
        self.correlator.counts.duplicates = self.correlator.reports.copies();
    }

    /// Takes the last reading of a reader that has nothing more to read.
    ///
    /// # Panics
    ///
    /// As with [`Tally::take`].
    pub fn finish(&mut self, mut reader: TallyReader) {
        self.take(reader.hand_over());
        self.times = OnceLock::new();
        for (cell, name) in self.cell_facts.iter_mut().zip(self.cells.all()) {
            let clocks = &mut self.correlator.clocks;
            cell.samples
                .flush(|(uptime, stamp)| clocks.learn_of(name.source(), cell.clock, uptime, stamp));
        }
    }

    fn packet(&mut self, cell: u32, group: u32, seen: &Seen) {
        let shown = Shown { time: seen.times.time, uptime: seen.times.uptime };
        self.clock(cell, shown);
        let correlator = &mut self.correlator;
        let sender = &mut self.counted[group as usize].sender;
        let told = seen.mark.map(|mark| correlator.reports.marked(seen.origin, mark, NOW, sender));
        if matches!(told, Some(Told::After(_))) {
            return;
        }
        let place = self.cell_facts[cell as usize].place;
        let name = || &self.groups.all()[group as usize];
        let group = &mut self.counted[group as usize];
        group.packets += 1;
        group.span.extend(shown);
        let completeness = &mut correlator.completeness;
        let container = group
            .container
            .of(seen.limit, |limit| completeness.container(place, name().prefix(), limit));
        completeness.packet_of(place, container, seen.times);
        if seen.is_damaged {
            completeness.tell(place, crate::completeness::Told::Damage);
        }
    }

    /// Takes a line that shows both clocks, or only one.
    fn clock(&mut self, cell: u32, shown: Shown) {
        let name = &self.cells.all()[cell as usize];
        let source = name.source();
        let facts = &mut self.cell_facts[cell as usize];
        let clocks = &mut self.correlator.clocks;
        let (Some(uptime), LogTime::Instant(stamp)) = (shown.uptime, shown.time) else {
            let Shown { time, uptime } = shown;
            clocks.learn(source, &Envelope { time, uptime, ..name.envelope() }, None);
            return;
        };
        facts.samples.add(uptime, stamp, |(uptime, stamp)| {
            clocks.learn_of(source, facts.clock, uptime, stamp);
        });
    }
}

/// Nothing is forgotten, so it does not matter when a line came.
const NOW: Timestamp = Timestamp::from_nanos(0);
