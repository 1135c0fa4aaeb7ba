//! The clockwork: what happens, in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::Ipv4Addr;

use super::cell::{Cell, Slots};
use super::clock::{Clock, MINUTE, SECOND};
use super::damage::{Damage, Way};
use super::egress::Enforcement;
use super::envelope::Host;
use super::era::{Facts, HandleForm};
use super::event::{Due, Event};
use super::instances::life;
use super::lager::Message;
use super::life::Action;
use super::lines::{Extra, Output};
use super::sink::Sink;
use super::world::World;
use super::{Chance, Config, Simulation, Totals};

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
    pub(super) session: u64,
    /// Packets that were logged.
    pub(super) packets: u64,
    /// The GUIDs of all instances, where GUIDs collide.
    pub(super) given: Vec<String>,
    pub(super) extra: Extra,
    /// Rules, and the programs that enforce them; `None` without rules in the configuration.
    pub(super) enforcement: Option<Enforcement>,
    queue: BinaryHeap<Reverse<Due>>,
    planned: u64,
    pub(super) output: Output<'s, S>,
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
