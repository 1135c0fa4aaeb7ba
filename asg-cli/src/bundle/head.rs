//! Lines without their messages: what they show of the clocks.
//!
//! A line with the kernel's uptime and a stamp bounds the delay of the lines near it, and one with
//! a stamp and a time of its own shows the zone. Of a minute the least and the greatest distance
//! and the last line tell what all tell; of an hour, where nothing but the zone is asked for.

use std::collections::BTreeMap;

use asg_core::time::{Civil, LogTime, TimeQuality, YearPolicy};
use asg_core::{Line, Origin, Record, SourceId, TimePolicy, Timestamp};
use memchr::memmem;

use crate::lines::Raw;

/// Stamps are compared in this year, if they have none. It has a 29 February.
const YEAR: i16 = 2000;

/// How many of the lines of one kind are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinning {
    /// Those that bound the others.
    Bounds,
    /// All.
    None,
}

/// Lines that show the same about one clock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A minute of a machine's uptime, in one boot.
    Uptime { machine: Option<String>, minute: u64, boot: i64 },
    /// An hour of a machine's stamps without a zone, beside times with one.
    Zone { machine: Option<String>, hour: i64 },
    /// A day of stamps without a zone.
    Day(i16, i8, i8),
    /// The latest time of a log.
    Latest,
}

/// The lines that were kept of one kind: the least, the greatest and the last.
type Bounds = [Option<(i64, Origin, Vec<u8>)>; 3];

/// Lines without their messages.
#[derive(Debug)]
pub(super) struct Heads {
    thinning: Thinning,
    bounds: BTreeMap<(SourceId, Kind), Bounds>,
    all: Vec<(Origin, Vec<u8>)>,
}

impl Heads {
    pub(super) const fn new(thinning: Thinning) -> Self {
        Self { thinning, bounds: BTreeMap::new(), all: Vec::new() }
    }

    /// Looks at a line.
    pub(super) fn see(&mut self, raw: &Raw<'_>, of: &Record<'_>) {
        let origin = raw.origin;
        if !of.is_platform() || of.not_platform() {
            return;
        }
        let Some(samples) = samples(of) else { return };
        let mut head = None;
        for (kind, values) in samples {
            if self.thinning == Thinning::Bounds && !self.is_wanted(origin, &kind, values) {
                continue;
            }
            let head = head.get_or_insert_with(|| head_of(raw.bytes, raw.instance, of));
            let Some(head) = head else { return };
            match self.thinning {
                Thinning::None => return self.all.push((origin, head.clone())),
                Thinning::Bounds => self.keep(origin, kind, values, head),
            }
        }
    }

    fn is_wanted(&self, origin: Origin, kind: &Kind, values: [i64; 3]) -> bool {
        let Some(known) = self.bounds.get(&(origin.source, kind.clone())) else { return true };
        known.iter().zip(values).any(|(bound, value)| {
            bound.as_ref().is_none_or(|(least, at, _)| (value, origin) < (*least, *at))
        })
    }

    fn keep(&mut self, origin: Origin, kind: Kind, values: [i64; 3], head: &[u8]) {
        let known = self.bounds.entry((origin.source, kind)).or_default();
        for (bound, value) in known.iter_mut().zip(values) {
            if bound.as_ref().is_none_or(|(least, at, _)| (value, origin) < (*least, *at)) {
                *bound = Some((value, origin, head.to_vec()));
            }
        }
    }

    /// Takes the lines that another has.
    pub(super) fn add(&mut self, other: Self) {
        self.all.extend(other.all);
        for ((_, kind), bounds) in other.bounds {
            for (n, bound) in bounds.into_iter().enumerate() {
                let Some((value, origin, head)) = bound else { continue };
                let known = self.bounds.entry((origin.source, kind.clone())).or_default();
                let slot = &mut known[n];
                if slot.as_ref().is_none_or(|(least, at, _)| (value, origin) < (*least, *at)) {
                    *slot = Some((value, origin, head));
                }
            }
        }
    }

    /// Returns the lines that were kept.
    pub(super) fn kept(self) -> impl Iterator<Item = (Origin, Vec<u8>)> {
        let bounds = self.bounds.into_values().flatten().flatten();
        bounds.map(|(_, origin, head)| (origin, head)).chain(self.all)
    }
}

/// Returns what a line shows of the clocks, each with numbers of which the least are wanted.
fn samples(of: &Record<'_>) -> Option<Vec<(Kind, [i64; 3])>> {
    let envelope = &of.envelope;
    let in_one_year =
        TimePolicy { year: YearPolicy::Fixed(YEAR), utc_offset: Some(0), ..TimePolicy::default() };
    let stamp = envelope.time.resolve(&in_one_year).map(|resolved| resolved.time.as_nanos());
    let own = read_time(of).map(Timestamp::as_nanos);
    let mut samples = Vec::new();
    if let (Some(uptime), Some(stamp)) = (envelope.uptime, stamp) {
        let micros = i64::try_from(uptime.as_micros()).ok()?;
        let distance = stamp.saturating_sub(micros.saturating_mul(1_000));
        // A stamp of whole seconds hides the fraction.
        let hidden = if stamp % 1_000_000_000 == 0 { 999_999_999 } else { 0 };
        let (minute, boot) = (uptime.as_micros() >> 26, distance >> 36);
        let kind = Kind::Uptime { machine: envelope.cell(), minute, boot };
        samples.push((kind, [distance, -distance.saturating_add(hidden), -stamp]));
    }
    match envelope.time {
        LogTime::NoYear(Civil { year, month, day, .. })
        | LogTime::Local(Civil { year, month, day, .. }) => {
            samples.push((Kind::Day(year, month, day), [0; 3]));
            if let (Some(stamp), Some(own)) = (stamp, own) {
                let late = stamp.saturating_sub(own);
                let hour = own.div_euclid(3_600_000_000_000);
                let kind = Kind::Zone { machine: envelope.cell(), hour };
                samples.push((kind, [late, -late, -stamp]));
            }
        }
        LogTime::Instant(_) | LogTime::Unknown => {}
    }
    if let Some(time) = own {
        samples.push((Kind::Latest, [-time; 3]));
    }
    (!samples.is_empty()).then_some(samples)
}

/// Returns the time of a line, unless its zone is only assumed.
fn read_time(of: &Record<'_>) -> Option<Timestamp> {
    let resolved = of.resolved_time(&TimePolicy::default());
    resolved.filter(|it| it.quality == TimeQuality::Read).map(|it| it.time)
}

/// Returns a line without its message; `None` if that would not show the same.
fn head_of(bytes: &[u8], instance: Option<&str>, of: &Record<'_>) -> Option<Vec<u8>> {
    let envelope = &of.envelope;
    let own = read_time(of);
    let is_own =
        own.is_some() && !matches!(envelope.time, LogTime::Instant(time) if Some(time) == own);
    let body = envelope.body.as_bytes();
    let (head, end) = around(bytes, body)?;
    if is_own && !end.is_empty() {
        // The time in the body would be needed, in the escapes of the line around it.
        return None;
    }
    let head = if is_own && own.is_some() && envelope.uptime.is_none() {
        let nanos = own?.as_nanos();
        let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
        let stamp = format!(
            "{{\"timestamp\":\"{seconds}.{rest:09}\",\"source\":\"clock\",\"message\":\"clock.time\",\
             \"log_level\":1,\"data\":{{}}}}"
        );
        [head, stamp.as_bytes()].concat()
    } else {
        [head, end].concat()
    };
    let again = Line::new(&head).of_instance(instance);
    let again = Record::classify(&again);
    let shows = |record: &Record<'_>| {
        let envelope = &record.envelope;
        (envelope.time, envelope.uptime, envelope.cell(), read_time(record), record.is_platform())
    };
    (shows(&again) == shows(of)).then_some(head)
}

/// Returns the parts of a line before and behind its message; `None` if the line has the message
/// in another form, or twice. A message in JSON can be found only if it has no escapes.
fn around<'b>(line: &'b [u8], body: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    if let Some(before) = line.strip_suffix(body) {
        return Some((before, b""));
    }
    let mut places = memmem::find_iter(line, body);
    let at = places.next().filter(|_| !body.is_empty() && line.starts_with(b"{"))?;
    places.next().is_none().then_some((&line[..at], &line[at + body.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Option<String> {
        let line = Line::new(text.as_bytes());
        let head = head_of(text.as_bytes(), None, &Record::classify(&line))?;
        Some(String::from_utf8(head).unwrap())
    }

    #[test]
    fn a_head_shows_the_clocks_and_nothing_else() {
        let rep = r#"{"timestamp":"1714979350.583114000","source":"rep","message":"rep.secret","log_level":1,"data":{"a":1}}"#;
        let clock = r#"{"timestamp":"1714979350.583114000","source":"clock","message":"clock.time","log_level":1,"data":{}}"#;
        for (text, shown) in [
            (
                "2024-05-06T07:09:10.58Z cell-1 kernel: [  637.581122] eth0: link up".to_owned(),
                Some("2024-05-06T07:09:10.58Z cell-1 kernel: [  637.581122] ".to_owned()),
            ),
            // A stamp without a zone shows no instant.
            (
                "[Mon May  6 07:09:10 2024] eth0: link up".into(),
                Some("[Mon May  6 07:09:10 2024] ".into()),
            ),
            (
                "May  6 07:09:10 cell-1 kernel: [637.581122] OK_bfce786c IN=s-1 OUT=eth0 SRC=10.1"
                    .into(),
                Some("May  6 07:09:10 cell-1 kernel: [637.581122] ".into()),
            ),
            (
                format!("May  6 07:09:10 cell-1 vcap.rep: {rep}"),
                Some(format!("May  6 07:09:10 cell-1 vcap.rep: {clock}")),
            ),
        ] {
            assert_eq!(head(&text), shown, "{text}");
        }
    }
}
