//! A mixed log, as a cell of 500 containers writes it: 80 % packets, 6 % rep lines with a process GUID, 14 % other lines.
//!
//! It is for measuring: always the same bytes for the same size, made in no time, and of the usual lines only.

use std::fmt::Write as _;

/// How many containers send packets.
pub const CONTAINERS: usize = 500;

/// Which lines a mixed log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All of them, in their usual shares.
    All,
    /// Packets only.
    Packets,
    /// rep lines with a process GUID only.
    Rep,
}

/// A log of so many lines.
///
/// ```
/// use asg_benches::mixed::{Kind, log};
/// use asg_core::{Line, Record};
///
/// let text = log(1_000, Kind::All);
/// let kinds = text.split_terminator('\n').map(|line| Record::read(&Line::new(line.as_bytes())).kind()).collect::<Vec<_>>();
/// let count = |kind| kinds.iter().filter(|k| **k == kind).count();
/// assert_eq!((kinds.len(), count("packet"), count("damaged")), (1_000, 800, 0));
/// assert_eq!(count("rep"), 60);
/// ```
#[must_use]
pub fn log(lines: usize, kind: Kind) -> String {
    let mut text = String::with_capacity(lines * 330);
    for n in 0..lines {
        // 50 lines: 40 packets, 3 rep lines, 7 others, spread evenly.
        match (kind, n * 7 % 50) {
            (Kind::Packets, _) | (Kind::All, 0..=39) => packet(&mut text, n as u64),
            (Kind::Rep, _) | (Kind::All, 40..=42) => rep(&mut text, n as u64),
            (Kind::All, _) => other(&mut text, n as u64),
        }
    }
    text
}

/// The handle of a container: a GUID of rep's making, cut to 28 characters.
#[must_use]
pub fn handle(container: u64) -> String {
    let [a, b] = [scatter(container), scatter(container ^ 0xffff)];
    format!(
        "{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:04x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        4 + (b & 3),
        (b >> 4) & 0xfff,
        (b >> 16) & 0xffff
    )
}

/// The same for a GUID of Cloud Controller's making, whole.
fn guid(number: u64) -> String {
    let [a, b] = [scatter(number), scatter(number ^ 0xabcd)];
    format!(
        "{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        8 + (b & 3),
        (b >> 4) & 0xfff,
        b >> 16
    )
}

fn packet(text: &mut String, n: u64) {
    let r = scatter(n);
    let container = r % CONTAINERS as u64;
    let (octet3, octet4) = (73 + container / 250, container % 250 + 2);
    let handle = handle(container);
    stamp(text, n);
    let _ = write!(text, "localhost kernel: [{:5}.{:06}] ", 637 + n / 5_000, n % 5_000 * 200);
    let _ = match r >> 20 & 15 {
        0 => write!(text, "DENY_{} ", &handle[..23]),
        _ => write!(text, "OK_{} ", &handle[..25]),
    };
    let _ = write!(
        text,
        "IN=s-010255{octet3:03}{octet4:03} OUT=eth0 MAC=aa:aa:0a:ff:{octet3:02x}:{octet4:02x}:ee:ee:0a:ff:{octet3:02x}:{octet4:02x}:08:00 \
         SRC=10.255.{octet3}.{octet4} DST=10.0.{}.{} ",
        r >> 8 & 255,
        r >> 16 & 255,
    );
    let (spt, id) = (32_768 + (r >> 32 & 0x6fff), r >> 40 & 0xffff);
    let _ = match r >> 24 & 7 {
        0..=2 => writeln!(
            text,
            "LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=UDP SPT={spt} DPT=53 LEN=41 "
        ),
        3 => writeln!(
            text,
            "LEN=84 TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=ICMP TYPE=8 CODE=0 ID={spt} SEQ=1 "
        ),
        _ => writeln!(
            text,
            "LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=TCP SPT={spt} DPT=443 WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x1 "
        ),
    };
}

fn rep(text: &mut String, n: u64) {
    let container = scatter(n) % CONTAINERS as u64;
    let handle = handle(container);
    let (app, version) = (guid(container), guid(container ^ 0x1_0000));
    stamp(text, n);
    let _ = write!(text, "localhost vcap.rep: {{\"timestamp\":\"2024-05-06T07:");
    let _ =
        write!(text, "{:02}:{:02}.{:06}000Z", n / 300_000 % 60, n / 5_000 % 60, n % 5_000 * 200);
    let _ = writeln!(
        text,
        "\",\"level\":\"info\",\"source\":\"rep\",\"message\":\"rep.running-bulker.sync.batch-operations.executing-container-operation.\
         ordinary-lrp-processor.process-running-container.bbs-start-actual-lrp\",\"data\":{{\"container-guid\":\"{handle}\",\
         \"container-state\":\"running\",\"guid\":\"{handle}\",\"lrp-instance-key\":{{\"instance_guid\":\"{handle}\",\"cell_id\":\
         \"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"}},\"lrp-key\":{{\"process_guid\":\"{app}-{version}\",\"index\":{},\"domain\":\
         \"cf-apps\"}},\"net_info\":{{\"address\":\"10.0.16.15\",\"ports\":[{{\"container_port\":8080,\"host_port\":60012}}],\
         \"instance_address\":\"10.255.{}.{}\",\"preferred_address\":\"HOST\"}},\"session\":\"204.1.1\"}}}}",
        container % 4,
        73 + container / 250,
        container % 250 + 2,
    );
}

fn other(text: &mut String, n: u64) {
    stamp(text, n);
    let _ = match n % 3 {
        0 => writeln!(
            text,
            "localhost CRON[{n}]: (root) CMD (/var/vcap/bosh/bin/run-parts /etc/cron.hourly)"
        ),
        1 => writeln!(
            text,
            "localhost vcap.rep: {{\"timestamp\":\"1715000000.000000000\",\"source\":\"rep\",\"message\":\"rep.running-bulker.sync.\
             starting\",\"log_level\":1,\"data\":{{\"session\":\"204.{n}\"}}}}"
        ),
        _ => writeln!(
            text,
            "localhost systemd[1]: Started Session {n} of user root on a machine with nothing to say."
        ),
    };
}

/// `2024-05-06T07:09:10.581301+00:00 `, 5,000 lines a second.
fn stamp(text: &mut String, n: u64) {
    let (micros, seconds) = (n % 5_000 * 200, n / 5_000);
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    let _ = write!(text, "2024-05-06T07:{minute:02}:{second:02}.{micros:06}+00:00 ");
}

/// Bits that look random, the same for the same number (the finaliser of `MurmurHash3`, by Austin Appleby).
const fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}
