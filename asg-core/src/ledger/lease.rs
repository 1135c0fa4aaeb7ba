//! Leases of addresses on one cell. Addresses repeat on every cell, so a look-up always needs the
//! cell.

use std::net::IpAddr;
use std::sync::Arc;

use super::answer::Sighting;
use super::attribution::MOST_CANDIDATES;
use super::crowd::{Crowd, Interval, Reaching};
use super::row::{Field, millis};
use super::{Alias, LeaseKey, Ledger, Lifetime, NONE};
use crate::evidence::{NameKind, cell_name};
use crate::time::TimeRange;

impl Ledger {
    /// Notes a row under its new keys: under a name of its cell with each of its addresses, or
    /// under an address with each of the names.
    pub(super) fn lease(&mut self, row: u32, field: Field, value: u32) {
        if field == Field::Address {
            self.holders.add(value, row);
            let machines = self.values(row, Field::Machine);
            let cells: Vec<_> = self.values(row, Field::Cell).chain(machines).collect();
            for cell in cells {
                self.leases.add((cell, value), row);
            }
        } else if matches!(field, Field::Cell | Field::Machine) {
            let addresses: Vec<_> = self.values(row, Field::Address).collect();
            if addresses.is_empty() {
                self.unaddressed.add(value, row);
            }
            for address in addresses {
                self.leases.add((value, address), row);
            }
        }
    }

    /// Notes a row that has neither an address nor the name of a machine: it may be of any cell.
    pub(super) fn note_if_of_any_cell(&mut self, row: u32) {
        if self.may_be_of_any_cell(row) && self.rows[row as usize].slot(Field::Address).is_none() {
            self.unaddressed.add(NONE, row);
        }
    }

    /// True if no line names the machine of a container.
    pub(super) fn may_be_of_any_cell(&self, row: u32) -> bool {
        let row = &self.rows[row as usize];
        row.slot(Field::Cell).is_none() && row.slot(Field::Machine).is_none()
    }

    /// Returns the one container that surely had this address on this cell then.
    ///
    /// A lease begins and ends by the clock of its cell, which stamps the cell's packets too. If
    /// only other machines log it, it counts as shorter by the two minutes that clocks may differ.
    /// Without an end it lasts as long as the cell shows the container running, and until two
    /// minutes before the cell's last line about it.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let line = Line::new(rep);
    /// let mut ledger = Ledger::new();
    /// Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let nobody = ledger.holder("10.255.73.4".parse().unwrap(), &Default::default());
    /// assert!(nobody.is_none(), "the line shows no address");
    /// ```
    #[must_use]
    pub fn holder(&self, address: IpAddr, seen: &Sighting<'_>) -> Option<Lifetime<'_>> {
        let time = seen.time?;
        let name = self.cell_named(seen.cell?)?;
        let alias = match self.cell_facts[name as usize].alias {
            Alias::None => NONE,
            Alias::One(cell) => cell,
            Alias::Many => return None,
        };
        let number = self.addresses.find(&address, |known| *known == address)?;
        let rest = if alias == name { NONE } else { alias };
        let mut holder = None;
        for name in [name, rest] {
            for row in self.leased(name, number, time).first {
                let lifetime = Lifetime::new(self, row);
                if holder.is_some_and(|holder| holder != lifetime) {
                    return None;
                }
                holder = Some(lifetime);
            }
        }
        holder.filter(|lifetime| lifetime.conflict().is_none())
    }

    /// Returns the containers that surely had an address all the time in the range, under this name
    /// of their cell.
    fn leased(&self, name: u32, address: u32, time: TimeRange) -> Reaching {
        let intervals = || {
            // A row stays noted under values that were removed because it had too many.
            let is_of = move |row: &u32| {
                self.values(*row, Field::Address).any(|number| number == address)
                    && self
                        .values(*row, Field::Cell)
                        .chain(self.values(*row, Field::Machine))
                        .any(|number| number == name)
            };
            self.leases.get(&(name, address)).filter(is_of).map(|row| {
                let (from, to) = self.rows[row as usize].times().lease();
                Interval { from, to, row }
            })
        };
        let (from, to) = (millis(time.earliest()), millis(time.latest()));
        if self.leases.count(&(name, address)) <= MOST_CANDIDATES {
            return Reaching::in_few(intervals(), from, to);
        }
        let key = LeaseKey::Sure(name, address);
        let crowd = self.lease_crowds.get_or(key, || Arc::new(Crowd::of(intervals())));
        // Two are enough to make it ambiguous.
        Reaching { first: crowd.reaching(from, to).take(2).collect(), count: 0 }
    }

    pub(super) fn cell_named(&self, name: &str) -> Option<u32> {
        let name = cell_name(name);
        self.cells.find(name, |known| **known == *name)
    }

    /// Returns the cells of a container: those that lines name, and those whose log lines come
    /// under the same name.
    fn cells_of(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        let aliases = self.values(row, Field::Machine).filter_map(|machine| {
            match self.cell_facts[machine as usize].alias {
                Alias::One(cell) => Some(cell),
                Alias::None | Alias::Many => None,
            }
        });
        self.values(row, Field::Cell).chain(aliases)
    }

    /// Returns whether a container was on the machine of this name; `None` if the names cannot be
    /// compared.
    pub(super) fn was_on(
        &self,
        lifetime: Lifetime<'_>,
        name: &str,
        kind: NameKind,
    ) -> Option<bool> {
        let row = lifetime.row();
        let names = || self.values(row, Field::Cell).chain(self.values(row, Field::Machine));
        let number = self.cell_named(name);
        let facts = number.map(|number| self.cell_facts[number as usize]);
        let alias = facts.map_or(Alias::None, |facts| facts.alias);
        if alias == Alias::Many {
            return None;
        }
        if number.is_some_and(|number| names().any(|known| known == number)) {
            return Some(true);
        }
        let is_cell = facts.is_some_and(|facts| facts.is_cell);
        let cell = match alias {
            Alias::One(cell) => Some(cell),
            _ => number.filter(|_| is_cell),
        };
        let mut known_cells = self.cells_of(row).peekable();
        if let (Some(cell), Some(_)) = (cell, known_cells.peek()) {
            return Some(known_cells.any(|known| known == cell));
        }
        let kinds = bit(kind) | facts.map_or(0, |facts| facts.kinds);
        names().any(|known| self.differs(known, name, kinds)).then_some(false)
    }

    /// Returns whether a name belongs to another machine than a name of these kinds, and not to a
    /// relay.
    fn differs(&self, name: u32, other: &str, kinds: u8) -> bool {
        let facts = self.cell_facts[name as usize];
        let alike = facts.kinds & kinds;
        if facts.alias == Alias::Many || alike == 0 {
            return false;
        }
        let name = &**self.cells.get(name);
        let host = |name: &'_ str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
        // One program writes `cell-1`, and another `cell-1.internal`.
        if alike == bit(NameKind::Host) { host(name) != host(other) } else { name != other }
    }

    /// Returns whether lines give the container's machine two names of one kind.
    pub(super) fn has_two_machines(&self, row: u32) -> bool {
        let machines = || self.values(row, Field::Machine);
        let several = machines().nth(1).is_some();
        let is_contradicted = |name: u32| {
            let facts = self.cell_facts[name as usize];
            let text = self.cells.get(name);
            let others = machines().chain(self.values(row, Field::Cell));
            facts.alias != Alias::Many
                && others.into_iter().any(|other| self.differs(other, text, facts.kinds))
        };
        if several && machines().any(is_contradicted) {
            return true;
        }
        // Each name belongs to the log lines of one cell only.
        let mut cells = self.cells_of(row);
        cells.next().is_some_and(|first| cells.any(|cell| cell != first))
    }
}

/// Returns the bit for a kind of name; zero for one that may be of any.
pub(super) const fn bit(kind: NameKind) -> u8 {
    match kind {
        NameKind::Unknown => 0,
        NameKind::Instance => 1,
        NameKind::Index => 2,
        NameKind::Host => 4,
        NameKind::Address => 8,
    }
}
