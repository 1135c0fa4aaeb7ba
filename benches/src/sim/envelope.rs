//! Envelopes: kernel and lager lines in the forms in which operators get them.

use std::io::Write as _;
use std::net::Ipv4Addr;

use super::clock::{printk, rfc3164, rfc3339};

/// The envelope of lines. Each kernel text and lager line can come in any of these.
///
/// Sources: loggregator `syslog_forwarder.conf.erb`, syslog-release
/// `syslog-release-forwarding-setup.conf.erb` by version, bosh-linux-stemcell-builder's
/// rsyslog.conf, `Documentation/ABI/testing/dev-kmsg`, journald's JSON export.
///
/// ```
/// use asg_benches::sim::Envelope;
/// assert_eq!("rfc5424".parse(), Ok(Envelope::Rfc5424));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Envelope {
    /// The files on a cell: `kern.log` in rsyslog's file format, `rep.stdout.log` bare.
    Files,
    /// Traditional syslog: no year, no zone.
    Rfc3164,
    /// metron agent's, as sent: `[job=… index=…]`.
    Metron,
    /// metron agent's, as an aggregator shows it, with the facility in the place of a host: the
    /// knowledge-base article's.
    MetronShown,
    /// syslog-release 4 and 5: `diego-cell/<id>`.
    JobPath,
    /// syslog-release 6 and 7: `cf/diego-cell/<id>`.
    DeploymentPath,
    /// syslog-release 9: `[bosh instance="cf/diego-cell/<id>"]`.
    BoshTag,
    /// syslog-release 11 and later: RFC 5424 with `[instance@47450 …]`.
    Rfc5424,
    /// `dmesg`: the kernel's uptime and nothing else; lager lines bare.
    Console,
    /// `/dev/kmsg`; lager lines bare.
    DevKmsg,
    /// `journalctl -o json`.
    Journal,
}

/// A cell, by all the names that envelopes use.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) ip: Ipv4Addr,
    /// The BOSH instance id, which is the host name too.
    pub(super) id: String,
    pub(super) index: usize,
    /// The number of kernel messages so far.
    pub(super) sequence: u64,
    /// Whether traditional headers call it `localhost`.
    pub(super) is_nameless: bool,
    /// How far traditional stamps are ahead of UTC, in nanoseconds.
    pub(super) ahead: i64,
}

/// The program of a line, as syslog sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// `logger -t vcap.rep`.
    Logger,
    /// blackbox, which tails the file.
    Blackbox,
}

impl Envelope {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Files,
        Self::Rfc3164,
        Self::Metron,
        Self::MetronShown,
        Self::JobPath,
        Self::DeploymentPath,
        Self::BoshTag,
        Self::Rfc5424,
        Self::Console,
        Self::DevKmsg,
        Self::Journal,
    ];

    /// Returns its word on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Rfc3164 => "rfc3164",
            Self::Metron => "metron",
            Self::MetronShown => "metron-shown",
            Self::JobPath => "job-path",
            Self::DeploymentPath => "deployment-path",
            Self::BoshTag => "bosh-tag",
            Self::Rfc5424 => "rfc5424",
            Self::Console => "console",
            Self::DevKmsg => "dev-kmsg",
            Self::Journal => "journal",
        }
    }

    /// Writes a kernel message: `wall` in nanoseconds since 1970, `uptime` in microseconds.
    pub(super) fn kernel(
        self,
        out: &mut Vec<u8>,
        host: &mut Host,
        wall: i64,
        uptime: u64,
        text: &[u8],
    ) {
        host.sequence += 1;
        match self {
            Self::Console => {}
            Self::DevKmsg => {
                let _ = write!(out, "4,{},{uptime},-;", host.sequence);
                return out.extend(text);
            }
            Self::Journal => {
                let _ = write!(
                    out,
                    r#"{{"__REALTIME_TIMESTAMP":"{}","_SOURCE_MONOTONIC_TIMESTAMP":"{uptime}","PRIORITY":"4","_TRANSPORT":"kernel","SYSLOG_FACILITY":"0","SYSLOG_IDENTIFIER":"kernel","_HOSTNAME":"{}","MESSAGE":"#,
                    wall / 1_000,
                    host.id
                );
                json_text(out, text);
                return out.push(b'}');
            }
            _ => self.syslog(
                out,
                host,
                wall,
                Tag { priority: 4, facility: "kern", name: "kernel", proc_id: "-" },
            ),
        }
        printk(out, uptime);
        out.extend(text);
    }

    /// Writes a lager line, or a piece of one.
    pub(super) fn lager(
        self,
        out: &mut Vec<u8>,
        host: &Host,
        wall: i64,
        program: Program,
        json: &[u8],
    ) {
        let tag = match program {
            Program::Logger => {
                Tag { priority: 13, facility: "user", name: "vcap.rep", proc_id: "-" }
            }
            Program::Blackbox => {
                Tag { priority: 14, facility: "user", name: "rep", proc_id: "rs2" }
            }
        };
        match self {
            Self::Files | Self::Console | Self::DevKmsg => {}
            Self::Journal => {
                let _ = write!(
                    out,
                    r#"{{"__REALTIME_TIMESTAMP":"{}","PRIORITY":"5","_TRANSPORT":"syslog","SYSLOG_FACILITY":"1","SYSLOG_IDENTIFIER":"{}","_HOSTNAME":"{}","MESSAGE":"#,
                    wall / 1_000,
                    tag.name,
                    host.id
                );
                json_text(out, json);
                return out.push(b'}');
            }
            _ => {
                self.syslog(out, host, wall, tag);
                // `logger`'s messages begin with a space, which these templates keep.
                if matches!(
                    self,
                    Self::Metron | Self::JobPath | Self::DeploymentPath | Self::BoshTag
                ) {
                    out.push(b' ');
                }
            }
        }
        out.extend(json);
    }

    /// Writes a message that represents several, in a format with a header.
    pub(super) fn folded(self, out: &mut Vec<u8>, host: &Host, wall: i64, message: &Folded<'_>) {
        let tag = Tag { priority: 4, facility: "kern", name: "kernel", proc_id: "-" };
        self.syslog(out, host, wall, tag);
        let _ = write!(out, "message repeated {} times: [ ", message.times);
        printk(out, message.uptime);
        out.extend(message.text);
        out.push(b']');
    }

    fn syslog(self, out: &mut Vec<u8>, host: &Host, wall: i64, tag: Tag) {
        let Host { ip, id, index, is_nameless, ahead, .. } = host;
        let Tag { priority, facility, name, proc_id } = tag;
        let mut stamp = Vec::with_capacity(32);
        match self {
            Self::Rfc3164 | Self::MetronShown => rfc3164(&mut stamp, wall + ahead),
            _ => rfc3339(&mut stamp, wall, 6, "+00:00"),
        }
        let stamp = std::str::from_utf8(&stamp).expect("digits");
        let _ = match self {
            Self::Metron => {
                write!(out, "<{priority}>{stamp} {ip} {name} [job=diego_cell index={index}] ")
            }
            Self::MetronShown => {
                write!(out, "{stamp} {facility} {name} [job=diego_cell index={index}] ")
            }
            Self::JobPath => write!(out, "<{priority}>{stamp} {ip} {name} diego-cell/{id} "),
            Self::DeploymentPath => {
                write!(out, "<{priority}>{stamp} {ip} {name} cf/diego-cell/{id} ")
            }
            Self::BoshTag => {
                write!(
                    out,
                    "<{priority}>1{stamp} {ip} {name}: [bosh instance=\"cf/diego-cell/{id}\"] "
                )
            }
            Self::Rfc5424 => write!(
                out,
                "<{priority}>1 {stamp} {ip} {name} {proc_id} - [instance@47450 director=\"\" deployment=\"cf\" \
                 group=\"diego-cell\" az=\"z1\" id=\"{id}\"] "
            ),
            _ if *is_nameless => write!(out, "{stamp} localhost {name}: "),
            _ => write!(out, "{stamp} {id} {name}: "),
        };
    }
}

/// Equal messages of the kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folded<'a> {
    pub(super) times: u64,
    pub(super) uptime: u64,
    pub(super) text: &'a [u8],
}

#[derive(Clone, Copy)]
struct Tag {
    priority: u8,
    facility: &'static str,
    name: &'static str,
    proc_id: &'static str,
}

/// Writes a JSON string. All simulated text is ASCII.
fn json_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

impl std::str::FromStr for Envelope {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|envelope| envelope.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|envelope| envelope.name()).collect();
            format!("no envelope is called `{name}`; there are {}", names.join(", "))
        })
    }
}
