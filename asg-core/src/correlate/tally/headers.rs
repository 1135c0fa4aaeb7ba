//! The headers of lines that were read before.
//!
//! Between its stamp and its uptime each line of a machine's kernel has the same: host, tag, and what syslog and BOSH say of
//! the machine; and so has each of its components' JSON lines, between the stamp and the object. Whoever has read that once
//! need not read it again.

use hashbrown::HashTable;

use crate::bytes::find;
use crate::bytes::hash::hash;
use crate::bytes::text::Text;
use crate::evidence::SourceId;
use crate::line::envelope::{Dialect, Envelope, Opening};
use crate::time::Stamps;

/// Headers, each with the machine that it names.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    /// By how they begin, as far as few begin alike.
    by_start: HashTable<Header>,
    /// The others, by how they end.
    by_end: HashTable<Header>,
    stamps: Stamps,
}

#[derive(Debug, Clone)]
struct Header {
    text: Box<[u8]>,
    dialect: Dialect,
    source: SourceId,
    cell: u32,
}

/// So many are remembered: machines, and the files that they write.
const MOST: usize = 1 << 14;

/// What headers are looked for by: long enough to show the end of an address or the beginning of a host's name, and no longer
/// than any header with the uptime behind it.
const KEY: usize = 16;

/// So many are remembered that begin alike, and so many that end alike. Where hosts are not what tells machines apart, as in
/// `kern kernel [job=diego-cell index=7] `, the beginning is not enough.
const MOST_ALIKE: usize = 4;

impl Headers {
    /// Reads the envelope of a line whose header is known, but for what the header itself says: of that, only the number of
    /// the machine. It is a line of the kernel's own, with an uptime, or a JSON object; and it stands for itself alone.
    pub(super) fn read<'a>(
        &mut self,
        line: &'a [u8],
        source: SourceId,
    ) -> Option<(Envelope<'a>, u32)> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let opening = Opening::read(line, &mut self.stamps)?;
        let rest = &line[opening.len..];
        let is_it = |known: &Header| {
            rest.starts_with(&known.text)
                && known.dialect == opening.dialect
                && known.source == source
        };
        let header = self.by_start.find(hash::<KEY>(rest.first_chunk()?), is_it).or_else(|| {
            if self.by_end.is_empty() {
                return None;
            }
            let end = rest[..end_of(rest)?].last_chunk()?;
            self.by_end.find(hash::<KEY>(end), is_it)
        })?;
        let behind = &rest[header.text.len()..];
        let (uptime, len) = match behind.first()? {
            b'{' => (None, 0),
            _ => Opening::uptime(behind).map(|(uptime, len)| (Some(uptime), len))?,
        };
        let envelope = Envelope {
            time: opening.time,
            uptime,
            body: Text::new(&behind[len..]),
            ..Envelope::default()
        };
        Some((envelope, header.cell))
    }

    /// Remembers the header of a line whose envelope this is and whose machine has this number, if it is a common one.
    pub(super) fn remember(
        &mut self,
        line: &[u8],
        envelope: &Envelope<'_>,
        source: SourceId,
        cell: u32,
    ) {
        let Some(text) = header(line, envelope, &mut self.stamps) else { return };
        let header = || Header { text: text.into(), dialect: envelope.dialect, source, cell };
        let tables = [
            (&mut self.by_start, text.first_chunk(), of_start as fn(&Header) -> u64),
            (&mut self.by_end, text.last_chunk(), of_end),
        ];
        for (table, key, hash_of) in tables {
            let Some(hash) = key.map(hash::<KEY>) else { return };
            if table.len() < MOST && table.iter_hash(hash).count() < MOST_ALIKE {
                table.insert_unique(hash, header(), hash_of);
                return;
            }
        }
    }
}

fn of_start(header: &Header) -> u64 {
    header.text.first_chunk().map_or(0, hash::<KEY>)
}

fn of_end(header: &Header) -> u64 {
    header.text.last_chunk().map_or(0, hash::<KEY>)
}

/// Where a header ends: before an uptime, or a JSON object.
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

/// What stands between the stamp and the uptime or the object, if all of the envelope was read from them and it.
fn header<'a>(line: &'a [u8], envelope: &Envelope<'_>, stamps: &mut Stamps) -> Option<&'a [u8]> {
    let opening = Opening::read(line, stamps)?;
    let (head, body) = line.split_at_checked(envelope.body_at)?;
    let (end, uptime) = if body.starts_with(b"{") {
        (head.len(), None)
    } else {
        let end = memchr::memrchr(b'[', head).filter(|_| envelope.is_kernel())?;
        let (uptime, len) = Opening::uptime(&line[end..])?;
        (end, Some(uptime).filter(|_| end + len == head.len()))
    };
    let header = line.get(opening.len..end)?;
    let is_usual = envelope.stream().is_none()
        && envelope.repeated.is_none()
        && envelope.dialect == opening.dialect
        && envelope.time == opening.time
        && envelope.uptime == uptime;
    // Nobody looks for what is shorter.
    (is_usual && header.len() >= KEY).then_some(header)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::line::Line;
    use crate::line::envelope::tests::{BODIES, BYTES, HEADERS};

    proptest! {
        #[test]
        fn a_line_with_a_known_header_is_read_as_any_other(
            n in 0..HEADERS.len(),
            bodies in (prop::sample::select(BODIES), prop::sample::select(BODIES)),
            changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(BYTES)), 0..3),
        ) {
            let line = format!("{}{}", HEADERS[n].0, bodies.0).into_bytes();
            let mut other = format!("{}{}", HEADERS[n].0, bodies.1).into_bytes();
            for (at, byte) in changes {
                // One of the headers is none, and one of the bodies too.
                if let Some(old) = other.get_mut(at.index(line.len().max(1))) {
                    *old = byte;
                }
            }
            let mut headers = Headers::default();
            headers.remember(&line, &Line::new(&line).envelope(), SourceId(1), 7);
            prop_assert!(headers.read(&other, SourceId(2)).is_none());
            let Some((known, cell)) = headers.read(&other, SourceId(1)) else { return Ok(()) };
            let (line, other) = (Line::new(&line), Line::new(&other));
            let Envelope { time, uptime, body, sequence, repeated, .. } = other.envelope();
            prop_assert_eq!((known.time, known.uptime, known.body), (time, uptime, body));
            prop_assert_eq!((known.sequence, known.repeated, cell), (sequence, repeated, 7));
            prop_assert!(other.envelope().stream().is_none());
            let machine = |envelope: Envelope<'_>| {
                let Envelope { instance, job, index, host, .. } = envelope;
                [instance, job, index, host].map(|part| part.map(|part| part.to_string()))
            };
            prop_assert_eq!(machine(line.envelope()), machine(other.envelope()));
        }
    }

    #[test]
    fn machines_are_told_apart_whose_headers_begin_alike() {
        let line = |n: u32| {
            format!("Jun 16 00:09:58 kern kernel [job=diego_cell index={n}] [26817.500014] x")
        };
        let mut headers = Headers::default();
        for n in 0..99 {
            let line = line(n);
            let line = line.as_bytes();
            assert!(headers.read(line, SourceId(1)).is_none());
            headers.remember(line, &Line::new(line).envelope(), SourceId(1), n);
        }
        for n in 0..99 {
            let cell = headers.read(line(n).as_bytes(), SourceId(1)).map(|(_, cell)| cell);
            assert_eq!(cell, Some(n));
        }
    }

    #[test]
    fn the_usual_headers_are_remembered() {
        for line in [
            "2018-04-03T17:05:02.358719+00:00 localhost kernel: [1468637.581122] x",
            "<4>1 2024-05-06T07:09:10.581301+00:00 10.0.16.15 kernel - - [instance@47450 director=\"\" deployment=\"cf\" \
             group=\"diego-cell\" az=\"z1\" id=\"0455ec2b\"] [  637.581122] x",
            "<13>1 2024-05-06T07:09:10.581301+00:00 10.0.16.15 vcap.rep - - [instance@47450 director=\"\" deployment=\"cf\" \
             group=\"diego-cell\" az=\"z1\" id=\"0455ec2b\"] {}",
        ] {
            let mut headers = Headers::default();
            let line = line.as_bytes();
            assert!(headers.read(line, SourceId(1)).is_none());
            headers.remember(line, &Line::new(line).envelope(), SourceId(1), 7);
            let (envelope, cell) = headers.read(line, SourceId(1)).expect("is known");
            let body = if line.ends_with(b"x") { "x" } else { "{}" };
            assert_eq!((envelope.body.as_bytes(), cell), (body.as_bytes(), 7));
        }
    }
}
