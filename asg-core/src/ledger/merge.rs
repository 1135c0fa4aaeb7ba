//! Merges ledgers: one takes the evidence of the other as if it had seen the lines.

use super::row::{Field, Flags};
use super::{Alias, CellFacts, Ledger, NONE};

impl Ledger {
    /// Adds all evidence of the other ledger. The result does not depend on the order of merges,
    /// and merging twice has no further effect.
    ///
    /// The sources of both must be numbered alike, because lines are kept by the number of their
    /// source.
    ///
    /// ```
    /// # use asg_core::event::Moment;
    /// # use asg_core::evidence::Evidence;
    /// # use asg_core::guid::Handle;
    /// # use asg_core::{Ledger, Origin, SourceId};
    /// let seen = |handle: &str, line| {
    ///     let mut ledger = Ledger::new();
    ///     let origin = Origin { source: SourceId(0), line };
    ///     ledger.add(Evidence::new(Handle::parse(handle.as_bytes()).unwrap(), Moment::Seen, origin));
    ///     ledger
    /// };
    /// let (one, other) = (seen("bfce786c-ab07-40ad-79f9-8f21", 1), seen("d5978989-1401-49ff-46cd-33e5", 2));
    /// let (mut a, mut b) = (one.clone(), other.clone());
    /// a.merge(&other);
    /// b.merge(&one);
    /// assert_eq!(a.len(), 2);
    /// assert_eq!(a.to_bytes(), b.to_bytes());
    /// ```
    pub fn merge(&mut self, other: &Self) {
        self.lease_crowds.forget();
        self.alike.forget();
        self.take_rows(other, 0..other.rows.len() as u32, &Field::ALL);
        for (number, guid) in (0..).zip(other.apps.values()) {
            self.take_app(other, number);
            debug_assert!(self.apps.find(guid, |known| known == guid).is_some());
        }
        for (name, facts) in other.cells.values().iter().zip(&other.cell_facts) {
            self.take_cell(other, name, *facts);
        }
    }

    /// Adds the facts of another ledger about a cell's or a machine's name.
    fn take_cell(&mut self, other: &Self, name: &str, facts: CellFacts) -> u32 {
        let number = self.cell_number(name.into());
        let known = &mut self.cell_facts[number as usize];
        known.is_cell |= facts.is_cell;
        known.kinds |= facts.kinds;
        match facts.alias {
            Alias::One(cell) => {
                let cell = self.cell_number(other.cells.get(cell).clone());
                self.learn_alias(number, Alias::One(cell));
            }
            alias => self.learn_alias(number, alias),
        }
        number
    }

    /// Adds these fields of rows of another ledger, and everything that belongs to them.
    pub(super) fn take_rows(
        &mut self,
        other: &Self,
        rows: impl Iterator<Item = u32>,
        fields: &[Field],
    ) {
        for from in rows {
            let lifetime = super::Lifetime::new(other, from);
            let theirs = other.origins(from);
            let row = self.row_of(&lifetime.handle(), theirs.first);
            self.learn_times(row, lifetime.times());
            let flags = other.rows[from as usize].flags;
            for flag in [Flags::GARBLED, Flags::CLEAR, Flags::TASK, Flags::STAGING] {
                if flags.has(flag) {
                    self.rows[row as usize].flags.set(flag, true);
                }
            }
            if let Some(origins) = self.origins_mut(row) {
                origins.first = origins.first.min(theirs.first);
            }
            for field in fields.iter().copied() {
                let least = other.rows[from as usize].slot(field).map(|value| {
                    let origin = match field {
                        Field::Process => theirs.process,
                        Field::App => theirs.app,
                        _ => theirs.first,
                    };
                    (value, origin)
                });
                let rivals = other.rivals.get(&(from, field)).into_iter().flatten().copied();
                for (value, origin) in least.into_iter().chain(rivals) {
                    self.take_value(other, row, field, value, origin);
                }
            }
            self.note_if_of_any_cell(row);
        }
    }

    fn take_value(
        &mut self,
        other: &Self,
        row: u32,
        field: Field,
        value: u32,
        origin: crate::evidence::Origin,
    ) {
        let value = match field {
            Field::Process => {
                let head = other.process_heads[value as usize];
                if head != NONE {
                    self.take_app(other, head);
                }
                return self.learn_process(row, other.processes.get(value).clone(), origin);
            }
            Field::App => self.take_app(other, value),
            Field::Index => value,
            Field::Cell | Field::Machine => {
                let facts = other.cell_facts[value as usize];
                self.take_cell(other, other.cells.get(value), facts)
            }
            Field::Address => self.addresses.put(*other.addresses.get(value)),
        };
        self.learn(row, field, value, origin);
    }

    /// Adds the facts of another ledger about an app or process.
    fn take_app(&mut self, other: &Self, number: u32) -> u32 {
        let guid = *other.apps.get(number);
        let facts = other.app_facts[number as usize];
        let own = self.app_number(guid, facts.origin);
        if facts.app != NONE {
            let origin = other.app_facts[facts.app as usize].origin;
            let app = self.app_number(*other.apps.get(facts.app), origin);
            self.belongs(guid, app, facts.origin);
        }
        if facts.is_contradicted {
            self.contradict(own);
        }
        if let Some(names) = other.names.get(&number) {
            self.names.entry(own).or_default().join(names);
        }
        own
    }
}
