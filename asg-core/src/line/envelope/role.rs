//! Roles: the program that wrote a line, and what its lines can prove.
//!
//! An app, a user or a packet can put any text into a log. So the envelope decides what counts as
//! evidence, before the text is parsed as JSON or as a packet.
//!
//! | role | program | what its lines prove |
//! |---|---|---|
//! | kernel | `kernel`, `klogd`; a kernel stamp without a program | packets, notes of missing lines, times |
//! | packet logger | `ulogd` | packets, times |
//! | component | rep, Garden, the BBS and other programs that write lager lines | lager lines, times; also iptables-logger's, which some drains send under one name with rep's |
//! | logger | silk's `iptables-logger` | its own lines, times |
//! | router | `gorouter` | lines of its access log, times |
//! | relay | journald, rsyslog, loggregator's agents | notes of missing lines, times |
//! | stream | an app's log stream | tags, and lines of its parts `CELL` and `RTR` |
//! | forwarder | `logger`, `cat`, shippers | nothing; a complete header inside theirs is judged instead |
//! | speaker | every other program | nothing |
//! | unnamed | lines without a program | everything, because the caller chose the file |
//! | unseen | a message of journald's alone, whose entry names the program elsewhere | packets, times |
//!
//! Sources: loggregator `syslog_forwarder.conf.erb`, syslog-release `jobs/blackbox`, diego-release
//! and silk-release `jobs/*/templates`; the tags are those of `logger -t` and of blackbox, which
//! uses the name of the log's folder.

use std::sync::LazyLock;

use super::{Dialect, Envelope};
use crate::bytes::find::find;

/// The role of the program that wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The kernel.
    Kernel,
    /// A program that writes packets in the kernel's place.
    PacketLogger,
    /// A component of the platform that writes lager lines.
    Component,
    /// silk's iptables-logger.
    Logger,
    /// The router, whose access log quotes its clients.
    Router,
    /// A program that forwards logs, and notes the lines that it dropped.
    Relay,
    /// An app's log stream.
    Stream,
    /// A program that passes other lines on as text of its own.
    Forwarder,
    /// Any other program.
    Speaker,
    /// No program is named.
    Unnamed,
    /// The program is named in another line.
    Unseen,
}

/// A kind of statement that only some writers can prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// A packet passed or was denied.
    Packet,
    /// A lager line about a container.
    Lager,
    /// A line of iptables-logger about a packet and its container.
    Logger,
    /// A document about containers.
    Document,
    /// A line of the router's access log about a container.
    AccessLog,
    /// A line of an app's stream about its container.
    AppLog,
    /// A note with the number of missing lines.
    Note,
    /// The time at the writer.
    Time,
}

impl Role {
    /// All roles, each with what its lines prove.
    const TABLE: [(Self, &'static [Proof]); 11] = {
        use Proof::{AccessLog, AppLog, Document, Lager, Logger, Note, Packet, Time};
        [
            (Self::Kernel, &[Packet, Note, Time]),
            (Self::PacketLogger, &[Packet, Time]),
            (Self::Component, &[Lager, Logger, Time]),
            (Self::Logger, &[Logger, Time]),
            (Self::Router, &[AccessLog, Time]),
            (Self::Relay, &[Note, Time]),
            (Self::Stream, &[AppLog]),
            (Self::Forwarder, &[]),
            (Self::Speaker, &[]),
            (Self::Unnamed, &[Packet, Lager, Logger, Document, AccessLog, AppLog, Note, Time]),
            (Self::Unseen, &[Packet, Time]),
        ]
    };

    /// Returns whether a line of this role proves such a statement.
    ///
    /// ```
    /// use asg_core::Line;
    /// use asg_core::line::{Proof, Role};
    ///
    /// let role = |line: &str| Line::new(line.as_bytes()).envelope().role();
    /// assert!(role("Jun 16 23:18:38 cell-1 kernel: x").proves(Proof::Packet));
    /// assert!(!role("Jun 16 23:18:38 cell-1 sshd[7]: x").proves(Proof::Packet));
    /// assert_eq!(role("2024-05-06T07:08:03Z [APP/PROC/WEB/0] OUT x"), Role::Stream);
    /// ```
    #[must_use]
    pub fn proves(self, proof: Proof) -> bool {
        Self::TABLE[self as usize].1.contains(&proof)
    }

    /// Returns whether the platform wrote the line's text, as far as the envelope shows.
    ///
    /// ```
    /// use asg_core::Line;
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] hello");
    /// assert!(line.envelope().role().is_platform());
    /// ```
    #[must_use]
    pub const fn is_platform(self) -> bool {
        !matches!(self, Self::Stream | Self::Forwarder | Self::Speaker)
    }

    /// Returns whether a line of this role may be another's line, with a header of its own.
    pub(crate) const fn carries_lines(self) -> bool {
        !matches!(self, Self::Router | Self::Stream | Self::Speaker | Self::Unseen)
    }

    /// Returns the role of a program by the name that it logs under.
    pub(crate) fn of_program(program: &[u8]) -> Self {
        if program == b"kernel" {
            return Self::Kernel;
        }
        let name = program.strip_prefix(b"vcap.").unwrap_or(program);
        // blackbox may add the file: `rep/rep.stdout.log`.
        let name = &name[..find(b'/', name).unwrap_or(name.len())];
        let Some(letter) = name.first().map(u8::to_ascii_lowercase) else { return Self::Speaker };
        let known = BY_LETTER.get(usize::from(letter)).map_or(&[][..], Vec::as_slice);
        let found = known.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        found.map_or(Self::Speaker, |(_, role)| *role)
    }
}

/// Roles by the first letter of a program: each line without a cached header looks up one.
static BY_LETTER: LazyLock<[Vec<(&str, Role)>; 128]> = LazyLock::new(|| {
    let names = |(role, names): &(Role, &'static [&'static str])| {
        let role = *role;
        names.iter().map(move |name| (*name, role)).collect::<Vec<_>>()
    };
    let all: Vec<_> = PROGRAMS.iter().flat_map(names).collect();
    std::array::from_fn(|letter| {
        let is_its = |(name, _): &&(&str, Role)| usize::from(name.as_bytes()[0]) == letter;
        all.iter().filter(is_its).copied().collect()
    })
});

/// The programs of each role. Any other program is a speaker.
const PROGRAMS: [(Role, &[&str]); 7] = [
    (Role::Kernel, &["kernel", "klogd", "vmunix"]),
    (
        Role::Component,
        &[
            "rep",
            "executor",
            "garden",
            "garden-linux",
            "guardian",
            "gdn",
            "bbs",
            "auctioneer",
            "converger",
            "route_emitter",
            "route-emitter",
            "nsync",
            "nsync_listener",
            "nsync_bulker",
            "stager",
            "tps",
            "tps_listener",
            "tps_watcher",
            "cc_uploader",
            "file_server",
            "ssh_proxy",
            "locket",
            "silk-daemon",
            "silk-controller",
            "silk-cni",
            "garden-cni",
            "vxlan-policy-agent",
            "netmon",
            "policy-server",
            "policy-server-internal",
        ],
    ),
    (Role::Logger, &["iptables-logger"]),
    (Role::Router, &["gorouter"]),
    (Role::PacketLogger, &["ulogd", "ulogd2"]),
    (
        Role::Relay,
        &[
            "systemd-journald",
            "systemd-journal",
            "journal",
            "rsyslogd",
            "rsyslog",
            "imjournal",
            "metron_agent",
            "metron",
            "doppler",
            "loggregator",
            "loggregator_agent",
            "loggr-udp-forwarder",
            "loggr-syslog-agent",
            "loggr-forwarder-agent",
        ],
    ),
    (
        Role::Forwarder,
        &[
            // `logger` uses its user's name if no tag is given.
            "root",
            "logger",
            "cat",
            "tail",
            "tee",
            "dmesg",
            "journalctl",
            "systemd-cat",
            "syslog",
            "syslogd",
            "syslog-ng",
            "vector",
            "fluent-bit",
            "fluentbit",
            "fluentd",
            "google-fluentd",
            "td-agent",
            "filebeat",
            "journalbeat",
            "elastic-agent",
            "logstash",
            "promtail",
            "alloy",
            "grafana-agent",
            "telegraf",
            "nxlog",
            "otelcol",
            "otelcol-contrib",
            "remote_syslog",
            "remote_syslog2",
            "splunkd",
            "datadog-agent",
            "amazon-cloudwatch-agent",
            "blackbox",
            "cloudfoundry-blackbox",
        ],
    ),
];

impl Envelope<'_> {
    /// Returns the role of the program that wrote the line.
    ///
    /// ```
    /// use asg_core::Line;
    /// use asg_core::line::Role;
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] hello");
    /// assert_eq!(line.envelope().role(), Role::Kernel);
    /// ```
    #[must_use]
    pub fn role(&self) -> Role {
        if self.stream().is_some() || self.tags.is_some() {
            return Role::Stream;
        }
        match self.program {
            Some(program) => Role::of_program(program.as_bytes()),
            None if self.dialect == Dialect::JournalField => Role::Unseen,
            None => Role::Unnamed,
        }
    }

    /// Returns whether the line proves such a statement, by the program that wrote it.
    ///
    /// ```
    /// use asg_core::Line;
    /// use asg_core::line::Proof;
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] hello");
    /// assert!(line.envelope().proves(Proof::Packet));
    /// ```
    #[must_use]
    pub fn proves(&self, proof: Proof) -> bool {
        self.role().proves(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_proves_what_its_row_says_and_nothing_else() {
        use Proof::{AccessLog, AppLog, Document, Lager, Logger, Note, Packet, Time};
        let all = [Packet, Lager, Logger, Document, AccessLog, AppLog, Note, Time];
        for (n, (role, proofs)) in Role::TABLE.into_iter().enumerate() {
            assert_eq!(role as usize, n, "{role:?} is in another's row");
            for proof in all {
                assert_eq!(role.proves(proof), proofs.contains(&proof), "{role:?} {proof:?}");
            }
            assert_eq!(role.is_platform(), role.proves(Time), "{role:?}");
        }
    }

    #[test]
    fn each_program_has_one_role_and_a_program_of_none_is_a_speaker() {
        let mut seen = std::collections::BTreeSet::new();
        for (role, names) in PROGRAMS {
            for name in names {
                assert!(seen.insert(name), "{name} has two roles");
                for form in [(*name).to_owned(), format!("vcap.{name}"), format!("{name}/x.log")] {
                    assert_eq!(Role::of_program(form.as_bytes()), role, "{form}");
                }
            }
        }
        for program in [
            "sshd",
            "CRON",
            "systemd",
            "uaa",
            "vcap.uaa",
            "vcap.cloud_controller_ng",
            "repx",
            "",
            "vcap.",
            "/rep",
            "kernel ",
            "11111111-1111-4111-8111-111111111111",
            "[kernel]",
        ] {
            assert_eq!(Role::of_program(program.as_bytes()), Role::Speaker, "{program}");
        }
    }
}
