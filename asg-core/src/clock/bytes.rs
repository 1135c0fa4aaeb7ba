//! The saved form of clocks, which other machines and other days read.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `ASGCLOCK` |
//! | 4 | version of the format, little-endian: [`VERSION`] |
//! | 16 | the seeds of machines' digests |
//! | … | the names of the sources; machines, stamps without a zone, zones, years, days, late and punctual lines |
//! | 4 | CRC-32 of all before it |
//!
//! Numbers are LEB128, signed ones zigzag. Everything is sorted, so equal clocks have equal bytes.
//! Sources are saved by name, because their numbers hold in one process only. A machine without a
//! name is known by its source.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::boot::Boot;
use super::late::Late;
use super::spans::Spans;
use super::uptime::{StampKind, UptimeClocks, join};
use super::year::{Days, Shown};
use super::zone::Zones;
use crate::bytes::hash::Seeds;
use crate::bytes::saved::{Reader, Writer};
use crate::evidence::SourceId;

const MAGIC: &[u8; 8] = b"ASGCLOCK";
/// Raised when a reader of the previous version would misread.
const VERSION: u32 = 3;
const HEADER: usize = 12;
const TRAILER: usize = 4;

/// The reason why saved clocks were rejected. Nothing is loaded from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClocksError {
    /// The bytes are something else.
    #[error("these are no saved clocks")]
    NotClocks,
    /// A later version wrote them.
    #[error("the clocks are of version {0} of their format, and this program reads {VERSION}")]
    Version(u32),
    /// They were cut or changed.
    #[error("the saved clocks are damaged: their checksum is another")]
    Checksum,
    /// They are unchanged, but no clocks of this version.
    #[error("the saved clocks make no sense at byte {0}")]
    Malformed(u64),
}

impl UptimeClocks {
    /// Returns the clocks as bytes, for [`UptimeClocks::from_bytes`]. `name` gives the name of a
    /// source, by which it is found again.
    ///
    /// ```
    /// # use asg_core::clock::{ClocksError, UptimeClocks};
    /// # use asg_core::{Line, SourceId};
    /// # let both = Line::new(b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] hello");
    /// let mut clocks = UptimeClocks::default();
    /// clocks.learn(SourceId(0), &both.envelope(), None);
    ///
    /// let bytes = clocks.to_bytes(|_| "kern.log");
    /// let loaded = UptimeClocks::from_bytes(&bytes, |name| {
    ///     assert_eq!(name, "kern.log");
    ///     SourceId(7)
    /// })?;
    /// assert_eq!(loaded.boots_known(), 1);
    /// assert_eq!(loaded.to_bytes(|_| "kern.log"), bytes);
    /// # Ok::<(), ClocksError>(())
    /// ```
    #[must_use]
    pub fn to_bytes<N: AsRef<str>>(&self, name: impl Fn(SourceId) -> N) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(256));
        out.0.extend_from_slice(MAGIC);
        out.0.extend_from_slice(&VERSION.to_le_bytes());
        for seed in self.seeds.parts() {
            out.0.extend_from_slice(&seed.to_le_bytes());
        }
        self.write(&mut out, name);
        let mut out = out.0;
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Loads clocks that [`UptimeClocks::to_bytes`] made. `source` numbers a source by its name.
    ///
    /// Only clocks that have the seeds in common can be merged: those that begin as a
    /// [`UptimeClocks::part`] of one, or are loaded from such a part.
    ///
    /// # Errors
    ///
    /// If the bytes are anything but whole, undamaged clocks of this version.
    ///
    /// ```
    /// use asg_core::SourceId;
    /// use asg_core::clock::{ClocksError, UptimeClocks};
    /// let refused = UptimeClocks::from_bytes(b"hello", |_| SourceId(0));
    /// assert_eq!(refused.unwrap_err(), ClocksError::NotClocks);
    /// ```
    pub fn from_bytes(
        bytes: &[u8],
        source: impl FnMut(&str) -> SourceId,
    ) -> Result<Self, ClocksError> {
        if bytes.len() < HEADER + TRAILER || !bytes.starts_with(MAGIC) {
            return Err(ClocksError::NotClocks);
        }
        let (body, sum) = bytes.split_at(bytes.len() - TRAILER);
        let version = body[MAGIC.len()..].first_chunk().map_or(0, |it| u32::from_le_bytes(*it));
        if version != VERSION {
            return Err(ClocksError::Version(version));
        }
        if crc32fast::hash(body).to_le_bytes() != *sum {
            return Err(ClocksError::Checksum);
        }
        let mut reader = Reader { bytes: body, at: HEADER };
        Self::decode(&mut reader, source)
            .filter(|_| reader.at == body.len())
            .ok_or(ClocksError::Malformed(reader.at as u64))
    }

    fn write<N: AsRef<str>>(&self, out: &mut Writer, name: impl Fn(SourceId) -> N) {
        let mut sources: BTreeSet<SourceId> = self.named.keys().copied().collect();
        sources.extend(self.civil.keys().map(|(source, ..)| *source));
        sources.extend(self.years.keys().map(|(source, _)| *source));
        sources.extend(self.late.keys().map(|(source, _)| *source));
        sources.extend(self.zones.keys().chain(self.days.keys()));
        let mut order: Vec<_> = sources.into_iter().map(|source| (name(source), source)).collect();
        order.sort_by(|a, b| (a.0.as_ref(), a.1).cmp(&(b.0.as_ref(), b.1)));
        let numbers: HashMap<SourceId, usize> =
            order.iter().enumerate().map(|(n, (_, source))| (*source, n)).collect();
        out.count(order.len());
        for (name, _) in &order {
            out.text(name.as_ref());
        }

        let unnamed: HashMap<u64, usize> =
            numbers.iter().map(|(source, n)| (self.unnamed(*source), *n)).collect();
        let mut machines: Vec<_> = self
            .machines
            .iter()
            .map(|(machine, boots)| match unnamed.get(machine) {
                Some(n) => (Some(*n), 0, boots),
                None => (None, *machine, boots),
            })
            .collect();
        machines.sort_unstable_by_key(|(source, machine, _)| (*source, *machine));
        out.count(machines.len());
        for (source, machine, boots) in machines {
            match source {
                Some(n) => out.count(n + 1),
                None => {
                    out.byte(0);
                    out.number(machine);
                }
            }
            write_boots(out, boots);
        }

        let mut civil: Vec<_> = self
            .civil
            .iter()
            .map(|((source, machine, kind), boots)| (numbers[source], *machine, *kind, boots))
            .collect();
        civil.sort_unstable_by_key(|(source, machine, kind, _)| (*source, *machine, *kind));
        out.count(civil.len());
        for (source, machine, kind, boots) in civil {
            out.count(source);
            write_machine(out, machine);
            out.byte(u8::from(kind == StampKind::WithoutYear));
            write_boots(out, boots);
        }

        let named: BTreeMap<usize, Option<u64>> =
            self.named.iter().map(|(source, machine)| (numbers[source], *machine)).collect();
        out.count(named.len());
        for (source, machine) in named {
            out.count(source);
            write_machine(out, machine);
        }

        let zones: BTreeMap<usize, &Zones> =
            self.zones.iter().map(|(source, zones)| (numbers[source], zones)).collect();
        out.count(zones.len());
        for (source, zones) in zones {
            out.count(source);
            zones.write(out);
        }
        let machine_zones: BTreeMap<u64, &Zones> =
            self.machine_zones.iter().map(|(machine, zones)| (*machine, zones)).collect();
        out.count(machine_zones.len());
        for (machine, zones) in machine_zones {
            out.number(machine);
            zones.write(out);
        }

        let years: BTreeMap<_, &Shown> = self
            .years
            .iter()
            .map(|((source, machine), shown)| ((numbers[source], *machine), shown))
            .collect();
        out.count(years.len());
        for ((source, machine), shown) in years {
            out.count(source);
            write_machine(out, machine);
            shown.spans_kept().write(out);
        }
        let days: BTreeMap<usize, &Days> =
            self.days.iter().map(|(source, days)| (numbers[source], days)).collect();
        out.count(days.len());
        for (source, days) in days {
            out.count(source);
            days.write(out);
        }
        let late: BTreeMap<_, &Late> = self
            .late
            .iter()
            .map(|((source, machine), late)| ((numbers[source], *machine), late))
            .collect();
        out.count(late.len());
        for ((source, machine), late) in late {
            out.count(source);
            write_machine(out, machine);
            late.write(out);
        }
    }

    fn decode(input: &mut Reader<'_>, mut source: impl FnMut(&str) -> SourceId) -> Option<Self> {
        let mut seed = || Some(u64::from_le_bytes(input.take(8)?.try_into().expect("8 bytes")));
        let mut clocks = Self::with_seeds(Seeds::of_parts([seed()?, seed()?]));
        let mut sources = Vec::new();
        for _ in 0..input.count()? {
            sources.push(source(input.text()?));
        }
        let one = |input: &mut Reader<'_>| sources.get(input.count()?).copied();

        for _ in 0..input.count()? {
            let machine = match usize::try_from(input.number()?).ok()?.checked_sub(1) {
                Some(n) => clocks.unnamed(*sources.get(n)?),
                None => input.number()?,
            };
            let boots = decode_boots(input)?;
            join(clocks.machines.entry(machine).or_default(), &boots);
        }
        for _ in 0..input.count()? {
            let (source, machine) = (one(input)?, decode_machine(input)?);
            let kind = if input.flag()? { StampKind::WithoutYear } else { StampKind::WithYear };
            let boots = decode_boots(input)?;
            join(clocks.civil.entry((source, machine, kind)).or_default(), &boots);
        }
        for _ in 0..input.count()? {
            let (source, machine) = (one(input)?, decode_machine(input)?);
            let known = clocks.named.entry(source).or_insert(machine);
            *known = known.filter(|known| Some(*known) == machine);
        }
        for _ in 0..input.count()? {
            let source = one(input)?;
            clocks.zones.entry(source).or_default().join(&Zones::decode(input)?);
        }
        for _ in 0..input.count()? {
            let machine = input.number()?;
            clocks.machine_zones.entry(machine).or_default().join(&Zones::decode(input)?);
        }
        for _ in 0..input.count()? {
            let key = (one(input)?, decode_machine(input)?);
            clocks.years.entry(key).or_default().join(&Shown::of(Spans::decode(input)?));
        }
        for _ in 0..input.count()? {
            let source = one(input)?;
            clocks.days.entry(source).or_default().join(Days::decode(input)?);
        }
        for _ in 0..input.count()? {
            let key = (one(input)?, decode_machine(input)?);
            clocks.late.entry(key).or_default().join(&Late::decode(input)?);
        }
        Some(clocks)
    }
}

fn write_machine(out: &mut Writer, machine: Option<u64>) {
    out.byte(u8::from(machine.is_some()));
    if let Some(machine) = machine {
        out.number(machine);
    }
}

/// Returns the outer `None` for malformed bytes.
#[expect(clippy::option_option, reason = "the outer one is the error")]
fn decode_machine(input: &mut Reader<'_>) -> Option<Option<u64>> {
    if input.flag()? { Some(Some(input.number()?)) } else { Some(None) }
}

fn write_boots(out: &mut Writer, boots: &[Boot]) {
    out.count(boots.len());
    for boot in boots {
        boot.write(out);
    }
}

fn decode_boots(input: &mut Reader<'_>) -> Option<Vec<Boot>> {
    let mut boots = Vec::new();
    for _ in 0..input.count()? {
        boots.push(Boot::decode(input)?);
    }
    Some(boots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::line::Line;
    use crate::time::{TimePolicy, Timestamp};

    /// Lines of all kinds that teach a clock, with the instant of their text, in two sources.
    fn learn(clocks: &mut UptimeClocks, seed: &[(u8, u32)]) {
        for (kind, n) in seed {
            let (second, source) = (n % 60, SourceId(u32::from(kind % 2)));
            let uptime = 600 + n % 100_000;
            let text = match kind % 6 {
                0 => format!(
                    "2018-04-03T17:05:{second:02}.358719Z cell-1 kernel: [{uptime}.581122] x"
                ),
                1 => format!("2018-04-03T17:05:{second:02}Z localhost kernel: [{uptime}.581122] x"),
                2 => format!("Dec 31 23:59:{second:02} cell-{} kernel: [{uptime}.581122] x", n % 3),
                3 => format!("Jan  1 00:00:{second:02} localhost kernel: [{uptime}.581122] x"),
                4 => format!("[{uptime}.581122] x"),
                _ => format!("Apr  3 19:05:{second:02} cell-1 rep: x"),
            };
            let text = if *kind > 250 {
                format!("2018-04-03T17:{second:02}:00Z cell-1 rep: x")
            } else {
                text
            };
            let own = (kind % 6 == 5 || *kind > 250)
                .then(|| Timestamp::parse(b"2018-04-03T17:05:00Z").unwrap());
            clocks.learn(source, &Line::new(text.as_bytes()).envelope(), own);
        }
    }

    proptest! {
        #[test]
        fn clocks_come_back_as_they_were(seed in prop::collection::vec(any::<(u8, u32)>(), 0..80)) {
            let mut clocks = UptimeClocks::default();
            learn(&mut clocks, &seed);
            let name = |source: SourceId| format!("{}.log", source.0);
            let bytes = clocks.to_bytes(name);
            // The numbers of sources are others in another process.
            let number = |name: &str| SourceId(9 - u32::from(name.as_bytes()[0].to_ascii_lowercase()) % 2);
            let loaded = UptimeClocks::from_bytes(&bytes, number).unwrap();
            prop_assert_eq!(loaded.to_bytes(|source| format!("{}.log", 9 - source.0)), bytes.clone());
            let (before, after) =
                (clocks.complete(&TimePolicy::default()), loaded.complete(&TimePolicy::default()));
            for (n, text) in ["[700.5] x", "Dec 31 23:59:30 cell-1 kernel: [700.5] x", "2018-04-03T17:09:02Z x"]
                .iter()
                .enumerate()
            {
                let line = Line::new(text.as_bytes());
                let source = SourceId(n as u32 % 2);
                let other = number(&format!("{}.log", source.0));
                prop_assert_eq!(
                    before.when(source, &line.envelope()),
                    after.when(other, &line.envelope())
                );
            }
        }

        #[test]
        fn merging_before_saving_is_merging_after(
            one in prop::collection::vec(any::<(u8, u32)>(), 0..40),
            other in prop::collection::vec(any::<(u8, u32)>(), 0..40),
        ) {
            let name = |source: SourceId| format!("{}", source.0);
            let number = |name: &str| SourceId(name.parse().unwrap());
            let mut whole = UptimeClocks::default();
            let (mut a, mut b) = (whole.part(), whole.part());
            learn(&mut a, &one);
            learn(&mut b, &other);
            whole.merge(&a);
            whole.merge(&b);
            let mut loaded = UptimeClocks::from_bytes(&b.to_bytes(name), number).unwrap();
            loaded.merge(&UptimeClocks::from_bytes(&a.to_bytes(name), number).unwrap());
            prop_assert_eq!(whole.to_bytes(name), loaded.to_bytes(name));
        }

        #[test]
        fn changed_bytes_are_refused_and_sealed_ones_do_not_panic(
            seed in prop::collection::vec(any::<(u8, u32)>(), 1..30),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut clocks = UptimeClocks::default();
            learn(&mut clocks, &seed);
            let mut bytes = clocks.to_bytes(|_| "x");
            let at = at.index(bytes.len() - TRAILER);
            if bytes[at] == byte {
                return Ok(());
            }
            bytes[at] = byte;
            prop_assert!(UptimeClocks::from_bytes(&bytes, |_| SourceId(0)).is_err());
            let end = bytes.len() - TRAILER;
            let sum = crc32fast::hash(&bytes[..end]).to_le_bytes();
            bytes[end..].copy_from_slice(&sum);
            if let Ok(clocks) = UptimeClocks::from_bytes(&bytes, |_| SourceId(0)) {
                let known = clocks.complete(&TimePolicy::default());
                for text in ["[700.5] x", "Dec 31 23:59:30 cell-1 kernel: [700.5] x"] {
                    let _ = known.when(SourceId(0), &Line::new(text.as_bytes()).envelope());
                }
            }
        }
    }
}
