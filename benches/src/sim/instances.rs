//! The lives of containers.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::Chance;
use super::cell::{Cell, CellState, Container, Key, Stage, address};
use super::clock::{MILLI, SECOND};
use super::era::HandleForm;
use super::event::Event;
use super::lager::Message;
use super::run::Run;
use super::sink::Sink;
use super::truth::{ContainerFacts, Life, Workload};

impl<S: Sink> Run<'_, S> {
    /// Starts an instance of a process on the emptier of two cells; `None` if the app is gone or
    /// the cells are full.
    pub(super) fn start_instance(
        &mut self,
        app: usize,
        process: usize,
        index: u32,
    ) -> io::Result<Option<usize>> {
        let owner = &self.world.apps[app];
        let Some(of) = owner.processes.get(process).filter(|p| owner.alive && p.alive) else {
            return Ok(None);
        };
        let process_guid = format!("{}-{}", of.guid, of.version);
        let twin = self.twin();
        let given = std::mem::take(&mut self.given);
        let slot = self.place(Workload::App, Some(app), |chance, form| {
            let instance = loop {
                let guid = chance.instance_guid().to_string();
                let guid = begun_as(guid, twin.as_deref(), chance);
                if !given.iter().any(|other| other[..28] == guid[..28]) {
                    break guid;
                }
            };
            let (handle, instance) = match form {
                HandleForm::ProcessAndInstance => (format!("{process_guid}-{instance}"), instance),
                HandleForm::Guid36 => (instance.clone(), instance),
                HandleForm::Guid28 => (instance[..28].to_owned(), instance[..28].to_owned()),
            };
            Naming { handle, instance, process_guid: Some(process_guid), index: Some(index) }
        });
        self.given = given;
        let Some(slot) = slot else { return Ok(None) };
        self.slots[slot].process = Some(process);
        if self.config.damage.colliding > 0.0 {
            self.given.push(self.slots[slot].facts.instance_guid.clone());
        }
        self.lager(slot, Message::Starting { bulker: false })?;
        self.lager(slot, Message::Creating)?;
        self.make(slot)?;
        Ok(Some(slot))
    }

    /// Returns the GUID of some instance, living or gone, as the beginning of another.
    pub(super) fn twin(&mut self) -> Option<String> {
        let share = self.config.damage.colliding;
        if !self.chance.hits(share) || self.given.is_empty() {
            return None;
        }
        let nth = self.chance.index(self.given.len());
        Some(self.given[nth].clone())
    }

    /// Starts a task, a build or a health check; this GUID identifies a task and a build.
    pub(super) fn start_other(
        &mut self,
        workload: Workload,
        app: Option<usize>,
        guid: String,
    ) -> io::Result<Option<usize>> {
        let slot = self.place(workload, app, |_, _| Naming {
            handle: guid.clone(),
            instance: guid,
            process_guid: None,
            index: None,
        });
        let Some(slot) = slot else { return Ok(None) };
        if workload != Workload::HealthCheck {
            self.lager(slot, Message::Starting { bulker: false })?;
            self.lager(slot, Message::TaskStarting)?;
        }
        self.make(slot)?;
        Ok(Some(slot))
    }

    fn make(&mut self, slot: usize) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        if self.era.guardian {
            self.lager(slot, Message::GardenCreating)?;
            if self.era.network == super::era::Network::Bridge {
                self.lager(slot, Message::GardenNetwork)?;
            }
        }
        let took = SECOND + self.gap(2 * SECOND);
        let key = self.slots.key(slot);
        self.plan(took, Event::Created(key));
        Ok(())
    }

    /// Gives a container a cell and an address.
    fn place(
        &mut self,
        workload: Workload,
        app: Option<usize>,
        name: impl FnOnce(&mut Chance, HandleForm) -> Naming,
    ) -> Option<usize> {
        let up = |cells: &[Cell], n: usize| cells[n].state == CellState::Up;
        let mut tries = [0; 2].map(|_| {
            (0..32).map(|_| self.chance.index(self.cells.len())).find(|&n| up(&self.cells, n))
        });
        tries.sort_by_key(|n| n.map_or(usize::MAX, |n| self.cells[n].containers.len()));
        let cell = tries[0]?;
        let number = self.cells[cell].take_address()?;
        let ip = address(self.era.network, cell, number);
        let Naming { handle, instance, process_guid, index } =
            name(&mut self.chance, self.era.handle);
        let owner = app.map(|app| &self.world.apps[app]);
        let space = owner.map(|app| &self.world.spaces[app.space]);
        let facts = ContainerFacts {
            handle,
            instance_guid: instance,
            process_guid,
            index,
            workload,
            app: owner.map(|app| app.guid),
            space: space.map(|space| space.guid),
            org: space.map(|space| self.world.orgs[space.org].guid),
            cell: self.cells[cell].host.id.clone(),
            address: IpAddr::V4(ip),
            created: self.now,
            naming: AtomicU32::new(0),
            bare: AtomicU32::new(0),
        };
        let short_id: String = (0..11)
            .map(|_| char::from(b"0123456789abcdefghijklmnopqrstuv"[self.chance.index(32)]))
            .collect();
        let mut container =
            Container::new(Arc::new(facts), (self.era.network, short_id), (cell, number, ip));
        container.app = app;
        container.is_unseen = self.output.chance.hits(self.config.damage.unseen);
        let slot = self.slots.insert(container);
        self.output.totals.containers += 1;
        self.cells[cell].containers.push(slot);
        if let Some(app) = app {
            self.world.apps[app].containers.push(slot);
        }
        Some(slot)
    }

    pub(super) fn created(&mut self, key: Key) -> io::Result<()> {
        let slot = key.slot;
        if self.era.guardian {
            self.lager(slot, Message::GardenCreated)?;
        }
        let workload = self.slots[slot].facts.workload;
        if workload != Workload::HealthCheck {
            self.lager(slot, Message::Created)?;
            if self.config.debug {
                self.lager(slot, Message::Info)?;
            }
        }
        if self.slots[slot].stage == Stage::Creating {
            self.slots[slot].stage = Stage::Created;
        }
        self.new_chain(slot)?;
        self.plan_packet(key);
        let (least, most, next) = match workload {
            Workload::App => (SECOND, 3 * SECOND, Event::Running(key)),
            Workload::Task => (15 * SECOND, 60 * SECOND, Event::Ended(key)),
            Workload::Staging => (20 * SECOND, 40 * SECOND, Event::Ended(key)),
            Workload::HealthCheck => {
                self.packet(key)?;
                (SECOND, 2 * SECOND, Event::Destroyed(key))
            }
        };
        let after = self.chance.between(least, most);
        self.plan(after, next);
        Ok(())
    }

    pub(super) fn running(&mut self, slot: usize) -> io::Result<()> {
        if self.slots[slot].stage == Stage::Stopping {
            return Ok(());
        }
        self.slots[slot].stage = Stage::Running;
        self.lager(slot, Message::Running { bulker: false })
    }

    /// Stops a container, because someone asked rep to or because its process has ended.
    pub(super) fn stop(&mut self, slot: usize, asked: bool) -> io::Result<()> {
        if self.slots[slot].stage == Stage::Stopping {
            return Ok(());
        }
        self.slots[slot].stage = Stage::Stopping;
        if asked && self.slots[slot].facts.workload == Workload::App {
            self.lager(slot, Message::Stopping)?;
        }
        let after = 300 * MILLI + self.gap(3 * SECOND);
        let key = self.slots.key(slot);
        self.plan(after, Event::Destroyed(key));
        Ok(())
    }

    pub(super) fn destroyed(&mut self, slot: usize) -> io::Result<()> {
        if self.slots[slot].facts.workload != Workload::HealthCheck {
            self.lager(slot, Message::Destroyed)?;
        }
        if self.era.guardian {
            self.lager(slot, Message::GardenDestroyed)?;
        }
        self.remove(slot)
    }

    /// Removes a container without a line.
    pub(super) fn remove(&mut self, slot: usize) -> io::Result<()> {
        let container = self.slots.remove(slot);
        let cell = &mut self.cells[container.cell];
        cell.containers.retain(|&other| other != slot);
        cell.give_back(container.number);
        if let Some(app) = container.app {
            self.world.apps[app].containers.retain(|&other| other != slot);
        }
        // The end of a build starts an app.
        if let (Workload::Staging, Some(app)) = (container.facts.workload, container.app) {
            self.plan(2 * SECOND, Event::Launch { app });
        }
        self.output.sink.life(&life(&container, Some(self.now)))
    }

    /// Runs rep's bulker: every half minute, a line or two about each container.
    pub(super) fn bulk(&mut self, cell: usize) -> io::Result<()> {
        self.plan(30 * SECOND, Event::Bulk { cell });
        if self.cells[cell].state == CellState::Down {
            return Ok(());
        }
        for slot in self.cells[cell].containers.clone() {
            let container = &self.slots[slot];
            if container.facts.workload == Workload::HealthCheck
                || container.stage == Stage::Creating
            {
                continue;
            }
            let message = match (container.facts.workload, container.stage) {
                (Workload::App, Stage::Running) if container.evacuating => {
                    Some(Message::Evacuating)
                }
                (Workload::App, Stage::Running) => Some(Message::Running { bulker: true }),
                _ => None,
            };
            self.lager(slot, Message::Starting { bulker: true })?;
            if let Some(message) = message {
                self.lager(slot, message)?;
            }
        }
        Ok(())
    }
}

/// The names of a container.
struct Naming {
    handle: String,
    instance: String,
    process_guid: Option<String>,
    index: Option<u32>,
}

pub(super) fn life(container: &Container, destroyed: Option<i64>) -> Life {
    Life {
        facts: Arc::clone(&container.facts),
        destroyed,
        denied_unlogged: container.denied_unlogged,
        udp_unlogged: container.udp_unlogged,
    }
}

/// Returns a GUID with the beginning of another.
pub(super) fn begun_as(guid: String, twin: Option<&str>, chance: &mut Chance) -> String {
    let Some(twin) = twin else { return guid };
    let shared = [19, 22, 23, 25, 25][chance.index(5)];
    format!("{}{}", &twin[..shared], &guid[shared..])
}
