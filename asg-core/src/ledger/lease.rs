//! Leases: who had an address, on one cell. Addresses repeat on every cell, so none is looked up without it.

use std::net::IpAddr;

use super::answer::Sighting;
use super::row::Field;
use super::{Alias, Ledger, Lifetime, NONE};

impl Ledger {
    /// Notes a row under each name of its cell and each of its addresses.
    pub(super) fn lease(&mut self, row: u32) {
        let addresses: Vec<_> = self.values(row, Field::Address).collect();
        if addresses.is_empty() {
            return;
        }
        for address in &addresses {
            self.holders.add(*address, row);
        }
        let cells: Vec<_> =
            self.values(row, Field::Cell).chain(self.values(row, Field::Machine)).collect();
        for cell in cells {
            for address in &addresses {
                self.leases.add((cell, *address), row);
            }
        }
    }

    /// The one container that surely had this address on this cell then.
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
        let under = |name: u32| self.leases.get(&(name, number)).iter();
        let rest = if alias == name { NONE } else { alias };
        let mut holder = None;
        for row in under(name).chain(under(rest)) {
            let lifetime = Lifetime::new(self, *row);
            if !lifetime.held_address_at(time) || holder == Some(lifetime) {
                continue;
            }
            if holder.is_some() {
                return None;
            }
            holder = Some(lifetime);
        }
        holder.filter(|lifetime| !lifetime.is_contradicted())
    }

    pub(super) fn cell_named(&self, name: &str) -> Option<u32> {
        self.cells.find(name, |known| **known == *name)
    }

    /// Whether a container was on the cell that is called so; `None` if the names cannot be compared.
    pub(super) fn was_on(&self, lifetime: Lifetime<'_>, name: &str) -> Option<bool> {
        let is_it = |number: u32| **self.cells.get(number) == *name;
        let on = |field| self.values(lifetime.row(), field).find(|number| is_it(*number));
        if let Some(number) = on(Field::Cell).or_else(|| on(Field::Machine)) {
            return (self.cell_facts[number as usize].alias != Alias::Many).then_some(true);
        }
        let cell = self.rows[lifetime.row() as usize].slot(Field::Cell)?;
        let facts = self.cell_facts[self.cell_named(name)? as usize];
        match facts.alias {
            Alias::One(alias) => Some(alias == cell),
            Alias::None => facts.is_cell.then_some(false),
            Alias::Many => None,
        }
    }
}
