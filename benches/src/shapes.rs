//! Logs with much that is alike, of any size, so that tests and benches can double them. Attackers
//! can choose most of these shapes; the cost of each must be linear.

use std::convert::Infallible;
use std::fmt::Write as _;

use asg_core::{Correlation, Gathering, Ledger, Line, Origin, SourceId};

/// A name, and the log of so many lines.
pub type Shape = (&'static str, fn(usize) -> String);

/// All shapes.
pub const SHAPES: [Shape; 14] = [
    ("hosts that begin and end alike", |n| packets(n, |line| of_host(line, line))),
    ("instance ids that begin and end alike", |n| {
        packets(n, |line| Packet { instance: Some(line), ..Packet::at(line) })
    }),
    ("packet texts that begin alike", |n| {
        packets(n, |line| Packet { source: line, ..Packet::at(line) })
    }),
    ("packet texts that end alike", |n| {
        packets(n, |line| Packet {
            prefix: format!("OK_{line:08x}-ab07-40ad-79f9-8"),
            ..Packet::at(line)
        })
    }),
    ("one text from many machines", |n| {
        packets(n, |line| Packet { instance: Some(line), ..Packet::at(7) })
    }),
    ("one text at shuffled uptimes", |n| {
        packets(n, |line| Packet { uptime: Some(line * 7_919 % n), ..Packet::at(7) })
    }),
    ("one text and second with an uptime and without", |n| {
        packets(n, |line| Packet { uptime: (line % 2 == 0).then_some(line), ..Packet::at(7) })
    }),
    ("handles that begin alike, and packets of them", |n| {
        halves(n, |n| rep(&Container { number: n, ..Container::ONE }), |n| packet(&Packet::at(n)))
    }),
    ("text handles that begin alike, and packets of them", |n| {
        let handle = |n| format!("job-of-a-long-name-{n:08}");
        let packet_of =
            |n| packet(&Packet { prefix: "OK_job-of-a-long-name-0000".into(), ..Packet::at(n) });
        halves(n, |n| bare(&handle(n)), packet_of)
    }),
    ("cells and addresses of one handle", |n| {
        lines(n, |n| rep(&Container { cell: n, address: n, ..Container::ONE }))
    }),
    ("instances of one handle", |n| lines(n, |n| rep(&Container { index: n, ..Container::ONE }))),
    ("processes of one handle", |n| lines(n, |n| rep(&Container { process: n, ..Container::ONE }))),
    ("containers of one address, and packets from it", |n| {
        let container = |n| Container { number: n, address: 1, ..Container::ONE };
        halves(n, |n| rep(&container(n)), |n| packet(&Packet { is_c2c: true, ..Packet::at(n) }))
    }),
    ("iptables-logger's lines about one connection", |n| {
        halves(n, logger, |n| packet(&Packet::at(n)))
    }),
];

/// The output of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Flows.
    pub flows: usize,
    /// Bytes of all flows as JSON.
    pub bytes: usize,
}

/// Correlates a log, formats its flows, and saves and loads the evidence.
///
/// ```
/// use asg_benches::shapes::{SHAPES, run};
/// let (_, log) = SHAPES[0];
/// assert_eq!(run(&log(100)).flows, 100);
/// ```
#[must_use]
pub fn run(log: &str) -> Cost {
    let lines = || {
        let at = |line| Origin { source: SourceId(0), line };
        (1..).zip(log.lines()).map(move |(n, line)| (at(n), line.as_bytes()))
    };
    let mut gathering = Gathering::new();
    lines().for_each(|(origin, line)| gathering.ingest(origin, line));
    let Ok(mut gathered) = gathering.finish(|joiner| {
        lines().for_each(|(origin, line)| joiner.look(origin, line));
        Ok::<(), Infallible>(())
    });
    let Ok(()) = gathered.resolve(&mut asg_core::NoDirectory);
    let correlation = gathered.correlate();
    let cost = flows(&correlation, lines());
    let saved = correlation.ledger().to_bytes();
    let loaded = Ledger::from_bytes(&saved, SourceId(1)).expect("it was just saved");
    assert_eq!(loaded.len(), correlation.ledger().len());
    cost
}

fn flows<'a>(correlation: &Correlation, lines: impl Iterator<Item = (Origin, &'a [u8])>) -> Cost {
    let mut reader = correlation.reader();
    let mut cost = Cost { flows: 0, bytes: 0 };
    for (origin, text) in lines {
        reader.flows(origin, &Line::new(text), |flow| {
            cost.flows += 1;
            let json = serde_json::to_vec(&flow.to_output(|_| "a.log"));
            cost.bytes += json.map_or(0, |json| json.len());
        });
    }
    cost
}

fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    (0..n).fold(String::new(), |log, n| log + &line(n) + "\n")
}

/// Half of the lines of one kind, and half of the other.
fn halves(n: usize, one: impl Fn(usize) -> String, other: impl Fn(usize) -> String) -> String {
    lines(n / 2, one) + &lines(n / 2, other)
}

fn packets(n: usize, line: impl Fn(usize) -> Packet) -> String {
    lines(n, |n| packet(&line(n)))
}

/// The parts of a packet's line that differ.
struct Packet {
    prefix: String,
    host: Option<usize>,
    instance: Option<usize>,
    uptime: Option<usize>,
    source: usize,
    id: usize,
    is_c2c: bool,
}

impl Packet {
    /// The packet with this number. Packets differ in their uptime and IP ID only.
    fn at(number: usize) -> Self {
        let prefix = "OK_bfce786c-ab07-40ad-79f9-8".into();
        let (source, id) = (1, number % 60_000 + 1);
        Self { prefix, host: None, instance: None, uptime: Some(number), source, id, is_c2c: false }
    }
}

fn of_host(host: usize, number: usize) -> Packet {
    Packet { host: Some(host), ..Packet::at(number) }
}

fn packet(of: &Packet) -> String {
    let Packet { prefix, host, instance, uptime, source, id, is_c2c } = of;
    let mut line = String::new();
    let host = host.map_or_else(|| "10.0.16.15".into(), |n| format!("cell-{n:08}.cf.internal"));
    let _ = match instance {
        Some(n) => write!(
            line,
            "<4>1 2024-05-06T07:09:10.5Z {host} kernel - - [instance@47450 director=\"\" deployment=\"cf\" \
             group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-{n:08x}-9d1c-f3a575cd55ea\"] "
        ),
        None => write!(line, "2024-05-06T07:09:10.5+00:00 {host} kernel: "),
    };
    if let Some(uptime) = uptime {
        let _ = write!(line, "[{:>5}.{:06}] ", 600 + uptime / 1_000_000, uptime % 1_000_000);
    }
    let address = [10, source >> 16 & 255, source >> 8 & 255, source & 255];
    let address = address.map(|part| part.to_string()).join(".");
    let (prefix, ends) = if *is_c2c {
        let ends = format!("IN=silk-vtep OUT=s-010255073004 SRC={address} DST=10.255.73.4");
        ("DENY_C2C_d5978989-1401-49ff-", ends)
    } else {
        (prefix.as_str(), format!("IN=s-010255073003 OUT=eth0 SRC={address} DST=8.8.8.8"))
    };
    let _ = write!(
        line,
        "{prefix} {ends} LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 \
         RES=0x00 SYN URGP=0 "
    );
    line
}

/// The parts of a container's line that differ.
#[derive(Clone, Copy)]
struct Container {
    number: usize,
    cell: usize,
    address: usize,
    index: usize,
    process: usize,
}

impl Container {
    const ONE: Self = Self { number: 0, cell: 0, address: 1, index: 0, process: 0 };
}

fn rep(of: &Container) -> String {
    let Container { number, cell, address, index, process } = of;
    let handle = format!("bfce786c-ab07-40ad-79f9-8{number:03x}{:08x}", number >> 12);
    let address = [10, address >> 16 & 255, address >> 8 & 255, address & 255];
    let address = address.map(|part| part.to_string()).join(".");
    format!(
        r#"{{"timestamp":"2024-05-06T07:{:02}:{:02}Z","level":"info","source":"rep","message":"rep.executing-container-operation.ordinary-lrp-processor.process-running-container.bbs-start-actual-lrp","data":{{"container-guid":"{handle}","lrp-instance-key":{{"instance_guid":"{handle}","cell_id":"cell-{cell}"}},"lrp-key":{{"process_guid":"bc6f229d-5e4a-4c41-a63f-{process:012x}-1c0d4ae2-93f4-4c5e-b3b1-2f1b0f9a7d10","index":{index},"domain":"cf-apps"}},"net_info":{{"address":"10.0.16.15","ports":[],"instance_address":"{address}"}}}}}}"#,
        number / 60 % 60,
        number % 60,
    )
}

/// A line that shows a handle and nothing else.
fn bare(handle: &str) -> String {
    format!(
        r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"guardian","message":"guardian.create.created","data":{{"handle":"{handle}"}}}}"#
    )
}

fn logger(number: usize) -> String {
    format!(
        r#"{{"timestamp":"2024-05-06T07:09:{:02}.{:06}Z","level":"info","source":"cfnetworking.iptables","message":"cfnetworking.iptables.egress-allowed","data":{{"packet":{{"direction":"egress","allowed":true,"src_ip":"10.0.0.1","dst_ip":"8.8.8.8","src_port":51858,"dst_port":80,"protocol":"TCP","mark":"","icmp_type":0,"icmp_code":0}},"source":{{"container_id":"bfce786c-ab07-40ad-79f9-8f21","app_guid":"bc6f229d-5e4a-4c41-a63f-e8795496c283","host_ip":"10.0.16.15"}}}}}}"#,
        10 + number / 1_000_000,
        number % 1_000_000,
    )
}
