//! The saved form of a ledger: what outlives the logs.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `ASGLEDGR` |
//! | 4 | version of the format, little-endian: [`VERSION`] |
//! | 8 | length of all, little-endian |
//! | … | tables of cells, addresses, apps, processes, names, texts; then the rows, by handle |
//! | 4 | CRC-32 of all before it |
//!
//! Numbers are LEB128, signed ones zigzag. Everything is sorted, so equal ledgers have equal bytes. A CRC-32 finds any change
//! that spans less than 33 bits, so any byte that flipped; the length finds what was cut. A reader refuses what its version
//! does not know rather than guess at half of it.
//!
//! Lines are not saved: of a loaded container the ledger itself is the source, and its number in the file the line.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use super::intern::Interner;
use super::row::{Field, NONE, Row, Times};
use super::{Alias, AppNames, Ledger, Loaded};
use crate::evidence::{Origin, ProcessName};
use crate::{Guid, GuidPrefix, Handle, ProcessGuid, SourceId};

const MAGIC: &[u8; 8] = b"ASGLEDGR";
/// Raised when a reader of the version before would misread.
const VERSION: u32 = 1;
const HEADER: usize = 20;
const TRAILER: usize = 4;

/// Why bytes are no ledger. None is half-read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// They are something else.
    #[error("this is no saved ledger")]
    NotALedger,
    /// A later version wrote them.
    #[error("the ledger is of version {0} of its format, and this program reads version {VERSION}")]
    Version(u32),
    /// They break off, or something follows them.
    #[error("the ledger says that it has {expected} bytes, and there are {found}")]
    Length {
        /// As the ledger says.
        expected: u64,
        /// As there are.
        found: u64,
    },
    /// They are not what was written.
    #[error("the ledger is damaged: its checksum is another")]
    Checksum,
    /// They are what was written, but no ledger of this version was.
    #[error("the ledger makes no sense at byte {0}")]
    Malformed(u64),
}

impl Ledger {
    /// The ledger as bytes, to be loaded by [`Ledger::from_bytes`]. To replace a file with it so that a crash leaves the old
    /// one or the new one, write to a new file beside it, sync, and rename.
    ///
    /// ```
    /// # use asg_core::{Evidence, Handle, Ledger, LedgerError, Moment, Origin, SourceId};
    /// let mut ledger = Ledger::new();
    /// let handle = Handle::parse("bfce786c-ab07-40ad-79f9-8f21").unwrap();
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

    /// Loads a ledger that [`Ledger::to_bytes`] made. Its containers' lines will be told as lines of `source`.
    ///
    /// # Errors
    ///
    /// If the bytes are anything but a whole, undamaged ledger of this version.
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
        Self::read(&mut reader, source)
            .filter(|_| reader.at == body.len())
            .ok_or(LedgerError::Malformed(reader.at as u64))
    }

    fn write(&self, out: &mut Writer) {
        let cells = Ranks::of(self.cells.values());
        out.count(cells.order.len());
        for &number in &cells.order {
            let facts = self.cell_facts[number as usize];
            out.text(self.cells.get(number));
            out.byte(u8::from(facts.is_cell));
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
                    out.guid(guid.process);
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
        for number in rows {
            self.write_row(number, rank, out);
        }
    }

    /// By handle: those that are GUIDs, then the others.
    fn order(&self, row: u32) -> (bool, u128, u8, Option<&Arc<str>>) {
        let row = &self.rows[row as usize];
        if row.len > 0 {
            (false, row.bits, row.len, None)
        } else {
            (true, 0, 0, self.text_of.get(row.text as usize))
        }
    }

    fn write_row(&self, number: u32, rank: impl Fn(Field, u32) -> u32, out: &mut Writer) {
        let row = &self.rows[number as usize];
        out.byte(row.len);
        if row.len > 0 {
            let digits = GuidPrefix::digits_of(usize::from(row.len));
            out.0.extend_from_slice(&row.bits.to_be_bytes()[..digits.div_ceil(2)]);
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
        // A bit for each field that there is, one for the start, and one for fields with several values.
        let mut flags = u8::from(row.times().is_start_known) << 6;
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
        out.times(row.times());
    }

    fn read(input: &mut Reader<'_>, source: SourceId) -> Option<Self> {
        let mut ledger = Self::new();
        // All that is loaded is told by its number in the file.
        let origin = |number: usize| Origin { source, line: number as u64 + 1 };
        let count = input.count()?;
        for _ in 0..count {
            let name = input.text()?;
            let number = put_new(&mut ledger.cells, name.into())?;
            let is_cell = input.flag()?;
            let alias = match input.number()? {
                0 => Alias::None,
                1 => Alias::Many,
                cell if cell - 2 < count as u64 => Alias::One((cell - 2) as u32),
                _ => return None,
            };
            debug_assert_eq!(number as usize, ledger.cell_facts.len());
            ledger.cell_facts.push(super::CellFacts { is_cell, alias });
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
        }
        for _ in 0..input.count()? {
            let process = match input.byte()? {
                1 => ProcessName::Guid(ProcessGuid {
                    process: input.guid()?,
                    version: input.guid()?,
                }),
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
        ledger.rows.reserve(count);
        ledger.heads.reserve(count);
        for number in 0..count {
            ledger.read_row(input, origin(number))?;
        }
        ledger.loaded = Loaded { rows: ledger.rows.len(), source: Some(source) };
        ledger.origins = Vec::new();
        Some(ledger)
    }

    fn read_row(&mut self, input: &mut Reader<'_>, origin: Origin) -> Option<()> {
        let number = self.rows.len() as u32;
        let len = input.byte()?;
        if len > 0 {
            let mut bits = [0; 16];
            let digits = GuidPrefix::digits_of(usize::from(len)).div_ceil(2);
            bits.get_mut(..digits)?.copy_from_slice(input.take(digits)?);
            if !(28..=36).contains(&len) {
                return None;
            }
            let row = Row::new(u128::from_be_bytes(bits), len, NONE);
            // Sorted, so a handle that is not greater than the one before is there twice.
            if self
                .rows
                .last()
                .is_some_and(|last| last.len == 0 || (last.bits, last.len) >= (row.bits, row.len))
                || row.guid()?.range().0 != row.bits
            {
                return None;
            }
            let rows = &self.rows;
            self.heads.insert(row.bits, number, |row| rows[row as usize].bits);
            self.push(row);
        } else {
            let handle = Handle::parse(input.text()?).filter(|handle| handle.guid().is_none())?;
            if self.row_of(&handle, origin) != number {
                return None;
            }
        }
        let flags = input.byte()?;
        self.rows[number as usize].slots = [NONE; super::row::FIELDS];
        for field in Field::ALL {
            if flags >> field as u8 & 1 == 0 {
                continue;
            }
            let several = if flags >> 7 == 1 { input.count()? } else { 1 };
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
        self.rows[number as usize].set_times(input.times(flags >> 6 & 1 == 1)?);
        Some(())
    }
}

/// Numbers of values in the order of the values.
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

/// The number of a value that must not be there yet.
fn put_new<T: Hash + Eq>(values: &mut Interner<T>, value: T) -> Option<u32> {
    let next = values.values().len() as u32;
    (values.put(value) == next).then_some(next)
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.number(number.cast_unsigned() << 1 ^ (number >> 63).cast_unsigned());
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn guid(&mut self, guid: Guid) {
        self.0.extend_from_slice(&guid.as_u128().to_be_bytes());
    }

    /// The first, and how long after it all else was.
    fn times(&mut self, times: Times) {
        let after = |time: i64| {
            if time == i64::MAX { 0 } else { time.wrapping_sub(times.first) as u64 + 1 }
        };
        self.byte(u8::from(times.are_known()));
        if times.are_known() {
            self.signed(times.first);
            self.number(times.last.wrapping_sub(times.first) as u64);
            self.number(after(times.held));
            self.number(after(times.ended));
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, n: usize) -> Option<&'b [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(n)?)?;
        self.at += n;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            number |= bits << shift;
            if bits << shift >> shift != bits {
                return None;
            }
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// How many of something follow: each has a byte at least, so there cannot be more than bytes.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.bytes.len() - self.at).then_some(count)
    }

    fn text(&mut self) -> Option<&'b str> {
        let len = self.count()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    fn guid(&mut self) -> Option<Guid> {
        let bytes = self.take(16)?.try_into().expect("16 bytes");
        Some(Guid::from_u128(u128::from_be_bytes(bytes)))
    }

    fn times(&mut self, is_start_known: bool) -> Option<Times> {
        if !self.flag()? {
            return Some(Times { is_start_known, ..Times::UNKNOWN });
        }
        let first = self.signed()?;
        let last = first.checked_add_unsigned(self.number()?)?;
        let mut after = || match self.number()? {
            0 => Some(i64::MAX),
            n => first.checked_add_unsigned(n - 1),
        };
        Some(Times { first, last, held: after()?, ended: after()?, is_start_known })
    }
}
