//! Headers of lines that were read before.

use std::ops::Range;

use hashbrown::HashTable;

use crate::bytes::find;
use crate::bytes::hash::hash;
use crate::bytes::text::Text;
use crate::bytes::work;
use crate::line::envelope::role::Role;
use crate::line::envelope::{Dialect, Envelope, Opening};
use crate::time::{LogTime, Stamps, Uptime};

/// Headers: the text between a stamp and an uptime or a JSON object.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    all: Vec<KnownHeader>,
    /// By their first bytes, as far as few begin alike.
    by_start: HashTable<u32>,
    /// The others, by their last bytes.
    by_end: HashTable<u32>,
    stamps: Stamps,
}

#[derive(Debug, Clone)]
struct KnownHeader {
    text: Box<[u8]>,
    dialect: Dialect,
    /// Whether the stamp has a priority in front.
    has_priority: bool,
    /// Where the fields of the envelope lie in the text.
    fields: [Option<Range<u16>>; FIELDS],
    role: Role,
    proves_packets: bool,
}

/// The beginning of a line whose header is remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(super) number: u32,
    pub(super) time: LogTime,
    pub(super) uptime: Option<Uptime>,
    priority: Option<u8>,
    /// Where the remembered text begins.
    at: u32,
    pub(super) body_at: usize,
}

impl Header {
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// Returns the line's stamp.
    pub(crate) const fn time(&self) -> LogTime {
        self.time
    }
}

/// How many headers are remembered: machines, and the programs that log there.
const MOST: usize = 1 << 14;

/// The bytes that headers are looked up by. They show the end of an address or the beginning of a
/// host name, and no header with an uptime behind it is shorter.
const KEY: usize = 16;

/// How many headers that begin, or end, alike are remembered. The beginning is not enough where
/// hosts do not differ, as in `kern kernel [job=diego-cell index=7] `.
const MOST_ALIKE: usize = 4;

impl Headers {
    /// Looks up the header of a line that has an uptime or a JSON object behind it.
    #[inline]
    pub(super) fn find(&mut self, line: &[u8]) -> Option<Header> {
        let opening = Opening::parse(line, &mut self.stamps)?;
        let rest = &line[opening.len..];
        let is_it = |n: &u32| {
            work::count(1);
            let known = &self.all[*n as usize];
            known.dialect == opening.dialect
                && known.has_priority == opening.priority.is_some()
                && rest.starts_with(&known.text)
        };
        let by_start = self.by_start.find(hash::<KEY>(rest.first_chunk()?), is_it);
        let number = *by_start.or_else(|| {
            if self.by_end.is_empty() {
                return None;
            }
            let end = rest[..end_of(rest)?].last_chunk()?;
            self.by_end.find(hash::<KEY>(end), is_it)
        })?;
        let behind = &rest[self.all[number as usize].text.len()..];
        let (uptime, len) = match behind.first()? {
            b'{' => (None, 0),
            _ => Opening::uptime(behind).map(|(uptime, len)| (Some(uptime), len))?,
        };
        let body_at = line.len() - behind.len() + len;
        let Opening { time, priority, len, .. } = opening;
        Some(Header { number, time, uptime, priority, at: len as u32, body_at })
    }

    /// Writes the envelope of a line with this header.
    pub(super) fn restore<'a>(&self, header: &Header, line: &'a [u8], e: &mut Envelope<'a>) {
        let known = &self.all[header.number as usize];
        let text = &line[header.at as usize..];
        e.dialect = known.dialect;
        (e.time, e.uptime, e.priority) = (header.time, header.uptime, header.priority);
        for (slot, range) in fields(e).into_iter().zip(&known.fields) {
            let field =
                |range: &Range<u16>| &text[usize::from(range.start)..usize::from(range.end)];
            *slot = range.as_ref().map(|range| Text::new(field(range)));
        }
        (e.body, e.body_at) = (Text::new(&line[header.body_at..]), header.body_at);
    }

    /// Remembers the header of a line with this envelope, if it is a common one, and numbers it.
    /// `role` is the envelope's.
    pub(super) fn remember(
        &mut self,
        line: &[u8],
        envelope: &Envelope<'_>,
        role: Role,
    ) -> Option<u32> {
        let (opening, text, uptime) = self.split(line, envelope, role)?;
        let at = opening.len;
        let mut copy = *envelope;
        let mut ranges = [const { None }; FIELDS];
        for (range, field) in ranges.iter_mut().zip(fields(&mut copy)) {
            if let Some(field) = field {
                let starts =
                    field.as_bytes().as_ptr().addr().checked_sub(line.as_ptr().addr() + at)?;
                let ends =
                    starts.checked_add(field.as_bytes().len()).filter(|end| *end <= text.len())?;
                *range = Some(u16::try_from(starts).ok()?..u16::try_from(ends).ok()?);
            }
        }
        let known = KnownHeader {
            text: text.into(),
            dialect: envelope.dialect,
            has_priority: opening.priority.is_some(),
            fields: ranges,
            role,
            proves_packets: false,
        };
        let number = self.all.len() as u32;
        self.all.push(known);
        let (at, body_at) = (at as u32, envelope.body_at);
        let Opening { time, priority, .. } = opening;
        let header = Header { number, time, uptime, priority, at, body_at };
        // Whatever else an envelope may show does not come from its header.
        let mut restored = Envelope::default();
        self.restore(&header, line, &mut restored);
        let all = &self.all;
        let tables = [
            (&mut self.by_start, text.first_chunk(), of_start as fn(&KnownHeader) -> u64),
            (&mut self.by_end, text.last_chunk(), of_end),
        ];
        if restored == *envelope && all.len() <= MOST {
            for (table, key, hash_of) in tables {
                let Some(hash) = key.map(hash::<KEY>) else { break };
                if table.iter_hash(hash).count() < MOST_ALIKE {
                    table.insert_unique(hash, number, |n| hash_of(&all[*n as usize]));
                    return Some(number);
                }
            }
        }
        self.all.pop();
        None
    }

    /// Returns the role of the program that a header names.
    pub(super) fn role(&self, number: u32) -> Role {
        self.all[number as usize].role
    }

    /// Returns whether a packet was accepted from a line with this header.
    pub(super) fn proves_packets(&self, number: u32) -> bool {
        self.all[number as usize].proves_packets
    }

    /// Notes that a packet was accepted from a line with this header.
    pub(super) fn set_proves_packets(&mut self, number: u32) {
        self.all[number as usize].proves_packets = true;
    }

    /// Splits a line into its opening, the header's text, and the uptime if that follows; `None` if
    /// neither an uptime nor an object does.
    fn split<'a>(
        &mut self,
        line: &'a [u8],
        envelope: &Envelope<'_>,
        role: Role,
    ) -> Option<(Opening, &'a [u8], Option<Uptime>)> {
        let (head, body) = line.split_at_checked(envelope.body_at)?;
        let (end, uptime) = if body.starts_with(b"{") {
            // Another line may be in the object of a program that hands on lines.
            let is_own = !matches!(role, Role::Unnamed | Role::Forwarder);
            is_own.then_some((head.len(), None))?
        } else if envelope.is_kernel_as(role) {
            let end = memchr::memrchr(b'[', head)?;
            let (uptime, len) = Opening::uptime(&line[end..])?;
            (end + len == head.len()).then_some((end, Some(uptime)))?
        } else {
            return None;
        };
        let opening = Opening::parse(line, &mut self.stamps)?;
        let text = line.get(opening.len..end)?;
        let is_usual = envelope.stream().is_none() && envelope.dialect == opening.dialect;
        // Shorter ones are never looked up.
        (is_usual && text.len() >= KEY).then_some((opening, text, uptime))
    }
}

fn of_start(header: &KnownHeader) -> u64 {
    header.text.first_chunk().map_or(0, hash::<KEY>)
}

fn of_end(header: &KnownHeader) -> u64 {
    header.text.last_chunk().map_or(0, hash::<KEY>)
}

/// Returns where a header ends: before an uptime, or a JSON object.
fn end_of(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += find::find2(b'[', b'{', &rest[at..])?;
        if let [b'{', ..] | [b'[', b' ' | b'0'..=b'9', ..] = rest[at..] {
            return Some(at);
        }
        at += 1;
    }
}

const FIELDS: usize = 10;

/// Returns the fields of an envelope that a header may hold.
fn fields<'e, 'a>(e: &'e mut Envelope<'a>) -> [&'e mut Option<Text<'a>>; FIELDS] {
    let Envelope {
        host,
        program,
        proc_id,
        job,
        index,
        instance,
        deployment,
        az,
        director,
        environment,
        ..
    } = e;
    [host, program, proc_id, job, index, instance, deployment, az, director, environment]
}
