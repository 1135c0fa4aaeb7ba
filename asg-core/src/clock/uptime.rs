//! The clocks of all machines whose lines show the kernel's uptime.

use std::collections::HashMap;

use super::boot::{Boot, LAG_NANOS, hidden_nanos};
use crate::bytes::hash::Seeds;
use crate::evidence::SourceId;
use crate::line::envelope::Envelope;
use crate::time::TimeRange;
use crate::time::{LogTime, Timestamp, Uptime};

/// Boots of one machine that are remembered, the latest ones.
const MOST_BOOTS: usize = 32;

/// Holds the kernels' uptimes beside the times of the lines that show both, for each machine and boot. It tells how far the
/// time of a line can be out, and when a line was written that shows nothing but an uptime.
///
/// A boot is told from another by its lines: a machine boots after it was last heard of, so lines of which the times since
/// boot overlap are of one boot. (Where the clocks have drifted apart by more than a line's uptime, lines of a boot's first
/// minutes may count as a boot of their own, which costs nothing but exactness.) In which order lines come does not matter. A machine takes at most some kilobytes, however
/// many lines it writes.
///
/// What is assumed: no line is stamped before it was written; of the lines of a minute or two, one was stamped within a
/// second; the two clocks drift apart by no more than 500 millionths.
///
/// ```
/// use asg_core::{Line, SourceId, UptimeClocks};
///
/// let mut clocks = UptimeClocks::default();
/// let both = Line::new(b"2018-04-03T17:05:02.358719+00:00 cell-1 kernel: [  637.581122] hello");
/// clocks.learn(SourceId(0), &both.envelope());
/// let alone = Line::new(b"[  647.581122] cell-1 kernel: hello");
/// let time = clocks.time(SourceId(1), &alone.envelope(), None).unwrap();
/// assert!(time.earliest().to_string() < "2018-04-03T17:05:12.358719Z".to_owned());
/// assert!(time.latest().to_string() > "2018-04-03T17:05:12.358719Z".to_owned());
/// assert!(time.error_nanos() < 1_000_000_000);
/// ```
#[derive(Debug, Clone, Default)]
pub struct UptimeClocks {
    seeds: Seeds,
    machines: HashMap<u64, Vec<Boot>>,
    /// The one machine that a source names; `None` if it names several.
    named: HashMap<SourceId, Option<u64>>,
    /// The machine that was last looked up: lines of one come together.
    last: Option<(SourceId, u64)>,
}

impl UptimeClocks {
    /// Takes a line. What shows no uptime, or no whole time, teaches nothing.
    pub fn learn(&mut self, source: SourceId, envelope: &Envelope<'_>) {
        if let (Some(uptime), LogTime::Instant(stamp)) = (envelope.uptime, envelope.time) {
            self.learn_of(source, self.machine(envelope), uptime, stamp);
        }
    }

    /// The same of a line whose machine has been looked for.
    pub(crate) fn learn_of(
        &mut self,
        source: SourceId,
        named: Option<u64>,
        uptime: Uptime,
        stamp: Timestamp,
    ) {
        let machine = named.unwrap_or_else(|| self.unnamed(source));
        if let Some(named) = named
            && self.last != Some((source, named))
        {
            self.last = Some((source, named));
            let known = self.named.entry(source).or_insert(Some(named));
            *known = known.filter(|known| *known == named);
        }
        let boots = self.machines.entry(machine).or_default();
        let micros = uptime.as_micros();
        // Nearly all lines are of the last boot, and change nothing about which boots there are.
        if let [.., before, last] = boots.as_mut_slice()
            && before.is_before(&Boot::of(micros, stamp))
            && last.take(micros, stamp)
        {
            return;
        }
        if let [only] = boots.as_mut_slice()
            && only.take(micros, stamp)
        {
            return;
        }
        let mut boot = Boot::of(micros, stamp);
        boots.retain(|other| {
            let is_same = other.is_same(&boot);
            if is_same {
                boot.join(other);
            }
            !is_same
        });
        let at = boots.partition_point(|other| other.is_before(&boot));
        boots.insert(at, boot);
        if boots.len() > MOST_BOOTS {
            boots.remove(0);
        }
    }

    /// When a line was written, and how far that can be out. `stamp` is the time that it shows, completed where it lacks a
    /// year or a zone. `None` if it shows none, and its uptime does not lead to one: no line of its machine shows both, or
    /// it may be of several boots.
    #[must_use]
    pub fn time(
        &self,
        source: SourceId,
        envelope: &Envelope<'_>,
        stamp: Option<Timestamp>,
    ) -> Option<TimeRange> {
        let boots = envelope
            .uptime
            .and_then(|uptime| Some((self.boots(source, self.machine(envelope))?, uptime)));
        let Some((boots, uptime)) = boots else { return stamp.map(alone) };
        let micros = uptime.as_micros();
        let Some(stamp) = stamp else {
            let mut times = boots.iter().filter_map(|boot| boot.at(micros));
            return times.next().filter(|_| times.next().is_none());
        };
        let own = Boot::of(micros, stamp);
        let boot = boots.iter().find(|boot| boot.is_same(&own));
        Some(boot.map_or_else(|| alone(stamp), |boot| boot.stamped(micros, stamp)))
    }

    /// How many boots of machines are known.
    #[must_use]
    pub fn boots_known(&self) -> usize {
        self.machines.values().map(Vec::len).sum()
    }

    /// An instant before which no line was written of which both the uptime and the stamp lie between these two; `None` if
    /// they are of different boots.
    ///
    /// The least uptime and the least stamp of some lines, and the greatest of each, need not be of one line. Their stamps are
    /// of lines, so both lie in boots of lines. If these are one boot, all lines are of it; or else a later boot's uptimes
    /// are taken for its own, which are less than those of its lines, so that the instant is early enough for all.
    pub(crate) fn earliest(
        &self,
        source: SourceId,
        named: Option<u64>,
        [first, last]: [(Option<Uptime>, Timestamp); 2],
    ) -> Option<Timestamp> {
        let alone = alone(first.1).earliest();
        let (Some(boots), (Some(from), stamp), (Some(to), last_stamp)) =
            (self.boots(source, named), first, last)
        else {
            return Some(alone);
        };
        let boot_of = |uptime: Uptime, stamp| {
            let own = Boot::of(uptime.as_micros(), stamp);
            boots.iter().position(|boot| boot.is_same(&own))
        };
        let boot = boot_of(from, stamp);
        if boot != boot_of(to, last_stamp) {
            return None;
        }
        let earliest = boot.map(|boot| boots[boot].earliest(from.as_micros(), to.as_micros()));
        Some(earliest.map_or(alone, |earliest| earliest.min(alone)))
    }

    /// True if some boot of the machine is known.
    pub(crate) fn knows(&self, source: SourceId, named: Option<u64>) -> bool {
        self.boots(source, named).is_some()
    }

    fn boots(&self, source: SourceId, named: Option<u64>) -> Option<&Vec<Boot>> {
        if let Some(machine) = named {
            return self.machines.get(&machine);
        }
        let by_source = self.machines.get(&self.unnamed(source));
        by_source.or_else(|| self.machines.get(&(*self.named.get(&source)?)?))
    }

    /// The machine that a line names; `None` for what every machine is called.
    pub(crate) fn machine(&self, envelope: &Envelope<'_>) -> Option<u64> {
        let digest = |text: crate::bytes::text::Text<'_>| self.seeds.digest(text.as_bytes());
        match (envelope.instance, envelope.job, envelope.index, envelope.host) {
            (Some(instance), ..) => Some(digest(instance)),
            (_, Some(job), Some(index), _) => Some(digest(job).rotate_left(17) ^ digest(index)),
            (.., Some(host)) if host == "localhost" => None,
            (.., host) => host.map(digest),
        }
    }

    fn unnamed(&self, source: SourceId) -> u64 {
        self.seeds.digest(&[&[0; 12][..], &source.0.to_le_bytes()].concat())
    }
}

/// The time of a line of which only the stamp tells.
fn alone(stamp: Timestamp) -> TimeRange {
    let nanos = stamp.as_nanos();
    TimeRange::between(
        Timestamp::from_nanos(nanos.saturating_sub(LAG_NANOS)),
        Timestamp::from_nanos(nanos.saturating_add(hidden_nanos(stamp))),
    )
}
