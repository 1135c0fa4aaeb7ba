//! The saved form of a ledger, which outlives the logs.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `ASGLEDGR` |
//! | 4 | version of the format, little-endian: [`VERSION`] |
//! | 8 | length of all, little-endian |
//! | … | tables of cells, addresses, apps, processes, names, texts; then the rows, by handle |
//! | 4 | CRC-32 of all before it |
//!
//! Numbers are LEB128, signed ones zigzag. Everything is sorted, so equal ledgers have equal bytes.
//! A CRC-32 finds any change that spans less than 33 bits, so any byte that flipped; the length
//! finds a cut file. A reader refuses an unknown version instead of guessing.
//!
//! Lines are not saved: the evidence for a loaded container is the ledger itself, with the
//! container's number in the file as the line.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use super::intern::Interner;
use super::row::{Field, Flags, Moved, NONE, Row, Times};
use super::{Alias, AppNames, Ledger, Loaded, MOST_RIVALS};
use crate::bytes::saved::{Reader, Writer, from_zigzag, zigzag};
use crate::evidence::{Origin, SourceId};
use crate::guid::{Guid, GuidPrefix, Handle, ProcessGuid, ProcessName};

const MAGIC: &[u8; 8] = b"ASGLEDGR";
/// Raised when a reader of the previous version would misread.
const VERSION: u32 = 3;
const HEADER: usize = 20;
/// One less than the least length of a handle that is a GUID: 28 to 36 characters are 1 to 9, and 0
/// is any other name.
const LEAST_LEN: u8 = 27;
/// The maximum number of bytes that a handle shares with the one before it.
const MOST_SHARED: usize = 7;
const TRAILER: usize = 4;

/// The reason why a saved ledger was rejected. Nothing is loaded from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The bytes are something else.
    #[error("this is no saved ledger")]
    NotALedger,
    /// A later version wrote them.
    #[error("the ledger is of version {0} of its format, and this program reads version {VERSION}")]
    Version(u32),
    /// They break off, or something follows them.
    #[error("the ledger says that it has {expected} bytes, and there are {found}")]
    Length {
        /// The length in the header.
        expected: u64,
        /// The actual length.
        found: u64,
    },
    /// They were changed.
    #[error("the ledger is damaged: its checksum is another")]
    Checksum,
    /// They are unchanged, but not a ledger of this version.
    #[error("the ledger makes no sense at byte {0}")]
    Malformed(u64),
}

impl Ledger {
    /// Returns the ledger as bytes, for [`Ledger::from_bytes`]. To replace a file so that a crash
    /// leaves the old one or the new one, write to a new file beside it, sync, and rename.
    ///
    /// ```
    /// # use asg_core::event::Moment;
    /// # use asg_core::evidence::Evidence;
    /// # use asg_core::guid::Handle;
    /// # use asg_core::ledger::LedgerError;
    /// # use asg_core::{Ledger, Origin, SourceId};
    /// let mut ledger = Ledger::new();
    /// let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
    /// ledger.add(Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 7 }));
    ///
    /// let mut bytes = ledger.to_bytes();
    /// let loaded = Ledger::from_bytes(&bytes, SourceId(3))?;
    /// assert_eq!(loaded.len(), 1);
    /// assert_eq!(loaded.to_bytes(), bytes);
    ///
    /// bytes[30] ^= 1;
    /// assert_eq!(Ledger::from_bytes(&bytes, SourceId(3)).unwrap_err(), LedgerError::Checksum);
    /// # Ok::<(), LedgerError>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(64 + self.rows.len() * 48));
        out.0.extend_from_slice(MAGIC);
        out.0.extend_from_slice(&VERSION.to_le_bytes());
        out.0.extend_from_slice(&[0; 8]);
        self.write(&mut out);
        let mut out = out.0;
        let length = (out.len() + TRAILER) as u64;
        out[12..HEADER].copy_from_slice(&length.to_le_bytes());
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Loads a ledger that [`Ledger::to_bytes`] made. Its containers' lines will be shown as lines
    /// of `source`.
    ///
    /// # Errors
    ///
    /// If the bytes are anything but a whole, undamaged ledger of this version.
    ///
    /// ```
    /// use asg_core::ledger::LedgerError;
    /// use asg_core::{Ledger, SourceId};
    /// let bytes = Ledger::new().to_bytes();
    /// assert!(Ledger::from_bytes(&bytes, SourceId(0))?.is_empty());
    /// assert_eq!(Ledger::from_bytes(b"", SourceId(0)).unwrap_err(), LedgerError::NotALedger);
    /// # Ok::<(), LedgerError>(())
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "a checked length is not exceeded")]
    pub fn from_bytes(bytes: &[u8], source: SourceId) -> Result<Self, LedgerError> {
        if bytes.len() < HEADER + TRAILER || !bytes.starts_with(MAGIC) {
            return Err(LedgerError::NotALedger);
        }
        let (body, sum) = bytes.split_at(bytes.len() - TRAILER);
        let version = u32::from_le_bytes(body[8..12].try_into().expect("4 bytes"));
        if version != VERSION {
            return Err(LedgerError::Version(version));
        }
        let expected = u64::from_le_bytes(body[12..HEADER].try_into().expect("8 bytes"));
        if expected != bytes.len() as u64 {
            return Err(LedgerError::Length { expected, found: bytes.len() as u64 });
        }
        if crc32fast::hash(body).to_le_bytes() != *sum {
            return Err(LedgerError::Checksum);
        }
        let mut reader = Reader { bytes: body, at: HEADER };
        Self::decode(&mut reader, source)
            .filter(|_| reader.at == body.len())
            .ok_or(LedgerError::Malformed(reader.at as u64))
    }

    fn write(&self, out: &mut Writer) {
        let cells = Ranks::of(self.cells.values());
        out.count(cells.order.len());
        for &number in &cells.order {
            let facts = self.cell_facts[number as usize];
            out.text(self.cells.get(number));
            out.byte(u8::from(facts.is_cell) | facts.kinds << 1);
            out.number(match facts.alias {
                Alias::None => 0,
                Alias::Many => 1,
                Alias::One(cell) => u64::from(cells.rank(cell)) + 2,
            });
        }
        let addresses = Ranks::of(self.addresses.values());
        out.count(addresses.order.len());
        for &number in &addresses.order {
            match self.addresses.get(number) {
                IpAddr::V4(ip) => {
                    out.byte(4);
                    out.0.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.byte(6);
                    out.0.extend_from_slice(&ip.octets());
                }
            }
        }
        let apps = Ranks::of(self.apps.values());
        out.count(apps.order.len());
        for &number in &apps.order {
            let facts = &self.app_facts[number as usize];
            out.guid(*self.apps.get(number));
            out.byte(u8::from(facts.is_contradicted));
            out.number(if facts.app == NONE { 0 } else { u64::from(apps.rank(facts.app)) + 1 });
        }
        let processes = Ranks::of(self.processes.values());
        out.count(processes.order.len());
        for &number in &processes.order {
            match self.processes.get(number) {
                ProcessName::Guid(guid) => {
                    out.byte(1);
                    // Its first half is among the apps.
                    out.number(u64::from(apps.rank(self.process_heads[number as usize])));
                    out.guid(guid.version);
                }
                ProcessName::Other(name) => {
                    out.byte(0);
                    out.text(name);
                }
            }
        }
        let mut names: Vec<_> =
            self.names.iter().map(|(app, names)| (apps.rank(*app), names)).collect();
        names.sort_unstable_by_key(|(app, _)| *app);
        out.count(names.len());
        for (app, names) in names {
            out.number(u64::from(app));
            for word in &names.words {
                match word {
                    None => out.byte(0),
                    Some((time, word)) => {
                        out.byte(1);
                        out.signed(*time);
                        out.text(word);
                    }
                }
            }
        }
        let rank = |field: Field, value: u32| match field {
            Field::Process => processes.rank(value),
            Field::App => apps.rank(value),
            Field::Index => value,
            Field::Cell | Field::Machine => cells.rank(value),
            Field::Address => addresses.rank(value),
        };
        let mut rows: Vec<_> = (0..self.rows.len() as u32).collect();
        rows.sort_unstable_by(|a, b| self.order(*a).cmp(&self.order(*b)));
        out.count(rows.len());
        let times = self.rows.iter().map(Row::times).filter(|times| times.are_known());
        let since = times.map(|times| times.first).min().unwrap_or_default();
        out.signed(since);
        let mut before = 0;
        for number in rows {
            self.write_row(number, (&mut before, since), rank, out);
        }
    }

    /// Orders by handle: those that are GUIDs, then the others.
    pub(super) fn order(&self, row: u32) -> (bool, u128, u8, Option<&Arc<str>>) {
        let row = &self.rows[row as usize];
        if row.len > 0 {
            (false, row.bits, row.len, None)
        } else {
            (true, 0, 0, self.text_of.get(row.text as usize))
        }
    }

    /// Writes a row. The head gives the number of bytes that its handle shares with that of the row
    /// `before`; no time is before `since`.
    fn write_row(
        &self,
        number: u32,
        (before, since): (&mut u128, i64),
        rank: impl Fn(Field, u32) -> u32,
        out: &mut Writer,
    ) {
        let row = &self.rows[number as usize];
        let handle = row.bits.to_be_bytes();
        let shared = (*before ^ row.bits).leading_zeros() as usize / 8;
        let shared = if row.len > 0 { shared.min(MOST_SHARED) } else { 0 };
        out.byte(
            row.len.saturating_sub(LEAST_LEN)
                | (shared as u8) << 4
                | u8::from(row.times().are_known()) << 7,
        );
        if row.len > 0 {
            let digits = GuidPrefix::digits_of(usize::from(row.len));
            out.0.extend_from_slice(&handle[shared..digits.div_ceil(2)]);
            *before = row.bits;
        } else {
            out.text(&self.text_of[row.text as usize]);
        }
        let values: Vec<Vec<u32>> = Field::ALL
            .iter()
            .map(|field| {
                let mut values: Vec<_> =
                    self.values(number, *field).map(|value| rank(*field, value)).collect();
                values.sort_unstable();
                values
            })
            .collect();
        out.byte(row.flags.0);
        // One bit for each field with a value, and one for fields with several values.
        let mut flags = 0_u8;
        for (n, values) in values.iter().enumerate() {
            flags |= u8::from(!values.is_empty()) << n;
            flags |= u8::from(values.len() > 1) << 7;
        }
        out.byte(flags);
        for values in values.iter().filter(|values| !values.is_empty()) {
            if flags >> 7 == 1 {
                out.count(values.len());
            }
            for value in values {
                out.number(u64::from(*value));
            }
        }
        if row.times().are_known() {
            out.times(row.times(), since);
        }
    }

    fn decode(input: &mut Reader<'_>, source: SourceId) -> Option<Self> {
        let mut ledger = Self::new();
        // Loaded evidence is shown by its number in the file.
        let origin = |number: usize| Origin { source, line: number as u64 + 1 };
        let count = input.count()?;
        for _ in 0..count {
            let name = input.text()?;
            let number = put_new(&mut ledger.cells, name.into())?;
            let flags = input.byte().filter(|flags| *flags < 1 << 5)?;
            let alias = match input.number()? {
                0 => Alias::None,
                1 => Alias::Many,
                cell if cell - 2 < count as u64 => Alias::One((cell - 2) as u32),
                _ => return None,
            };
            debug_assert_eq!(number as usize, ledger.cell_facts.len());
            let (is_cell, kinds) = (flags & 1 == 1, flags >> 1);
            ledger.cell_facts.push(super::CellFacts { is_cell, alias, kinds });
        }
        for _ in 0..input.count()? {
            let address = match input.byte()? {
                4 => IpAddr::from(<[u8; 4]>::try_from(input.take(4)?).ok()?),
                6 => IpAddr::from(<[u8; 16]>::try_from(input.take(16)?).ok()?),
                _ => return None,
            };
            put_new(&mut ledger.addresses, address)?;
        }
        let count = input.count()?;
        for number in 0..count {
            let guid = input.guid()?;
            if ledger.app_number(guid, origin(number)) as usize != number {
                return None;
            }
            let is_contradicted = input.flag()?;
            let app = match input.number()? {
                0 => NONE,
                app if app <= count as u64 => (app - 1) as u32,
                _ => return None,
            };
            let facts = &mut ledger.app_facts[number];
            (facts.is_contradicted, facts.app) = (is_contradicted, app);
            ledger.has_contradictions |= is_contradicted;
        }
        for _ in 0..input.count()? {
            let process = match input.byte()? {
                1 => {
                    let head = input.number()? as usize;
                    let process = *ledger.apps.values().get(head)?;
                    ProcessName::Guid(ProcessGuid { process, version: input.guid()? })
                }
                0 => ProcessName::Other(input.text()?.into()),
                _ => return None,
            };
            let head = match process.guid() {
                Some(guid) => ledger.apps.find(&guid.process, |known| *known == guid.process)?,
                None => NONE,
            };
            put_new(&mut ledger.processes, process)?;
            ledger.process_heads.push(head);
        }
        for _ in 0..input.count()? {
            let app = u32::try_from(input.number()?).ok()?;
            let mut names = AppNames::default();
            for word in &mut names.words {
                if input.flag()? {
                    *word = Some((input.signed()?, input.text()?.into()));
                }
            }
            ledger.app_facts.get(app as usize)?;
            ledger.names.insert(app, names);
        }
        let count = input.count()?;
        let since = input.signed()?;
        ledger.rows.reserve(count);
        ledger.heads.reserve(count);
        for number in 0..count {
            ledger.decode_row(input, since, origin(number))?;
        }
        ledger.loaded = Loaded { rows: ledger.rows.len(), source: Some(source) };
        ledger.origins = Vec::new();
        Some(ledger)
    }

    fn decode_row(&mut self, input: &mut Reader<'_>, since: i64, origin: Origin) -> Option<()> {
        let number = self.rows.len() as u32;
        let head = input.byte()?;
        let (kind, shared, are_times_known) =
            (head & 0xf, usize::from(head >> 4 & 7), head >> 7 == 1);
        if kind > 0 {
            let len = kind + LEAST_LEN;
            let before = self.rows.last().map_or(0, |row| row.bits);
            let mut bits = [0; 16];
            bits[..shared].copy_from_slice(&before.to_be_bytes()[..shared]);
            let digits = GuidPrefix::digits_of(usize::from(len)).div_ceil(2);
            bits.get_mut(shared..digits)?.copy_from_slice(input.take(digits - shared)?);
            let row = Row::new(u128::from_be_bytes(bits), len, NONE);
            // Rows are sorted, so a handle that is not greater than the one before is a duplicate.
            if self
                .rows
                .last()
                .is_some_and(|last| last.len == 0 || (last.bits, last.len) >= (row.bits, row.len))
                || row.guid()?.range().0 != row.bits
            {
                return None;
            }
            let rows = &self.rows;
            self.heads.insert(row.key(), number, |row| rows[row as usize].key());
            self.push(row);
        } else {
            let handle = Handle::parse(input.text()?.as_bytes())
                .ok()
                .filter(|handle| handle.guid().is_none())?;
            if self.row_of(&handle, origin) != number {
                return None;
            }
        }
        let said = Flags(input.byte().filter(|flags| flags & !Flags::ALL == 0)?);
        let flags = input.byte().filter(|flags| flags & 1 << 6 == 0)?;
        self.rows[number as usize].slots = [NONE; super::row::FIELDS];
        for field in Field::ALL {
            if flags >> field as u8 & 1 == 0 {
                continue;
            }
            let several = if flags >> 7 == 1 { input.count()? } else { 1 };
            if several > MOST_RIVALS + 1 {
                return None;
            }
            for _ in 0..several {
                let value = u32::try_from(input.number()?).ok().filter(|value| *value != NONE)?;
                let is_known = match field {
                    Field::Process => self.process_heads.len(),
                    Field::App => self.app_facts.len(),
                    Field::Index => usize::MAX,
                    Field::Cell | Field::Machine => self.cell_facts.len(),
                    Field::Address => self.addresses.values().len(),
                };
                ((value as usize) < is_known).then_some(())?;
                self.learn(number, field, value, origin);
            }
        }
        self.rows[number as usize].flags = said;
        let times = if are_times_known { input.times(since)? } else { Times::UNKNOWN };
        self.rows[number as usize].set_times(Times {
            is_start_known: said.has(Flags::START),
            held: Moved { is_own: said.has(Flags::HELD_OWN), ..times.held },
            ended: Moved { is_own: said.has(Flags::ENDED_OWN), ..times.ended },
            ..times
        });
        self.note_if_of_any_cell(number);
        Some(())
    }
}

/// The ranks of values in sorted order.
struct Ranks {
    order: Vec<u32>,
    ranks: Vec<u32>,
}

impl Ranks {
    fn of<T: Ord>(values: &[T]) -> Self {
        let mut order: Vec<_> = (0..values.len() as u32).collect();
        order.sort_unstable_by(|a, b| values[*a as usize].cmp(&values[*b as usize]));
        let mut ranks = vec![0; values.len()];
        for (rank, number) in (0..).zip(&order) {
            ranks[*number as usize] = rank;
        }
        Self { order, ranks }
    }

    fn rank(&self, number: u32) -> u32 {
        self.ranks[number as usize]
    }
}

/// Returns the number of a value that must be new.
fn put_new<T: Hash + Eq>(values: &mut Interner<T>, value: T) -> Option<u32> {
    let next = values.values().len() as u32;
    (values.put(value) == next).then_some(next)
}

impl Writer {
    fn guid(&mut self, guid: Guid) {
        self.0.extend_from_slice(&guid.as_u128().to_be_bytes());
    }

    /// Writes the first time, and the distances of the others from it. No time is before `since`.
    fn times(&mut self, times: Times, since: i64) {
        let or_never =
            |time: i64, distance: u64| if time == i64::MAX { 0 } else { distance.wrapping_add(1) };
        self.number(times.first.wrapping_sub(since).cast_unsigned());
        self.number(times.last.wrapping_sub(times.first).cast_unsigned());
        let after = |time: Moved| zigzag(time.at.wrapping_sub(times.first));
        self.number(or_never(times.held.at, after(times.held)));
        // Most gone containers were gone at the latest line, and most of those times are the cell's
        // own.
        let before = |time: i64| zigzag(times.last.wrapping_sub(time));
        self.number(or_never(times.ended.at, before(times.ended.at)));
        for time in [times.spoken, times.ran] {
            self.number(if time == i64::MIN { 0 } else { before(time).wrapping_add(1) });
        }
    }
}

impl Reader<'_> {
    fn guid(&mut self) -> Option<Guid> {
        let bytes = self.take(16)?.try_into().expect("16 bytes");
        Some(Guid::from_u128(u128::from_be_bytes(bytes)))
    }

    fn times(&mut self, since: i64) -> Option<Times> {
        let first = since.checked_add_unsigned(self.number()?)?;
        let last = first.checked_add_unsigned(self.number()?)?;
        let mut distance = || Some(self.number()?.checked_sub(1).map(from_zigzag));
        let held = match distance()? {
            Some(after) => first.checked_add(after)?,
            None => i64::MAX,
        };
        let ended = match distance()? {
            Some(before) => last.checked_sub(before)?,
            None => i64::MAX,
        };
        let mut own = || match distance()? {
            Some(before) => last.checked_sub(before),
            None => Some(i64::MIN),
        };
        let (spoken, ran) = (own()?, own()?);
        let moved = |at| Moved { at, is_own: false };
        let (held, ended) = (moved(held), moved(ended));
        Some(Times { first, last, spoken, ran, held, ended, is_start_known: false })
    }
}
