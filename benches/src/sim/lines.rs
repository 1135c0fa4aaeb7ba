//! Lines, from a message to the file that has it.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::cell::Cell;
use super::clock::{self, MILLI, MINUTE, SECOND};
use super::damage::{About, Damage, Piece, Sent, Way};
use super::envelope::{Folded, Host, Program};
use super::lager::{self, Context, Message};
use super::run::Run;
use super::sink::Sink;
use super::truth::{Truth, Workload};
use super::{Chance, Layout, Totals};

/// The numbers of files that only damage makes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extra {
    forwarded: Option<usize>,
    relayed: Option<usize>,
    pub(super) drain: Option<usize>,
}

impl Extra {
    pub(super) fn of(damage: &Damage, files: &mut Vec<String>) -> Self {
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
    pub(super) sink: &'s mut S,
    pub(super) ways: Vec<Way>,
    pub(super) chance: Chance,
    pub(super) totals: Totals,
}

impl<S: Sink> Output<'_, S> {
    pub(super) fn write<'w>(
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

impl<S: Sink> Run<'_, S> {
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
}

impl Layout {
    pub(super) fn files(self, cells: usize) -> Vec<String> {
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
