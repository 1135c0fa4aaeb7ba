//! The clockwork: events in the order of time, and the lives of containers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::cell::{Cell, CellState, Container, Key, Slots, Stage, address};
use super::clock::{self, Clock, MILLI, MINUTE, SECOND};
use super::damage::{About, Damage, Piece, Sent, Way};
use super::egress::Enforcement;
use super::envelope::{Folded, Host, Program};
use super::era::{Facts, HandleForm};
use super::lager::{self, Context, Message};
use super::life::Action;
use super::sink::Sink;
use super::truth::{ContainerFacts, Life, Truth, Workload};
use super::world::World;
use super::{Chance, Config, Layout, Simulation, Totals};

/// The event of a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// A container sends something.
    Packet(Key),
    /// Garden has made a container.
    Created(Key),
    /// The process in it answers.
    Running(Key),
    /// A task or a build ends.
    Ended(Key),
    /// A container is to go, because it was moved.
    Stop(Key),
    /// Garden has destroyed it.
    Destroyed(Key),
    /// An instance of a process is to start, if the process is still there.
    Start {
        app: usize,
        process: usize,
        index: u32,
    },
    /// All processes of an app are to start.
    Launch {
        app: usize,
    },
    /// rep checks all of a cell's containers.
    Bulk {
        cell: usize,
    },
    /// A cell logs something about no container.
    Noise {
        cell: usize,
    },
    /// Someone acts.
    Act,
    /// A deployment goes on.
    Deploy(Deployment),
    /// A cell that was emptied boots, or waits for its last containers.
    Boot {
        cell: usize,
    },
    /// A cell reboots without warning.
    Reboot,
    /// Someone changes a security group, or takes the last change back.
    Regroup,
    Undo,
    /// A listing of all security groups is made.
    List,
    /// The server of rules looks at Cloud Controller, and an agent at the server.
    Serve,
    Agent {
        cell: usize,
    },
}

/// A rolling deployment: instance by instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deployment {
    pub(super) app: usize,
    pub(super) old: usize,
    pub(super) new: usize,
    /// The instance that starts next.
    pub(super) next: u32,
    /// Whether it began with a canary, which is still watched.
    pub(super) canary: bool,
}

struct Due {
    at: i64,
    /// For events at equal times, the first that was planned comes first.
    order: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// A running simulation.
pub(super) struct Run<'s, S> {
    pub(super) config: Config,
    pub(super) era: &'static Facts,
    pub(super) now: i64,
    pub(super) start: i64,
    /// The random numbers of people and machines.
    pub(super) chance: Chance,
    /// The random numbers of containers' packets.
    pub(super) traffic: Chance,
    pub(super) world: World,
    pub(super) cells: Vec<Cell>,
    pub(super) slots: Slots,
    /// Actions that have not occurred yet, so that even a short simulation has each.
    pub(super) agenda: Vec<Action>,
    /// Whether the time is before the logs, so that nothing is logged.
    pub(super) silent: bool,
    /// lager's session numbers.
    session: u64,
    /// Packets that were logged.
    pub(super) packets: u64,
    /// The GUIDs of all instances, where GUIDs collide.
    given: Vec<String>,
    pub(super) extra: Extra,
    /// Rules, and the programs that enforce them; `None` without rules in the configuration.
    pub(super) enforcement: Option<Enforcement>,
    queue: BinaryHeap<Reverse<Due>>,
    planned: u64,
    pub(super) output: Output<'s, S>,
}

/// The numbers of files that only damage makes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extra {
    forwarded: Option<usize>,
    relayed: Option<usize>,
    pub(super) drain: Option<usize>,
}

impl Extra {
    fn of(damage: &Damage, files: &mut Vec<String>) -> Self {
        let mut file = |name: &str, is_there: bool| {
            is_there.then(|| {
                files.push(name.to_owned());
                files.len() - 1
            })
        };
        Self {
            forwarded: file("forwarded.log", damage.forwarded),
            relayed: file("relay.log", damage.relayed),
            drain: file("drain.log", damage.forged > 0.0),
        }
    }
}

/// The files.
pub(super) struct Output<'s, S> {
    sink: &'s mut S,
    ways: Vec<Way>,
    pub(super) chance: Chance,
    totals: Totals,
}

impl<S: Sink> Output<'_, S> {
    fn write<'w>(
        sink: &'w mut S,
        totals: &'w mut Totals,
        file: usize,
    ) -> impl FnMut(u64, &Sent) -> io::Result<()> + 'w {
        move |number, sent| {
            totals.lines += 1;
            totals.bytes += sent.text.len() as u64 + 1;
            sink.line(file, &sent.text)?;
            totals.packets += u64::from(matches!(sent.about, About::Packet(_)));
            if let About::Packet(truth) | About::Logger(truth) = &sent.about {
                sink.truth(file, number, truth)?;
            }
            Ok(())
        }
    }
}

pub(super) fn run<S: Sink>(
    config: &Config,
    sink: &mut S,
    mut progress: impl FnMut(u32, &Totals),
) -> io::Result<Simulation> {
    let mut run = Run::new(config, sink)?;
    let end = run.start + i64::from(config.minutes) * MINUTE;
    let mut minutes = 0;
    while let Some(Reverse(due)) = run.queue.pop() {
        if due.at >= end {
            break;
        }
        while due.at >= run.start + i64::from(minutes + 1) * MINUTE {
            minutes += 1;
            progress(minutes, &run.output.totals);
        }
        // The kernel's printing has taken its time.
        run.now = run.now.max(due.at);
        run.happen(due.event)?;
    }
    run.finish()?;
    let groups = run.enforcement.map(|of| of.groups).unwrap_or_default();
    let cells = run.cells.iter().map(|cell| cell.host.id.clone()).collect();
    let (history, totals, start) = (run.world.history, run.output.totals, run.start);
    Ok(Simulation { history, totals, groups, cells, start, end })
}

impl<'s, S: Sink> Run<'s, S> {
    fn new(config: &Config, sink: &'s mut S) -> io::Result<Self> {
        let era = config.era.facts();
        let config = &with_headers_as_damaged(config);
        let mut chance = Chance::new(config.seed);
        let (traffic, damage, mut clocks) = (chance.fork(), chance.fork(), chance.fork());
        let middle = i64::from(config.minutes) * MINUTE / 2;
        let is_new_year = config.damage.new_year;
        let start = if is_new_year { NEW_YEAR * SECOND - middle } else { era.start * SECOND };
        let cells: Vec<_> =
            (0..config.cells.max(1)).map(|n| new_cell(config, start, n, &mut clocks)).collect();
        let mut files = config.layout.files(cells.len());
        let extra = Extra::of(&config.damage, &mut files);
        sink.begin(&files)?;
        let mut run = Self {
            config: config.clone(),
            era,
            now: start,
            start,
            chance,
            traffic,
            world: World::default(),
            cells,
            slots: Slots::default(),
            agenda: Vec::new(),
            silent: false,
            session: 0,
            packets: 0,
            given: Vec::new(),
            extra,
            enforcement: None,
            queue: BinaryHeap::new(),
            planned: 0,
            output: Output {
                sink,
                ways: files.iter().map(|_| Way::default()).collect(),
                chance: damage,
                totals: Totals::default(),
            },
        };
        run.populate();
        for cell in 0..run.cells.len() {
            let (bulk, noise) = (run.gap(30 * SECOND), run.gap(20 * SECOND));
            run.plan(bulk, Event::Bulk { cell });
            run.plan(noise, Event::Noise { cell });
        }
        let first = run.gap(4 * SECOND);
        run.plan(first, Event::Act);
        if run.config.damage.reboots_per_hour > 0 {
            run.plan_reboot();
        }
        Ok(run)
    }

    /// Returns a time from zero to this, evenly distributed.
    pub(super) fn gap(&mut self, most: i64) -> i64 {
        self.chance.between(0, most)
    }

    /// Plans an event after a time.
    pub(super) fn plan(&mut self, after: i64, event: Event) {
        self.planned += 1;
        self.queue.push(Reverse(Due { at: self.now + after.max(1), order: self.planned, event }));
    }

    fn happen(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Packet(key) if self.slots.holds(key) => self.packet(key),
            Event::Created(key) if self.slots.holds(key) => self.created(key),
            Event::Running(key) if self.slots.holds(key) => self.running(key.slot),
            Event::Ended(key) if self.slots.holds(key) => {
                self.lager(key.slot, Message::TaskCompleting)?;
                self.stop(key.slot, false)
            }
            Event::Stop(key) if self.slots.holds(key) => self.stop(key.slot, true),
            Event::Destroyed(key) if self.slots.holds(key) => self.destroyed(key.slot),
            Event::Packet(_)
            | Event::Created(_)
            | Event::Running(_)
            | Event::Ended(_)
            | Event::Stop(_)
            | Event::Destroyed(_) => Ok(()),
            Event::Start { app, process, index } => {
                self.start_instance(app, process, index).map(drop)
            }
            Event::Launch { app } => self.launch(app),
            Event::Bulk { cell } => self.bulk(cell),
            Event::Noise { cell } => self.noise(cell),
            Event::Act => self.act(),
            Event::Deploy(deployment) => self.deploy(deployment),
            Event::Boot { cell } => {
                self.boot(cell);
                Ok(())
            }
            Event::Reboot => self.reboot(),
            Event::Regroup => {
                self.regroup();
                Ok(())
            }
            Event::Undo => {
                self.undo();
                Ok(())
            }
            Event::List => {
                self.list();
                Ok(())
            }
            Event::Serve => {
                self.serve();
                Ok(())
            }
            Event::Agent { cell } => self.agent(cell),
        }
    }

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

    fn created(&mut self, key: Key) -> io::Result<()> {
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

    fn running(&mut self, slot: usize) -> io::Result<()> {
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

    fn destroyed(&mut self, slot: usize) -> io::Result<()> {
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
    fn bulk(&mut self, cell: usize) -> io::Result<()> {
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

    /// Writes a lager line about a container.
    pub(super) fn lager(&mut self, slot: usize, message: Message) -> io::Result<()> {
        if !self.era.rep || self.silent {
            return Ok(());
        }
        self.session += 1;
        let container = &self.slots[slot];
        if container.is_unseen {
            return Ok(());
        }
        let facts = Arc::clone(&container.facts);
        let cell = &self.cells[container.cell];
        let names = container.app.map(|app| &*self.world.apps[app].names);
        let context = Context {
            era: self.era,
            facts: &facts,
            names,
            cell_id: &cell.rep_name,
            cell_ip: cell.host.ip,
            session: self.session,
            wall: cell.clock.wall(self.now),
        };
        let mut json = Vec::with_capacity(1024);
        lager::write(&mut json, message, &context);
        let naming = message.names(facts.workload);
        self.send_lager(container.cell, &json, &About::Container { facts, naming })
    }

    /// Writes into the log stream of an app, as a drain forwards it, that rules were updated. Only
    /// silk's agent writes to the part `CELL`.
    pub(super) fn say_updated(&mut self, slot: usize, part: &str) -> io::Result<()> {
        let container = &self.slots[slot];
        let facts = Arc::clone(&container.facts);
        let is_hidden = self.silent || container.is_unseen;
        let (Some(app), Some(index), false) = (facts.app, facts.index, is_hidden) else {
            return Ok(());
        };
        let cell = container.cell;
        let mut text = b"<14>1 ".to_vec();
        clock::rfc3339(&mut text, self.cells[cell].clock.wall(self.now), 6, "+00:00");
        let handle = &facts.handle;
        let _ = write!(
            text,
            " org.space.app {app} [{part}/{index}] - [tags@47450 instance_id=\"{index}\" \
             process_instance_id=\"{handle}\"] Security group rules were updated"
        );
        let file = self.config.layout.file(cell, true);
        let about = About::Container { facts, naming: false };
        self.send(file, Sent { text, about, lager: false, piece: Piece::Whole })
    }

    /// Writes a lager line about no container.
    pub(super) fn lager_noise(&mut self, cell: usize) -> io::Result<()> {
        if !self.era.rep {
            return Ok(());
        }
        self.session += 1;
        let mut json = Vec::new();
        lager::noise(&mut json, self.era, self.cells[cell].clock.wall(self.now), self.session);
        self.send_lager(cell, &json, &About::Noise)
    }

    fn send_lager(&mut self, cell: usize, json: &[u8], about: &About) -> io::Result<()> {
        let damage = self.config.damage;
        let gone =
            i64::from(self.config.minutes) * MINUTE / 100 * i64::from(damage.rotated_percent);
        if self.now - self.start < gone {
            return Ok(());
        }
        let envelope = self.config.envelope;
        // `logger` takes its own header into account.
        let most = if damage.split_at_1024 { 1024 - 24 } else { usize::MAX };
        let pieces = json.len().div_ceil(most);
        let through: &[Program] = if damage.rep_twice {
            &[Program::Logger, Program::Blackbox]
        } else {
            &[Program::Logger]
        };
        let file = self.config.layout.file(cell, true);
        let wall = self.stamp(cell);
        for program in through {
            // Blackbox checks its file once in a second.
            let late = if *program == Program::Blackbox { 700 * MILLI } else { MILLI };
            for (n, piece) in json.chunks(most).enumerate() {
                let mut text = Vec::with_capacity(piece.len() + 160);
                envelope.lager(&mut text, &self.cells[cell].host, wall + late, *program, piece);
                let piece = match (pieces, n) {
                    (1, _) => Piece::Whole,
                    (_, 0) => Piece::First,
                    _ => Piece::Later,
                };
                self.send(file, Sent { text, about: about.clone(), lager: true, piece })?;
            }
        }
        Ok(())
    }

    /// Writes a kernel message of a cell.
    pub(super) fn kernel(
        &mut self,
        cell: usize,
        text: &[u8],
        truth: Option<Truth>,
    ) -> io::Result<()> {
        self.packets += u64::from(truth.is_some());
        let stamp = self.stamp(cell);
        let Cell { host, clock, .. } = &mut self.cells[cell];
        let (wall, uptime) = (clock.wall(self.now), clock.uptime(self.now));
        let truth = truth.map(|truth| Truth { packet: self.packets, wall, ..truth });
        let damage = self.config.damage;
        let has_logger = self.era.network == super::era::Network::Silk;
        if damage.logger_only && has_logger {
            return truth.map_or(Ok(()), |truth| self.logger(cell, wall, text, truth));
        }
        let mut line = Vec::with_capacity(text.len() + 128);
        self.config.envelope.kernel(&mut line, host, stamp, uptime, text);
        let file = self.config.layout.file(cell, false);
        let copy = truth.as_ref().map(|truth| Truth { copy: true, ..truth.clone() });
        let about = truth.map_or(About::Noise, About::Packet);
        self.send(file, Sent { text: line, about, lager: false, piece: Piece::Whole })?;
        let late =
            if damage.relayed { SECOND + self.output.chance.between(0, 3 * SECOND) } else { 0 };
        let ways = [
            (self.extra.forwarded, super::Envelope::Rfc5424, stamp),
            (self.extra.relayed, super::Envelope::Rfc3164, stamp + late),
        ];
        for (file, envelope, stamp) in ways {
            let Some(file) = file else { continue };
            let mut text_again = Vec::with_capacity(text.len() + 256);
            let host = &mut Host { ..self.cells[cell].host.clone() };
            envelope.kernel(&mut text_again, host, stamp, uptime, text);
            let about = copy.clone().map_or(About::Noise, About::Packet);
            self.send(file, Sent { text: text_again, about, lager: false, piece: Piece::Whole })?;
        }
        if let Some(truth) = &copy {
            self.fold(cell, (stamp, uptime), text, truth)?;
        }
        match copy.filter(|_| damage.logger && has_logger) {
            Some(truth) => self.logger(cell, wall, text, truth),
            None => Ok(()),
        }
    }

    /// Writes one line about further equal messages, as rsyslog does, if the format has a header.
    fn fold(
        &mut self,
        cell: usize,
        (stamp, uptime): (i64, u64),
        text: &[u8],
        truth: &Truth,
    ) -> io::Result<()> {
        use super::Envelope::{Console, DevKmsg, Journal};
        let envelope = self.config.envelope;
        if matches!(envelope, Console | DevKmsg | Journal)
            || !self.output.chance.hits(self.config.damage.folded)
        {
            return Ok(());
        }
        self.packets += 1;
        let truth = Truth { packet: self.packets, copy: false, ..truth.clone() };
        let times = 2 + self.output.chance.below(3);
        let mut line = Vec::with_capacity(text.len() + 160);
        let message = Folded { times, uptime, text };
        envelope.folded(&mut line, &self.cells[cell].host, stamp + 2 * SECOND, &message);
        let file = self.config.layout.file(cell, false);
        let about = About::Packet(truth);
        self.send(file, Sent { text: line, about, lager: false, piece: Piece::Whole })
    }

    /// Returns the time in the header of a cell's line now; the cell's zone follows.
    pub(super) fn stamp(&mut self, cell: usize) -> i64 {
        let Cell { host, clock, .. } = &mut self.cells[cell];
        let stamp = clock.stamped(self.now);
        let middle = self.start + i64::from(self.config.minutes) * MINUTE / 2;
        host.ahead = self.config.damage.zone.map_or(0, |zone| zone.ahead(stamp, middle));
        stamp
    }

    /// Logs as iptables-logger, which reads the kernel's line a little later, and looks up the
    /// container of the address.
    fn logger(&mut self, cell: usize, wall: i64, text: &[u8], truth: Truth) -> io::Result<()> {
        let stamp = self.stamp(cell);
        let container = truth.container.clone();
        let Some(facts) = container.as_deref() else { return Ok(()) };
        let is_named = facts.workload != Workload::HealthCheck;
        let truth = if self.config.damage.logger_only && is_named {
            // This is the only line, and it names the container.
            Truth { names: super::Names::Container, copy: false, ..truth }
        } else {
            truth
        };
        let mut json = Vec::with_capacity(700);
        let wall = wall + 250 * MILLI;
        if !lager::logger(&mut json, wall, text, facts, self.cells[cell].host.ip) {
            return Ok(());
        }
        let mut line = Vec::with_capacity(json.len() + 160);
        let Cell { host, .. } = &self.cells[cell];
        let late = 250 * MILLI + MILLI;
        self.config.envelope.lager(&mut line, host, stamp + late, Program::Blackbox, &json);
        let file = self.config.layout.file(cell, true);
        let about = About::Logger(truth);
        self.send(file, Sent { text: line, about, lager: true, piece: Piece::Whole })
    }

    pub(super) fn send(&mut self, file: usize, line: Sent) -> io::Result<()> {
        let Output { sink, ways, chance, totals } = &mut self.output;
        let mut write = Output::write(*sink, totals, file);
        ways[file].send(&self.config.damage, chance, line, &mut write)
    }

    fn finish(&mut self) -> io::Result<()> {
        for slot in self.slots.all() {
            self.output.sink.life(&life(&self.slots[slot], None))?;
        }
        let Output { sink, ways, totals, .. } = &mut self.output;
        for (file, way) in ways.iter_mut().enumerate() {
            way.finish(&mut Output::write(*sink, totals, file))?;
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

fn life(container: &Container, destroyed: Option<i64>) -> Life {
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

/// 2024-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_704_067_200;

/// Returns the configuration with the headers that its damage requires.
fn with_headers_as_damaged(config: &Config) -> Config {
    use super::Envelope::{Files, MetronShown, Rfc3164};
    let Damage { zone, nameless, .. } = config.damage;
    let envelope = match config.envelope {
        Rfc3164 | MetronShown if zone.is_some() => config.envelope,
        _ if zone.is_some() => Rfc3164,
        Rfc3164 => Rfc3164,
        _ if nameless => Files,
        envelope => envelope,
    };
    Config { envelope, ..config.clone() }
}

/// Returns the intervals in which the relay of a cell stalls, by true time. Logs begin and end with
/// punctual lines.
fn stalls(config: &Config, start: i64, clocks: &mut Chance) -> Vec<(i64, i64)> {
    let per_hour = i64::from(config.damage.stalls_per_hour);
    if per_hour == 0 {
        return Vec::new();
    }
    let whole = i64::from(config.minutes) * MINUTE;
    let mean = 60 * MINUTE / per_hour;
    let (mut at, mut all) = (whole / 20, Vec::new());
    loop {
        let from = at + clocks.between(0, mean);
        let to = from + clocks.between(mean / 4, mean).min(15 * MINUTE);
        if to > whole - whole / 20 {
            return all;
        }
        all.push((start + from, start + to));
        at = to + MINUTE / 2;
    }
}

fn new_cell(config: &Config, start: i64, n: usize, clocks: &mut Chance) -> Cell {
    let id = clocks.cc_guid().to_string();
    let (skew, drift) = (config.damage.skew_seconds, config.damage.drift_ppm);
    let clock = Clock {
        start,
        skew: clocks.between(-skew, skew + 1) * SECOND,
        drift_ppm: clocks.between(-drift, drift + 1),
        booted: start - clocks.between(MINUTE, 60 * 24 * 60 * MINUTE),
        stalls: stalls(config, start, clocks),
    };
    let ip = Ipv4Addr::from_bits(u32::from_be_bytes([10, 0, 16, 15]) + n as u32);
    let is_nameless = config.damage.nameless;
    let host = Host { ip, id: id.clone(), index: n, sequence: 0, is_nameless, ahead: 0 };
    // Diego called cells after job and index, then job, index and GUID, and at last by the
    // instance's GUID.
    let rep_name = match config.era.facts().handle {
        HandleForm::ProcessAndInstance => format!("cell_z1-{n}"),
        HandleForm::Guid36 => format!("diego_cell-{n}-{id}"),
        HandleForm::Guid28 => id,
    };
    Cell::new(host, rep_name, clock)
}

impl Layout {
    fn files(self, cells: usize) -> Vec<String> {
        match self {
            Self::PerLog => (0..cells)
                .flat_map(|n| ["kern", "rep"].map(|log| format!("cells/cell-{n:04}/{log}.log")))
                .collect(),
            Self::PerCell => {
                (0..cells).map(|n| format!("cells/cell-{n:04}/messages.log")).collect()
            }
            Self::One => vec!["messages.log".into()],
        }
    }

    const fn file(self, cell: usize, lager: bool) -> usize {
        match self {
            Self::PerLog => 2 * cell + lager as usize,
            Self::PerCell => cell,
            Self::One => 0,
        }
    }
}
