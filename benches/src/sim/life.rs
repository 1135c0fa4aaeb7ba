//! The actions of people and machines in a foundation.

use std::io;

use super::cell::{CellState, Stage};
use super::clock::{MINUTE, SECOND};
use super::event::{Deployment, Event};
use super::groups::Phase;
use super::instances::begun_as;
use super::run::Run;
use super::sink::Sink;
use super::truth::Workload;

/// An action of somebody, or an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The process in a container dies; Diego starts it again somewhere.
    Crash,
    /// All instances of an app stop and start, with a new version.
    Restart,
    /// A deployment without downtime.
    Roll,
    /// A deployment without downtime that first tries one instance.
    Canary,
    /// A task runs.
    Task,
    /// A new app is pushed and staged.
    Push,
    /// An app has one instance more, or one less.
    Scale,
    RenameApp,
    RenameSpace,
    RenameOrg,
    DeleteApp,
    DeleteSpace,
    DeleteOrg,
    /// A cell is emptied and updated.
    Evacuate,
    /// Garden checks whether it can still make containers.
    HealthCheck,
}

const WEIGHTS: [(Action, u32); 15] = [
    (Action::Crash, 30),
    (Action::Restart, 12),
    (Action::Roll, 14),
    (Action::Canary, 6),
    (Action::Task, 18),
    (Action::Push, 8),
    (Action::Scale, 8),
    (Action::RenameApp, 6),
    (Action::RenameSpace, 2),
    (Action::RenameOrg, 1),
    (Action::DeleteApp, 5),
    (Action::DeleteSpace, 1),
    (Action::DeleteOrg, 1),
    (Action::Evacuate, 2),
    (Action::HealthCheck, 8),
];

impl<S: Sink> Run<'_, S> {
    /// Fills the foundation with apps that have run for long: their beginning is not in the logs.
    pub(super) fn populate(&mut self) {
        let orgs = (self.config.containers / 40).clamp(2, 500);
        let before = self.start - 7 * 24 * 60 * MINUTE;
        for _ in 0..orgs {
            let org = self.world.add_org(before, &mut self.chance);
            for _ in 0..2 {
                self.world.add_space(before, &mut self.chance, org);
            }
        }
        self.begin_rules();
        let mut wanted = self.config.containers;
        while wanted > 0 {
            let space = self.chance.index(self.world.spaces.len());
            let app = self.new_app(before, space);
            for (process, instances) in self.instances(app) {
                for index in 0..instances.min(wanted as u32) {
                    wanted -= usize::from(self.long_running(app, process, index));
                }
            }
            // A foundation without room stays as full as it is.
            if self.world.apps[app].containers.is_empty() {
                break;
            }
        }
        self.agenda = WEIGHTS.iter().map(|(action, _)| *action).collect();
        for n in (1..self.agenda.len()).rev() {
            let other = self.chance.index(n + 1);
            self.agenda.swap(n, other);
        }
    }

    /// Puts an instance there without a line.
    fn long_running(&mut self, app: usize, process: usize, index: u32) -> bool {
        self.silent = true;
        let started = self.start_instance(app, process, index);
        let Ok(Some(slot)) = started else {
            self.silent = false;
            return false;
        };
        self.slots[slot].stage = Stage::Running;
        let has_chain = self.new_chain(slot).is_ok();
        self.silent = false;
        let key = self.slots.key(slot);
        self.plan_packet(key);
        has_chain
    }

    fn new_app(&mut self, at: i64, space: usize) -> usize {
        let app = self.world.add_app(at, &mut self.chance, space);
        let instances = 1 + self.chance.below(4) as u32;
        self.world.add_process(at, &mut self.chance, app, "web", instances);
        if self.era.workers && self.chance.one_in(3) {
            let instances = 1 + self.chance.below(2) as u32;
            self.world.add_process(at, &mut self.chance, app, "worker", instances);
        }
        app
    }

    fn instances(&self, app: usize) -> Vec<(usize, u32)> {
        let processes = self.world.apps[app].processes.iter().enumerate();
        processes.filter(|(_, p)| p.alive).map(|(n, p)| (n, p.instances)).collect()
    }

    pub(super) fn launch(&mut self, app: usize) -> io::Result<()> {
        if !self.is_taken(app, Phase::Running) {
            return Ok(());
        }
        for process in &mut self.world.apps[app].processes {
            process.desired = self.now;
        }
        for (process, instances) in self.instances(app) {
            for index in 0..instances {
                self.start_instance(app, process, index)?;
            }
        }
        Ok(())
    }

    /// Takes one action, and plans the next.
    pub(super) fn act(&mut self) -> io::Result<()> {
        let usual = i64::try_from(self.config.containers / 20).unwrap_or(i64::MAX).max(3);
        let per_minute = self.config.actions_per_minute.map_or(usual, i64::from);
        if per_minute == 0 {
            return Ok(());
        }
        let next = self.gap(2 * MINUTE / per_minute);
        self.plan(next, Event::Act);
        let (now, wanted) = (self.slots.len(), self.config.containers);
        let action = match self.agenda.pop() {
            Some(action) => action,
            None if now * 10 < wanted * 9 => Action::Push,
            None if now * 10 > wanted * 12 => Action::DeleteApp,
            None => self.chance.weighted(&WEIGHTS),
        };
        self.perform(action)
    }

    fn perform(&mut self, action: Action) -> io::Result<()> {
        let app = self.world.any_app(&mut self.chance);
        match (action, app) {
            (Action::Crash, _) => self.crash(),
            (Action::Evacuate, _) => self.evacuate(),
            (Action::HealthCheck, _) => {
                let guid = self.chance.cc_guid();
                self.start_other(Workload::HealthCheck, None, format!("check-{guid}")).map(drop)
            }
            (Action::Push, _) => self.push(),
            (Action::RenameSpace, _) => {
                if let Some(space) = self.world.any_space(&mut self.chance) {
                    self.world.rename_space(self.now, space);
                }
                Ok(())
            }
            (Action::RenameOrg, _) => {
                if let Some(org) = self.world.any_org(&mut self.chance) {
                    self.world.rename_org(self.now, org);
                }
                Ok(())
            }
            (Action::DeleteSpace, _) => match self.world.any_space(&mut self.chance) {
                Some(space) if self.is_small(&[space]) => self.delete_space(space),
                _ => Ok(()),
            },
            (Action::DeleteOrg, _) => match self.world.any_org(&mut self.chance) {
                Some(org) if self.is_small(&self.world.spaces_of(org)) => {
                    for space in self.world.spaces_of(org) {
                        self.delete_space(space)?;
                    }
                    self.world.delete_org(self.now, org);
                    Ok(())
                }
                _ => Ok(()),
            },
            (_, None) => Ok(()),
            (Action::Restart, Some(app)) => self.restart(app),
            (Action::Roll, Some(app)) => self.roll(app, false),
            (Action::Canary, Some(app)) => self.roll(app, true),
            (Action::Task, Some(app)) => self.task(app),
            (Action::Scale, Some(app)) => self.scale(app),
            (Action::RenameApp, Some(app)) => {
                self.world.rename_app(self.now, app);
                Ok(())
            }
            (Action::DeleteApp, Some(app)) => self.delete_app(app),
        }
    }

    /// Returns whether these spaces contain no more than a quarter of all containers: nobody
    /// deletes half a foundation.
    fn is_small(&self, spaces: &[usize]) -> bool {
        let apps = spaces.iter().flat_map(|&space| self.world.apps_of(space));
        let held: usize = apps.map(|app| self.world.apps[app].containers.len()).sum();
        held * 4 <= self.slots.len()
    }

    fn crash(&mut self) -> io::Result<()> {
        let Some(slot) = self.any_running() else { return Ok(()) };
        let container = &self.slots[slot];
        let (Some(app), Some(process), Some(index)) =
            (container.app, container.process, container.facts.index)
        else {
            return Ok(());
        };
        self.stop(slot, false)?;
        let after = SECOND + self.gap(4 * SECOND);
        self.plan(after, Event::Start { app, process, index });
        Ok(())
    }

    /// Returns a random running instance of a process.
    pub(super) fn any_running(&mut self) -> Option<usize> {
        for _ in 0..16 {
            let cell = &self.cells[self.chance.index(self.cells.len())];
            let Some(&slot) = cell.containers.get(self.chance.index(cell.containers.len())) else {
                continue;
            };
            let container = &self.slots[slot];
            if container.stage == Stage::Running && container.facts.workload == Workload::App {
                return Some(slot);
            }
        }
        None
    }

    /// Returns the slots of an app's containers that run this process, or any.
    fn slots_of(&self, app: usize, process: Option<usize>) -> Vec<usize> {
        let all = self.world.apps[app].containers.iter().copied();
        all.filter(|&slot| process.is_none() || self.slots[slot].process == process).collect()
    }

    fn restart(&mut self, app: usize) -> io::Result<()> {
        if self.world.apps[app].deploying || !self.is_taken(app, Phase::Running) {
            return Ok(());
        }
        for (process, instances) in self.instances(app) {
            for slot in self.slots_of(app, Some(process)) {
                self.stop(slot, true)?;
            }
            self.world.apps[app].processes[process].version = self.chance.cc_guid();
            self.world.apps[app].processes[process].desired = self.now;
            for index in 0..instances {
                let after = 2 * SECOND + self.gap(3 * SECOND);
                self.plan(after, Event::Start { app, process, index });
            }
        }
        Ok(())
    }

    fn roll(&mut self, app: usize, canary: bool) -> io::Result<()> {
        if !self.era.rolling {
            return self.restart(app);
        }
        if !self.is_taken(app, Phase::Running) {
            return Ok(());
        }
        let processes = &self.world.apps[app].processes;
        let Some(old) = processes.iter().position(|p| p.alive && p.kind == "web") else {
            return Ok(());
        };
        if std::mem::replace(&mut self.world.apps[app].deploying, true) {
            return Ok(());
        }
        let instances = self.world.apps[app].processes[old].instances;
        let new = self.world.add_process(self.now, &mut self.chance, app, "web", instances);
        self.world.deployed(self.now, &mut self.chance, app, new);
        self.deploy(Deployment { app, old, new, next: 0, canary })
    }

    /// Takes the next step of a deployment: an old instance goes for each new one that runs.
    pub(super) fn deploy(&mut self, step: Deployment) -> io::Result<()> {
        let Deployment { app, old, new, next, canary } = step;
        if !self.world.apps[app].alive {
            return Ok(());
        }
        if canary && next > 0 && self.chance.one_in(3) {
            // The canary failed: back to the old version.
            return self.end_of_process(app, new);
        }
        for slot in self.slots_of(app, Some(old)) {
            if next > 0 && self.slots[slot].facts.index == Some(next - 1) {
                self.stop(slot, true)?;
            }
        }
        if next == self.world.apps[app].processes[new].instances {
            return self.end_of_process(app, old);
        }
        self.start_instance(app, new, next)?;
        let watched = if canary && next == 0 { 25 * SECOND } else { 4 * SECOND };
        let after = watched + self.gap(3 * SECOND);
        let canary = canary && next == 0;
        self.plan(after, Event::Deploy(Deployment { next: next + 1, canary, ..step }));
        Ok(())
    }

    fn end_of_process(&mut self, app: usize, process: usize) -> io::Result<()> {
        for slot in self.slots_of(app, Some(process)) {
            self.stop(slot, true)?;
        }
        self.world.replace_process(self.now, app, process);
        self.world.apps[app].deploying = false;
        Ok(())
    }

    fn task(&mut self, app: usize) -> io::Result<()> {
        if !self.is_taken(app, Phase::Running) {
            return Ok(());
        }
        let guid = self.chance.cc_guid().to_string();
        let twin = self.twin();
        let guid = begun_as(guid, twin.as_deref(), &mut self.chance);
        let owner = self.world.apps[app].guid.to_string();
        let change = super::Change::TaskCreated { guid: guid.clone(), app: owner };
        self.world.history.add(self.now, change);
        self.start_other(Workload::Task, Some(app), guid).map(drop)
    }

    fn push(&mut self) -> io::Result<()> {
        let space = match self.world.any_space(&mut self.chance) {
            Some(space) if !self.chance.one_in(4) => space,
            _ => {
                let org = match self.world.any_org(&mut self.chance) {
                    Some(org) if !self.chance.one_in(4) => org,
                    _ => self.world.add_org(self.now, &mut self.chance),
                };
                self.world.add_space(self.now, &mut self.chance, org)
            }
        };
        let app = self.new_app(self.now, space);
        if !self.is_taken(app, Phase::Staging) {
            return Ok(());
        }
        let owner = self.world.apps[app].guid.to_string();
        let build = self.chance.cc_guid().to_string();
        let handle = if self.era.old_staging {
            format!("{owner}-{}", self.chance.cc_guid().to_string().replace('-', ""))
        } else {
            self.world
                .history
                .add(self.now, super::Change::BuildCreated { guid: build.clone(), app: owner });
            build
        };
        self.start_other(Workload::Staging, Some(app), handle).map(drop)
    }

    fn scale(&mut self, app: usize) -> io::Result<()> {
        let owner = &mut self.world.apps[app];
        let Some(process) = owner.processes.iter().position(|p| p.alive && p.kind == "web") else {
            return Ok(());
        };
        if owner.deploying || owner.containers.is_empty() {
            return Ok(());
        }
        let instances = owner.processes[process].instances;
        if instances > 1 && self.chance.one_in(2) {
            self.world.apps[app].processes[process].instances -= 1;
            for slot in self.slots_of(app, Some(process)) {
                if self.slots[slot].facts.index == Some(instances - 1) {
                    self.stop(slot, true)?;
                }
            }
            return Ok(());
        }
        self.world.apps[app].processes[process].instances += 1;
        self.start_instance(app, process, instances).map(drop)
    }

    fn delete_app(&mut self, app: usize) -> io::Result<()> {
        self.world.delete_app(self.now, app);
        for slot in self.slots_of(app, None) {
            self.stop(slot, true)?;
        }
        Ok(())
    }

    fn delete_space(&mut self, space: usize) -> io::Result<()> {
        for app in self.world.apps_of(space) {
            self.delete_app(app)?;
        }
        self.world.delete_space(self.now, space);
        Ok(())
    }

    /// Empties a cell: its instances are started elsewhere first, so that for a while each exists
    /// twice.
    fn evacuate(&mut self) -> io::Result<()> {
        let up = self.cells.iter().filter(|cell| cell.state == CellState::Up).count();
        let cell = self.chance.index(self.cells.len());
        if up < 2 || self.cells[cell].state != CellState::Up {
            return Ok(());
        }
        self.cells[cell].state = CellState::Draining;
        for slot in self.cells[cell].containers.clone() {
            let container = &mut self.slots[slot];
            container.evacuating = true;
            let (app, process, index) = (container.app, container.process, container.facts.index);
            let key = self.slots.key(slot);
            if let (Some(app), Some(process), Some(index)) = (app, process, index) {
                let after = self.gap(5 * SECOND);
                self.plan(after, Event::Start { app, process, index });
            }
            let after = 35 * SECOND + self.gap(10 * SECOND);
            self.plan(after, Event::Stop(key));
        }
        self.plan(50 * SECOND, Event::Boot { cell });
        Ok(())
    }

    pub(super) fn boot(&mut self, cell: usize) {
        let at = &mut self.cells[cell];
        // A relay that stalls is on the machine, and writes before that boots.
        if !at.containers.is_empty() || at.clock.stall(self.now).is_some() {
            return self.plan(5 * SECOND, Event::Boot { cell });
        }
        at.state = CellState::Up;
        at.clock.booted = self.now;
        at.host.sequence = 0;
    }

    pub(super) fn plan_reboot(&mut self) {
        let mean = 60 * MINUTE / i64::from(self.config.damage.reboots_per_hour.max(1));
        let after = self.gap(2 * mean);
        self.plan(after, Event::Reboot);
    }

    /// Takes a cell down: no container on it leaves a last line.
    pub(super) fn reboot(&mut self) -> io::Result<()> {
        self.plan_reboot();
        let up = self.cells.iter().filter(|cell| cell.state == CellState::Up).count();
        let cell = self.chance.index(self.cells.len());
        if up < 2 || self.cells[cell].state != CellState::Up {
            return Ok(());
        }
        self.cells[cell].state = CellState::Down;
        for slot in self.cells[cell].containers.clone() {
            let container = &self.slots[slot];
            let (app, process, index) = (container.app, container.process, container.facts.index);
            if let (Some(app), Some(process), Some(index)) = (app, process, index) {
                let after = 5 * SECOND + self.gap(20 * SECOND);
                self.plan(after, Event::Start { app, process, index });
            }
            self.remove(slot)?;
        }
        self.plan(40 * SECOND, Event::Boot { cell });
        Ok(())
    }
}
