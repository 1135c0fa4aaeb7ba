//! A small log of one foundation's cells, made from a seed: 80 % packet lines, 6 % lager lines
//! about a container, 14 % others.
//!
//! The benches measure on it. It is text of the right shape and mixture without a history: the
//! foundation simulator has one, with the containers of each time.

use std::fmt::Write as _;

/// The number of containers in the log.
pub const CONTAINERS: u64 = 500;

/// The kind of a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A packet, in about 310 bytes.
    Packet,
    /// A lager line of rep's with a process GUID, in about 630.
    Rep,
    /// Anything else: lager lines without a container, the kernel's other messages, other programs.
    Other,
}

/// Returns a log of so many lines, each with its line feed. Equal seeds give equal logs.
///
/// ```
/// let log = asg_benches::mixed::log(1_000, 1);
/// assert_eq!(log, asg_benches::mixed::log(1_000, 1));
/// assert_eq!(log.lines().count(), 1_000);
/// let packets = log.lines().filter(|line| line.contains(" OUT=")).count();
/// assert!((760..840).contains(&packets), "{packets}");
/// ```
#[must_use]
pub fn log(lines: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut out = String::with_capacity(lines * 320);
    for n in 0..lines {
        let kind = match dice.below(100) {
            0..80 => Kind::Packet,
            80..86 => Kind::Rep,
            _ => Kind::Other,
        };
        line(&mut out, kind, n as u64, &mut dice);
    }
    out
}

/// Returns a log of one kind of line only.
///
/// ```
/// use asg_benches::mixed::{Kind, only};
/// assert!(only(Kind::Packet, 100, 1).lines().all(|line| line.contains(" OUT=eth0 ")));
/// assert!(only(Kind::Rep, 100, 1).lines().all(|line| line.contains("process_guid")));
/// ```
#[must_use]
pub fn only(kind: Kind, lines: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut out = String::with_capacity(lines * 320);
    for n in 0..lines {
        line(&mut out, kind, n as u64, &mut dice);
    }
    out
}

fn line(out: &mut String, kind: Kind, n: u64, dice: &mut Dice) {
    let container = Container::new(dice.below(CONTAINERS));
    match kind {
        Kind::Packet => packet(out, &container, n, dice),
        Kind::Rep => rep(out, &container, n),
        Kind::Other => other(out, &container, n, dice),
    }
    out.push('\n');
}

/// splitmix64: small, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// One container; everything follows from its number.
struct Container {
    number: u64,
    handle: String,
    process_guid: String,
    cell: u64,
}

impl Container {
    fn new(number: u64) -> Self {
        let mut dice = Dice(number ^ 0xa5a5_0000);
        let handle = guid(&mut dice)[..28].to_owned();
        let process_guid = format!("{}-{}", guid(&mut dice), guid(&mut dice));
        Self { number, handle, process_guid, cell: number % 20 }
    }
}

fn guid(dice: &mut Dice) -> String {
    let (a, b) = (dice.next(), dice.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0x3fff | 0x4000,
        b & 0xffff_ffff_ffff
    )
}

/// Writes a header. Half of the foundation's cells send lines as in the knowledge-base article,
/// half write files as stemcells do since 2017.
fn header(out: &mut String, program: &str, cell: u64, n: u64) {
    let seconds = n / 50;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let facility = if program == "kernel" { "kern" } else { "user" };
    let _ = if cell.is_multiple_of(2) {
        write!(
            out,
            "Jun {:2} {hour:02}:{minute:02}:{second:02} {facility} {program} [job=diego_cell index={cell}] ",
            16 + seconds / 86_400 % 14
        )
    } else {
        write!(
            out,
            "2017-06-{:02}T{hour:02}:{minute:02}:{second:02}.{:06}+00:00 10.0.16.{cell} {program}: ",
            16 + seconds / 86_400 % 14,
            n % 50 * 20_000
        )
    };
    if program == "kernel" {
        let _ = write!(out, "[{}.{:06}] ", 2_681_198 + seconds, n % 50 * 20_000 + cell);
    }
}

fn packet(out: &mut String, container: &Container, n: u64, dice: &mut Dice) {
    header(out, "kernel", container.cell, n);
    let prefix = match container.number % 3 {
        0 => format!("{}IN=", &container.handle),
        1 => format!("OK_{} IN=", &container.handle[..25]),
        _ => format!("DENY_{} IN=", &container.handle[..23]),
    };
    let (a, b) = (container.number / 250, container.number % 250 + 1);
    let _ = write!(
        out,
        "{prefix}s-010255{a:03}{b:03} OUT=eth0 MAC=aa:aa:0a:ff:{a:02x}:{b:02x}:ee:ee:0a:ff:{a:02x}:{b:02x}:08:00 \
         SRC=10.255.{a}.{b} DST={}.{}.{}.{} ",
        dice.below(223) + 1,
        dice.below(256),
        dice.below(256),
        dice.below(254) + 1
    );
    let (id, port) = (dice.below(65_536), 1_024 + dice.below(64_000));
    let _ = match dice.below(100) {
        0..85 => write!(
            out,
            "LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=TCP SPT={port} DPT={} WINDOW={} RES=0x00 SYN URGP=0 ",
            [80, 443, 5432, 3306, 8080][dice.below(5) as usize],
            dice.below(65_536)
        ),
        85..97 => {
            let len = 20 + dice.below(400);
            write!(
                out,
                "LEN={} TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=UDP SPT={port} DPT=53 LEN={len} ",
                len + 20
            )
        }
        97..99 => write!(
            out,
            "LEN=84 TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=ICMP TYPE=8 CODE=0 ID={} SEQ={} ",
            dice.below(65_536),
            dice.below(1_000)
        ),
        _ => write!(
            out,
            "LEN=88 TOS=0x00 PREC=0xC0 TTL=63 ID={id} PROTO=ICMP TYPE=3 CODE=3 [SRC=8.8.8.8 DST=10.255.{a}.{b} LEN=60 \
             TOS=0x00 PREC=0x00 TTL=60 ID=7 DF PROTO=UDP SPT=53 DPT={port} LEN=40 ] "
        ),
    };
    if container.number.is_multiple_of(4) {
        let _ = write!(out, "MARK=0x{:x} ", container.number + 1);
    }
}

fn rep(out: &mut String, container: &Container, n: u64) {
    header(out, "vcap.rep", container.cell, n);
    let _ = write!(
        out,
        "{{\"timestamp\":\"{}.889604807\",\"source\":\"rep\",\"message\":\"rep.running-bulker.sync.batch-operations.\
         executing-container-operation.ordinary-lrp-processor.process-running-container.bbs-start-actual-lrp\",\
         \"log_level\":1,\"data\":{{\"container-guid\":\"{handle}\",\"container-state\":\"running\",\
         \"guid\":\"{handle}\",\"lrp-instance-key\":{{\"instance_guid\":\"{handle}\",\"cell_id\":\"diego_cell-{cell}\"}},\
         \"lrp-key\":{{\"process_guid\":\"{}\",\"index\":{},\"domain\":\"cf-apps\"}},\
         \"net_info\":{{\"address\":\"10.0.16.{cell}\",\"ports\":[{{\"container_port\":8080,\"host_port\":61024}}]}},\
         \"session\":\"27.1.{n}\"}}}}",
        1_497_654_859 + n / 50,
        container.process_guid,
        container.number % 5,
        handle = container.handle,
        cell = container.cell,
    );
}

fn other(out: &mut String, container: &Container, n: u64, dice: &mut Dice) {
    let (cell, seconds) = (container.cell, 1_497_654_859 + n / 50);
    let _ = match dice.below(4) {
        0 => {
            header(out, "vcap.rep", cell, n);
            write!(
                out,
                "{{\"timestamp\":\"{seconds}.124598265\",\"source\":\"rep\",\"message\":\"rep.sync-drift.getting-containers.\
                 containerstore-list.complete\",\"log_level\":1,\"data\":{{\"duration\":{},\"session\":\"9.{n}\"}}}}",
                dice.below(90_000)
            )
        }
        1 => {
            header(out, "vcap.route-emitter", cell, n);
            write!(
                out,
                "{{\"timestamp\":\"{seconds}.124598265\",\"source\":\"route-emitter\",\"message\":\"route-emitter.watcher.sync.\
                 emitting-messages\",\"log_level\":1,\"data\":{{\"messages\":{},\"session\":\"4.{n}\"}}}}",
                dice.below(900)
            )
        }
        2 => {
            header(out, "kernel", cell, n);
            write!(
                out,
                "IPv6: ADDRCONF(NETDEV_CHANGE): wbrdg-0afe{:04x}: link becomes ready",
                dice.below(65_536)
            )
        }
        _ => {
            header(out, "CRON[7341]", cell, n);
            write!(
                out,
                "(root) CMD (/usr/lib/sysstat/sa1 1 1 > /dev/null 2>&1 # {})",
                dice.below(10_000)
            )
        }
    };
}
