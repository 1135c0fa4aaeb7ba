//! The envelope: the header of a line, as some transport wrote it, and where the body begins.
//!
//! Ten years of Cloud Foundry have sent the same two kinds of line, kernel text and JSON, through a
//! dozen headers:
//!
//! | dialect | looks like |
//! |---|---|
//! | traditional syslog (RFC 3164), journald short | `Jun 16 23:18:38 host kernel: [2681198.826158] …` |
//! | `logread` of `OpenWrt` | `Mon Mar 23 13:16:49 2026 kern.warn kernel: [311423.870453] …` |
//! | rsyslog `FileFormat`, journald short-iso | `2018-04-03T17:05:02.358719+00:00 host kernel: [1468637.581122] …` |
//! | metron agent, as sent | `<4>2017-06-16T23:18:38.826301+00:00 10.0.16.15 kernel [job=diego_cell index=1] [268…] …` |
//! | metron agent, as an aggregator showed it | `Jun 16 23:18:38 kern kernel [job=diego_cell index=1] [2681198.826158] …` |
//! | syslog-release 4 to 7 | `<4>2016-04-23T10:00:00.123456+00:00 10.0.16.15 kernel cf/diego-cell/<id> […] …` |
//! | syslog-release 9 | `<4>12016-12-14T… 10.0.16.15 kernel: [bosh instance="cf/diego-cell/<id>"] […] …` |
//! | syslog-release 11 and later (RFC 5424) | `<4>1 2024-05-06T… 10.0.16.15 kernel - - [instance@47450 … id="<id>"] […] …` |
//! | dmesg, `/proc/kmsg` | `[ 2343.595381] …`, `<4>[ 2343.595381] …`, `kern  :warn  : [ 2343.595381] …`, `kernel: [ 2343.595381] …`, … |
//! | journald short-monotonic, short-unix, short-full | `[1468637.581122] host kernel: …`, `1500923950.581122 host kernel: …`, `Mon 2017-07-24 19:19:10 UTC host kernel: …` |
//! | `cf logs` | `2024-05-06T07:08:03.29+0000 [CELL/0] OUT …` |
//! | container runtimes | `2024-05-06T07:08:05.400512000Z stdout F …`, `rep_1  \| …` |
//! | any of these behind grep's `file:`, `file:123:`, `file-`, or an octet count (RFC 6587) | `kern.log:Jun 16 …`, `318 <4>1 2024-05-06T…` |
//! | `/dev/kmsg`, journald JSON, `dmesg -J`, log shippers | unwrapped by [`crate::Line`] |
//!
//! A line that matches none of them wholly is bare: its text is body from the first byte, because a
//! log prefix may look like anything.
//!
//! Sources: loggregator `syslog_forwarder.conf.erb`, syslog-release
//! `syslog-release-forwarding-setup.conf.erb` by version, bosh-linux-stemcell-builder's
//! rsyslog.conf, util-linux `dmesg.c`, `Documentation/ABI/testing/dev-kmsg`, RFC 3164, 5424 and
//! 6587; systemd `logs-show.c`; cf CLI `util/ui/log_message.go`; Kubernetes' CRI log format.

mod cisco;
mod console;
mod fast;
pub(crate) mod layers;
pub(crate) mod marks;
pub(crate) mod members;
pub(crate) mod role;
mod stream;
mod syslog;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod tools;
pub(crate) mod unknown;
mod within;

pub(crate) use console::uptime_text;
pub(crate) use fast::Opening;
pub(crate) use syslog::{is_host, is_level_or_facility};

use self::role::Role;
use crate::bytes::text::Text;
use crate::time::{LogTime, Uptime};
use crate::words::words;

/// The header of a line. A field that the line does not show is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Envelope<'a> {
    /// The kind of header.
    pub dialect: Dialect,
    /// The header's time stamp.
    pub time: LogTime,
    /// Syslog's `<PRI>`: facility × 8 + severity.
    pub priority: Option<u8>,
    /// The host, by name or address.
    pub host: Option<Text<'a>>,
    /// The program: `kernel`, `vcap.rep`, `rep`, …
    pub program: Option<Text<'a>>,
    /// Its process id, or a value in the place of one.
    pub proc_id: Option<Text<'a>>,
    /// The BOSH job or instance group.
    pub job: Option<Text<'a>>,
    /// The index in the job, by which old releases number instances.
    pub index: Option<Text<'a>>,
    /// The BOSH instance id, by which new releases name instances.
    pub instance: Option<Text<'a>>,
    /// The BOSH deployment.
    pub deployment: Option<Text<'a>>,
    /// The availability zone.
    pub az: Option<Text<'a>>,
    /// The BOSH director.
    pub director: Option<Text<'a>>,
    /// The environment that syslog-release was configured with.
    pub environment: Option<Text<'a>>,
    /// Time since the kernel booted.
    pub uptime: Option<Uptime>,
    /// The thread (`T123`) or processor (`C0`) that logged, with `CONFIG_PRINTK_CALLER`.
    pub caller: Option<Text<'a>>,
    /// The record's number in the kernel's buffer.
    pub sequence: Option<u64>,
    /// Whether the record continues the one before it.
    pub continuation: bool,
    /// Whether what is around the line is not closed: its end is missing.
    pub(crate) is_cut: bool,
    /// The number of identical lines that this line represents.
    pub repeated: Option<u32>,
    /// The file in which grep found it.
    pub source_file: Option<Text<'a>>,
    /// The tags that loggregator's syslog agent adds to an app's line: `name="value"` pairs,
    /// escaped as in RFC 5424.
    pub tags: Option<Text<'a>>,
    /// The content: kernel text or JSON.
    pub body: Text<'a>,
    /// The offset of the body in the parsed text.
    pub body_at: usize,
}

impl<'a> Envelope<'a> {
    /// Returns the part of an app's log stream that the line belongs to: `CELL` of `[CELL/0]`,
    /// `APP` of `[APP/PROC/WEB/0]`.
    pub(crate) fn stream(&self) -> Option<&'a [u8]> {
        let inside = self.bracketed()?;
        Some(&inside[..memchr::memchr(b'/', inside).unwrap_or(inside.len())])
    }

    /// Returns the last number in it, which is the instance's.
    pub(crate) fn stream_index(&self) -> Option<u32> {
        let inside = self.bracketed()?;
        std::str::from_utf8(&inside[memchr::memrchr(b'/', inside)? + 1..]).ok()?.parse().ok()
    }

    /// Returns whether the header was parsed up to the text, so that everything before a packet's
    /// `IN=` is its prefix.
    pub(crate) const fn is_read(&self) -> bool {
        self.program.is_some()
            || self.proc_id.is_some()
            || self.uptime.is_some()
            || matches!(
                self.dialect,
                Dialect::Console | Dialect::DevKmsg | Dialect::DmesgJson | Dialect::JournalField
            )
    }

    /// Returns whether the line has no header at all.
    pub(crate) fn is_bare(&self) -> bool {
        self.dialect == Dialect::Bare
            && !self.is_read()
            && self.host.is_none()
            && self.time == LogTime::Unknown
    }

    /// Returns the program that wrote the line, or else the part of an app's log stream.
    pub(crate) fn writer(&self) -> Option<Text<'a>> {
        self.program.or_else(|| self.bracketed().map(Text::new))
    }

    fn bracketed(&self) -> Option<&'a [u8]> {
        self.proc_id?.as_bytes().strip_prefix(b"[")?.strip_suffix(b"]")
    }

    /// Returns whether the line comes from the kernel: by its program, or by the time stamp of the
    /// kernel's buffer where no program is named.
    ///
    /// ```
    /// use asg_core::Line;
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] hello");
    /// assert!(line.envelope().is_kernel());
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 sshd[7]: hello");
    /// assert!(!line.envelope().is_kernel());
    /// ```
    #[must_use]
    pub fn is_kernel(&self) -> bool {
        self.is_kernel_as(self.role())
    }

    /// Returns whether the kernel wrote the line, given the role of its program.
    pub(crate) fn is_kernel_as(&self, role: Role) -> bool {
        match role {
            Role::Kernel => true,
            Role::Unnamed => self.uptime.is_some(),
            _ => false,
        }
    }

    /// Returns whether [`Envelope::cell`] has a name.
    pub(crate) const fn names_machine(&self) -> bool {
        self.instance.is_some()
            || self.host.is_some()
            || (self.job.is_some() && self.index.is_some())
    }

    /// Returns a name for the machine: its BOSH instance id, or job and index, or host, whichever
    /// is known first.
    ///
    /// ```
    /// use asg_core::Line;
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] hello");
    /// assert_eq!(line.envelope().cell().as_deref(), Some("cell-1"));
    /// ```
    #[must_use]
    pub fn cell(&self) -> Option<String> {
        match (self.instance, self.job, self.index, self.host) {
            (Some(instance), ..) => Some(instance.to_string()),
            (_, Some(job), Some(index), _) => Some(format!("{job}/{index}")),
            (.., host) => host.map(|host| host.to_string()),
        }
    }
}

/// The kinds of header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// None.
    #[default]
    Bare,
    /// Traditional syslog, no year.
    Rfc3164,
    /// An RFC 3339 stamp, host and tag, as rsyslog writes files.
    Rfc3339,
    /// RFC 5424.
    Rfc5424,
    /// `dmesg`'s and `/proc/kmsg`'s time stamps.
    Console,
    /// `/dev/kmsg`.
    DevKmsg,
    /// journald's JSON.
    JournalJson,
    /// `dmesg -J`.
    DmesgJson,
    /// A log shipper's JSON.
    Json,
    /// A field of journald's export or verbose form.
    JournalField,
    /// `cf logs`.
    CfLogs,
    /// A stamp without a host, as container runtimes put it before a line.
    Container,
}

words! {
    "line" Dialect "a kind of header" {
        Bare = "bare", Rfc3164 = "rfc3164", Rfc3339 = "rfc3339", Rfc5424 = "rfc5424", Console = "console", DevKmsg = "dev_kmsg", JournalJson = "journal_json", DmesgJson = "dmesg_json", Json = "json", JournalField = "journal_field", CfLogs = "cf_logs", Container = "container",
    }
}

/// Parses the header of a line that needs no unescaping, into a new envelope.
pub(crate) fn fill<'a>(text: &'a [u8], envelope: &mut Envelope<'a>) {
    if !fill_common(text, envelope) {
        *envelope = any(text);
    }
}

/// Parses a common header. On false, the contents of the envelope are unspecified.
#[inline]
pub(crate) fn fill_common<'a>(text: &'a [u8], envelope: &mut Envelope<'a>) -> bool {
    fast::parse(text, envelope).is_some()
}

/// Parses any header, layer by layer.
pub(crate) fn any(text: &[u8]) -> Envelope<'_> {
    let mut envelope = layers::peel(text);
    strip_blank(text, &mut envelope);
    repeated(text, &mut envelope);
    if envelope.uptime.is_none()
        && (envelope.dialect != Dialect::Console || envelope.program.is_some())
        && let Some(stamp) = console::boot_stamp(&text[envelope.body_at..])
    {
        stamp.put_into(&mut envelope);
    }
    let is_closed = envelope.repeated.is_some() && !envelope.is_cut;
    let end = if is_closed { text.len() - 1 } else { text.len() };
    envelope.body = Text::new(&text[envelope.body_at..end.max(envelope.body_at)]);
    envelope
}

/// Parses `path:` or `path:123:` before a line, as grep prints it over several files; `path-` and
/// `path-123-` for the lines around a match; `123:` over one file.
fn file_name(text: &[u8]) -> Option<Envelope<'_>> {
    let word =
        text.iter().take(1024).position(|b| matches!(b, b' ' | b'=' | b'"' | b'{' | b'[' | b'<'));
    let word = &text[..word.unwrap_or_else(|| text.len().min(1024))];
    // A name may contain the marks itself; everything before a header is the name. The head of a
    // traditional stamp (`Jun`) and of an RFC 3339 one (`2018-`) are part of the word too.
    let head = &text[..text.len().min(word.len() + 1)];
    for at in memchr::memchr2_iter(b':', b'-', head).take(16).filter(|at| *at > 0) {
        let mark = text[at];
        let digits = text[at + 1..].iter().take(12).take_while(|b| b.is_ascii_digit()).count();
        if digits > 0
            && text.get(at + 1 + digits) == Some(&mark)
            && let Some(found) = behind(text, at + digits + 2, Some(&text[..at]))
        {
            return Some(found);
        }
        // Over one file, grep prints the number alone.
        let name = Some(&text[..at]).filter(|name| !name.iter().all(u8::is_ascii_digit));
        if let Some(found) = behind(text, at + 1, name) {
            return Some(found);
        }
    }
    None
}

fn behind<'a>(text: &'a [u8], body_at: usize, file: Option<&'a [u8]>) -> Option<Envelope<'a>> {
    let source_file = file.map(Text::new);
    // Kernel text alone proves nothing, but a lager line cannot begin with a file name.
    layers::is_line(&text[body_at..]).then(|| Envelope {
        source_file,
        body_at,
        ..Envelope::default()
    })
}

/// Drops the blank at the start of `logger`'s messages, which some forwarders keep, and the one
/// before rsyslog's words about repeated lines.
fn strip_blank(text: &[u8], envelope: &mut Envelope<'_>) {
    let Some(behind) = text[envelope.body_at..].strip_prefix(b" ") else { return };
    let is_text = matches!(behind, [b'{' | b'[', ..]) || behind.starts_with(REPEATED);
    if envelope.dialect != Dialect::Bare && is_text {
        envelope.body_at += 1;
    }
}

const REPEATED: &[u8] = b"message repeated ";

/// Parses `message repeated 3 times: [ … ]`: rsyslog, `runtime/ratelimit.c`.
fn repeated(text: &[u8], envelope: &mut Envelope<'_>) {
    let body = &text[envelope.body_at..];
    let Some(rest) = body.strip_prefix(REPEATED) else { return };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let count = std::str::from_utf8(&rest[..digits]).ok().and_then(|n| n.parse().ok());
    let Some(inside) = rest[digits..].strip_prefix(b" times: [") else { return };
    if count.is_some() {
        envelope.repeated = count;
        envelope.is_cut = !inside.ends_with(b"]");
        // rsyslog keeps the blank before a message that came from imklog.
        let inside = inside.strip_prefix(b" ").unwrap_or(inside);
        envelope.body_at = text.len() - inside.len();
    }
}
