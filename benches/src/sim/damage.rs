//! Damage to lines on their way: they are lost, doubled, moved, cut, split.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Chance;
use super::truth::{ContainerFacts, Truth};

/// The kinds of damage, as shares of lines from 0 to 1 unless noted. Damage never changes the
/// events, only the lines that are left of them: with one seed, the packets are equal under any
/// damage but reboots, stalls, which delay them, colliding GUIDs and another date.
///
/// ```
/// use asg_benches::sim::Damage;
/// assert_eq!("none".parse(), Ok(Damage::NONE));
/// let damage: Damage = "lost-30".parse()?;
/// assert_eq!(damage.lost_rep, 0.3);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Damage {
    /// Lager lines that never arrive.
    pub lost_rep: f64,
    /// Kernel lines that never arrive.
    pub lost_kernel: f64,
    /// Lines that arrive twice.
    pub duplicated: f64,
    /// Lines that arrive behind up to 40 later ones.
    pub reordered: f64,
    /// Lines that break off anywhere.
    pub cut: f64,
    /// Lager lines break off at 1,024 bytes, as blackbox over UDP sends them.
    pub cut_at_1024: bool,
    /// Lager lines are split at 1,024 bytes, as `logger` does.
    pub split_at_1024: bool,
    /// Each lager line arrives through `logger` and through blackbox.
    pub rep_twice: bool,
    /// The share of the time, from its start, that is missing from rep's logs because they were
    /// rotated, in hundredths.
    pub rotated_percent: u32,
    /// The maximum error of a cell's clock, either way, in seconds.
    pub skew_seconds: i64,
    /// The maximum rate at which a cell's clock gains or loses, in millionths.
    pub drift_ppm: i64,
    /// The number of cells per hour that reboot without warning; their containers leave no last
    /// line.
    pub reboots_per_hour: u32,
    /// Each kernel line arrives a second time, forwarded as RFC 5424 into `forwarded.log`, and so
    /// may be lost or cut there.
    pub forwarded: bool,
    /// silk's iptables-logger writes a line about each packet beside rep's, in eras that have it.
    pub logger: bool,
    /// Handles that begin with the first 19 to 25 characters of another's, living or gone: chance
    /// never does that.
    pub colliding: f64,
    /// Containers without a surviving lager line.
    pub unseen: f64,
    /// The number of times per hour that a cell's relay stalls, for up to a quarter of an hour: it
    /// stamps all lines of that time when it goes on.
    pub stalls_per_hour: u32,
    /// The zone of headers, which then have traditional stamps.
    pub zone: Option<Zone>,
    /// New Year's midnight in UTC is in the middle.
    pub new_year: bool,
    /// Packets at which an app also prints a line that resembles the platform's.
    pub forged: f64,
    /// Kernel lines arrive through silk's iptables-logger only, in eras that have it.
    pub logger_only: bool,
    /// Packet lines that are followed by one that rsyslog has made of further packets.
    pub folded: f64,
    /// Each kernel line arrives a second time, through a relay that stamps it some seconds late in
    /// another format, in `relay.log`.
    pub relayed: bool,
    /// Headers call each machine `localhost`, where a format has only a host.
    pub nameless: bool,
}

/// A zone that traditional stamps do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// A number of minutes east of UTC.
    Fixed(i64),
    /// An hour east of UTC, and two from the middle of the logs on.
    SummerBegins,
    /// Two hours east of UTC, and one from the middle of the logs on.
    SummerEnds,
}

impl Zone {
    /// Returns how far clocks are ahead of UTC at an instant. `middle` is the middle of the logs.
    pub(super) const fn ahead(self, now: i64, middle: i64) -> i64 {
        let minutes = match self {
            Self::Fixed(minutes) => minutes,
            Self::SummerBegins => 60 + 60 * (now >= middle) as i64,
            Self::SummerEnds => 60 + 60 * (now < middle) as i64,
        };
        minutes * super::clock::MINUTE
    }
}

impl Damage {
    /// No damage.
    pub const NONE: Self = Self {
        lost_rep: 0.0,
        lost_kernel: 0.0,
        duplicated: 0.0,
        reordered: 0.0,
        cut: 0.0,
        cut_at_1024: false,
        split_at_1024: false,
        rep_twice: false,
        rotated_percent: 0,
        skew_seconds: 0,
        drift_ppm: 0,
        reboots_per_hour: 0,
        forwarded: false,
        logger: false,
        colliding: 0.0,
        unseen: 0.0,
        stalls_per_hour: 0,
        zone: None,
        new_year: false,
        forged: 0.0,
        logger_only: false,
        folded: 0.0,
        relayed: false,
        nameless: false,
    };

    /// The levels that have a name, the mildest first.
    pub const LEVELS: [(&'static str, Self); 21] = [
        ("none", Self::NONE),
        ("duplicates", Self { duplicated: 0.1, reordered: 0.1, rep_twice: true, ..Self::NONE }),
        (
            "two-ways",
            Self {
                duplicated: 0.02,
                reordered: 0.1,
                lost_kernel: 0.05,
                forwarded: true,
                logger: true,
                ..Self::NONE
            },
        ),
        ("colliding", Self { colliding: 0.3, ..Self::NONE }),
        ("unseen", Self { colliding: 0.25, unseen: 0.15, ..Self::NONE }),
        ("lost-30", Self { lost_rep: 0.3, lost_kernel: 0.05, ..Self::NONE }),
        ("lost-90", Self { lost_rep: 0.9, lost_kernel: 0.05, ..Self::NONE }),
        ("rotated", Self { rotated_percent: 60, ..Self::NONE }),
        ("cut", Self { cut: 0.1, cut_at_1024: true, ..Self::NONE }),
        ("clocks", Self { skew_seconds: 90, drift_ppm: 200, reboots_per_hour: 12, ..Self::NONE }),
        ("stalls", Self { stalls_per_hour: 8, ..Self::NONE }),
        ("stalls-colliding", Self { stalls_per_hour: 8, colliding: 0.25, ..Self::NONE }),
        ("zone", Self { zone: Some(Zone::Fixed(120)), ..Self::NONE }),
        ("summer-begins", Self { zone: Some(Zone::SummerBegins), ..Self::NONE }),
        ("summer-ends", Self { zone: Some(Zone::SummerEnds), ..Self::NONE }),
        ("new-year", Self { zone: Some(Zone::Fixed(-300)), new_year: true, ..Self::NONE }),
        ("forged", Self { forged: 0.1, colliding: 0.1, ..Self::NONE }),
        ("logger-only", Self { logger_only: true, ..Self::NONE }),
        (
            "relays",
            Self { folded: 0.05, relayed: true, reordered: 0.1, lost_kernel: 0.02, ..Self::NONE },
        ),
        ("nameless", Self { nameless: true, ..Self::NONE }),
        (
            "all",
            Self {
                lost_rep: 0.3,
                lost_kernel: 0.05,
                duplicated: 0.05,
                reordered: 0.1,
                cut: 0.05,
                cut_at_1024: false,
                split_at_1024: true,
                rep_twice: false,
                rotated_percent: 30,
                skew_seconds: 90,
                drift_ppm: 200,
                reboots_per_hour: 12,
                forwarded: true,
                logger: true,
                ..Self::NONE
            },
        ),
    ];
}

impl std::str::FromStr for Damage {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let level = Self::LEVELS.into_iter().find(|(known, _)| *known == name);
        level.map(|(_, damage)| damage).ok_or_else(|| {
            let names: Vec<_> = Self::LEVELS.iter().map(|(name, _)| *name).collect();
            format!("no damage is called `{name}`; there are {}", names.join(", "))
        })
    }
}

/// The subject of a line.
#[derive(Debug, Clone)]
pub(super) enum About {
    /// A packet.
    Packet(Truth),
    /// iptables-logger's line about a packet: it names the container and its app.
    Logger(Truth),
    /// A container: the line names its handle; `naming` if it also identifies the owner.
    Container { facts: Arc<ContainerFacts>, naming: bool },
    /// Neither.
    Noise,
}

/// A line on its way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) text: Vec<u8>,
    pub(super) about: About,
    /// Whether the line is lager's.
    pub(super) lager: bool,
    pub(super) piece: Piece,
}

/// The part of the written text that a line contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// All of it.
    Whole,
    /// Its beginning; `logger` has put the rest into other messages.
    First,
    /// Some of the rest.
    Later,
}

/// The path of one file's lines.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Lines written so far.
    written: u64,
    /// Delayed lines, each with the number of written lines for which it waits.
    waiting: Vec<(u64, Sent)>,
}

impl Way {
    /// Sends a line; `write` gets the lines that arrive, with their numbers.
    pub(super) fn send<E>(
        &mut self,
        damage: &Damage,
        chance: &mut Chance,
        mut line: Sent,
        write: &mut impl FnMut(u64, &Sent) -> Result<(), E>,
    ) -> Result<(), E> {
        if chance.hits(if line.lager { damage.lost_rep } else { damage.lost_kernel }) {
            return Ok(());
        }
        let whole = line.text.len();
        if line.lager && damage.cut_at_1024 {
            line.text.truncate(1024);
        }
        if chance.hits(damage.cut) {
            line.text.truncate(1 + chance.index(whole - 1));
        }
        let is_cut = line.text.len() < whole;
        match &mut line.about {
            About::Packet(truth) => truth.damaged = is_cut,
            About::Logger(truth) => {
                truth.damaged = is_cut;
                if let Some(facts) = &truth.container {
                    count(facts, true, &line.text, is_cut);
                }
            }
            About::Container { facts, naming } if line.piece != Piece::Later => {
                count(facts, *naming, &line.text, is_cut || line.piece == Piece::First);
            }
            About::Container { .. } | About::Noise => {}
        }
        let copy = chance.hits(damage.duplicated).then(|| Sent {
            text: line.text.clone(),
            about: match &line.about {
                About::Packet(truth) => About::Packet(Truth { copy: true, ..truth.clone() }),
                About::Logger(truth) => About::Logger(truth.clone()),
                _ => About::Noise,
            },
            ..line
        });
        for line in [Some(line), copy].into_iter().flatten() {
            if chance.hits(damage.reordered) {
                self.waiting.push((self.written + 1 + chance.below(40), line));
            } else {
                self.arrive(&line, write)?;
            }
        }
        Ok(())
    }

    /// Lets all delayed lines arrive.
    pub(super) fn finish<E>(
        &mut self,
        write: &mut impl FnMut(u64, &Sent) -> Result<(), E>,
    ) -> Result<(), E> {
        for (_, line) in std::mem::take(&mut self.waiting) {
            self.written += 1;
            write(self.written, &line)?;
        }
        Ok(())
    }

    fn arrive<E>(
        &mut self,
        line: &Sent,
        write: &mut impl FnMut(u64, &Sent) -> Result<(), E>,
    ) -> Result<(), E> {
        self.written += 1;
        write(self.written, line)?;
        while let Some(due) = self.waiting.iter().position(|(due, _)| *due <= self.written) {
            let (_, line) = self.waiting.remove(due);
            self.written += 1;
            write(self.written, &line)?;
        }
        Ok(())
    }
}

/// Counts what a surviving line still shows about its container: in a piece, only values that are
/// whole.
fn count(facts: &ContainerFacts, naming: bool, text: &[u8], partial: bool) {
    let has = |value: &str| {
        let quoted = format!("\"{value}\"");
        memchr::memmem::find(text, quoted.as_bytes()).is_some()
    };
    if partial && !has(&facts.handle) {
        return;
    }
    let process = facts.process_guid.as_deref();
    let named = naming && (!partial || process.is_none_or(has));
    let counter = if named { &facts.naming } else { &facts.bare };
    counter.fetch_add(1, Ordering::Relaxed);
}
