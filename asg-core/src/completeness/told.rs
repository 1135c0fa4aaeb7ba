//! Notes of missing lines, and the evidence of one line about them.

use super::notes;
use crate::evidence::is_cells_own;
use crate::line::envelope::Envelope;
use crate::record::{Content, Record};
use crate::time::{LogTime, Uptime};

/// A note of missing lines, reduced to the parts that do not depend on its way through the logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    pub(super) missing: u64,
    /// The uptime in microseconds; or the second of the hour, which does not depend on the time
    /// zone.
    at: u64,
    text: Box<[u8]>,
}

/// Of longer notes only the beginning is kept.
const MOST_NOTE_BYTES: usize = 256;

impl Note {
    fn of(record: &Record<'_>) -> Option<Self> {
        let envelope = &record.envelope;
        let body = envelope.body.as_bytes().trim_ascii_end();
        let missing = notes::missing(notes::Writer::of(envelope, record.is_kernel())?, body)?;
        let at = match envelope.uptime {
            Some(uptime) => uptime.as_micros(),
            None => micros(None, envelope.time).map_or(0, |micros| micros / 1_000_000 % 3_600),
        };
        let text = body[..body.len().min(MOST_NOTE_BYTES)].into();
        Some(Self { missing, at, text })
    }
}

/// The content of a line beside packets.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// The line is damaged.
    Damage,
    /// A cell wrote it about a container of its own.
    AboutContainer,
    /// iptables-logger wrote it.
    Logger,
    /// A note of missing lines, or a record of the kernel's buffer.
    Other { note: Option<(Note, LogTime)>, record: Option<(u64, u64)> },
}

impl Told {
    /// Classifies a line; `None` for nearly all lines but those about containers.
    pub(crate) fn of(record: &Record<'_>) -> Option<Self> {
        let envelope = &record.envelope;
        match &record.content {
            Content::Damaged(_) => record.is_platform().then_some(Self::Damage),
            Content::Rep(event) => is_cells_own(&event.source).then_some(Self::AboutContainer),
            Content::Logger(_) => Some(Self::Logger),
            Content::Other if !envelope.body.as_bytes().starts_with(b"{") => {
                let note = Note::of(record).map(|note| (note, envelope.time));
                let record =
                    numbered(envelope.sequence, envelope.uptime).filter(|_| record.is_kernel());
                (note.is_some() || record.is_some()).then_some(Self::Other { note, record })
            }
            Content::Packet { .. } | Content::Document(_) | Content::Other => None,
        }
    }
}

/// The time and number of a packet line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PacketTimes {
    pub(crate) time: LogTime,
    pub(crate) uptime: Option<Uptime>,
    /// Its number in the kernel's buffer.
    pub(super) sequence: Option<u64>,
    /// The number of further packets that are folded into this line.
    pub(super) folded: u32,
}

impl PacketTimes {
    /// Returns the times of a line without a number that is one packet.
    pub(crate) const fn plain(time: LogTime, uptime: Option<Uptime>) -> Self {
        Self { time, uptime, sequence: None, folded: 0 }
    }

    pub(crate) fn of(envelope: &Envelope<'_>) -> Self {
        let Envelope { time, uptime, sequence, repeated, .. } = *envelope;
        // rsyslog's `message repeated 3 times` means three messages behind the first, and is itself
        // one line. Source: rsyslog `runtime/ratelimit.c`, `ratelimitGenRepMsg`, `nsupp`.
        Self { time, uptime, sequence, folded: repeated.unwrap_or(0).saturating_sub(1) }
    }
}

/// Returns the number of a record of the kernel's buffer, and its uptime.
pub(super) fn numbered(sequence: Option<u64>, uptime: Option<Uptime>) -> Option<(u64, u64)> {
    Some((sequence?, uptime?.as_micros()))
}

/// Returns when a line was written: the uptime, or the time of day, in microseconds. Only
/// differences are used.
pub(super) fn micros(uptime: Option<Uptime>, time: LogTime) -> Option<u64> {
    let of_day = |hour: i8, minute: i8, second: i8, nanos: i32| {
        let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        (seconds * 1_000_000 + i64::from(nanos) / 1_000).unsigned_abs()
    };
    match (uptime, time) {
        (Some(uptime), _) => Some(uptime.as_micros()),
        (None, LogTime::Instant(time)) => u64::try_from(time.as_nanos() / 1_000).ok(),
        (None, LogTime::Local(at) | LogTime::NoYear(at)) => {
            Some(of_day(at.hour, at.minute, at.second, at.nanos))
        }
        (None, LogTime::Unknown) => None,
    }
}
