//! Headers of lines, written anew from what was read of the old ones.
//!
//! A line has one of few forms, whatever it had before: the one that holds what is known.
//! Priority, deployment, zone, director, threads, files and tags are left out, because no answer
//! rests on them.

use std::fmt::Write as _;

use asg_core::Timestamp;
use asg_core::line::{Envelope, Role};
use asg_core::time::{Civil, LogTime};

use super::line::Body;
use super::redactor::Redactor;

/// The parts of a header that answers rest on, with their new values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) time: LogTime,
    pub(super) host: Option<String>,
    pub(super) job: Option<String>,
    pub(super) index: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) role: Role,
    program: Option<String>,
    proc_id: Option<String>,
    /// Microseconds.
    pub(super) uptime: Option<u64>,
    pub(super) sequence: Option<u64>,
    pub(super) repeated: Option<u32>,
}

impl Header {
    /// Takes a header, with new values.
    pub(super) fn new(redactor: &Redactor, envelope: &Envelope<'_>) -> Self {
        let role = envelope.role();
        let text = |text: asg_core::bytes::Text<'_>| text.to_str_lossy().into_owned();
        let is_number = |text: &str| text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
        let kept = |name: asg_core::bytes::Text<'_>| match text(name) {
            name if is_number(&name) => name,
            name => redactor.machine(&name),
        };
        let program = envelope.program.map(|program| match (role, text(program)) {
            (Role::Stream, name) => redactor.id(&name),
            (Role::Speaker, name) => redactor.name(&name),
            // A word of the table of programs, and perhaps a file behind it.
            (_, name) => name.split('/').next().unwrap_or_default().to_owned(),
        });
        let proc_id = envelope.proc_id.map(text);
        let proc_id =
            proc_id.and_then(|id| stream(&id).or_else(|| Some(id).filter(|id| is_number(id))));
        Self {
            time: envelope.time,
            host: envelope.host.map(|host| redactor.machine(&host.to_str_lossy())),
            job: envelope.job.map(|job| redactor.name(&job.to_str_lossy())),
            index: envelope.index.map(kept),
            instance: envelope.instance.map(kept),
            role,
            program,
            proc_id,
            uptime: envelope.uptime.map(asg_core::time::Uptime::as_micros),
            sequence: envelope.sequence,
            repeated: envelope.repeated,
        }
    }

    /// Returns what an envelope has of these parts, as it is.
    pub(super) fn of(envelope: &Envelope<'_>) -> Self {
        let text = |text: asg_core::bytes::Text<'_>| text.to_str_lossy().into_owned();
        Self {
            time: envelope.time,
            host: envelope.host.map(text),
            job: envelope.job.map(text),
            index: envelope.index.map(text),
            instance: envelope.instance.map(text),
            role: envelope.role(),
            program: None,
            proc_id: None,
            uptime: envelope.uptime.map(asg_core::time::Uptime::as_micros),
            sequence: envelope.sequence,
            repeated: envelope.repeated,
        }
    }

    /// Returns whether two have the same parts, but for the program's own name.
    pub(super) fn equals(&self, other: &Self) -> bool {
        let parts = |it: &Self| Self { program: None, proc_id: None, ..it.clone() };
        parts(self) == parts(other)
    }

    /// Returns the line with this header and text, in the forms that may hold it, the best first.
    pub(super) fn lines(&self, body: &Body) -> Vec<String> {
        let named =
            Self { program: self.program.clone().filter(|_| !body.is_nameless), ..self.clone() };
        let mut text = body.text.clone();
        let stamp = self.uptime.filter(|_| self.kmsg().is_none() || body.is_behind_unread);
        if let Some(uptime) = stamp {
            text = format!("[{:5}.{:06}] {text}", uptime / 1_000_000, uptime % 1_000_000);
        }
        // The field's name is all that there is of the header.
        if self.role == Role::Unseen {
            return vec![format!("MESSAGE={text}")];
        }
        if body.is_behind_unread {
            let tag = self.tag().filter(|_| body.is_nameless).map(|tag| tag + ": ");
            text = format!("{UNREAD_HEADER}{}{text}", tag.unwrap_or_default());
        }
        if let Some(times) = self.repeated {
            text = format!("message repeated {times} times: [ {text}]");
        }
        let kmsg = self.kmsg().filter(|_| !body.is_behind_unread);
        let heads = [
            kmsg,
            named.bare(),
            named.dmesg(),
            named.rfc5424(&body.tags),
            named.marked(),
            named.stamped(),
            named.of_tool(),
            named.of_tool().and_then(|head| Some(head + &named.stamped()?)),
        ];
        heads.into_iter().flatten().map(|head| head + &text).collect()
    }

    /// `4,1234,87921493829,-;`.
    fn kmsg(&self) -> Option<String> {
        let (sequence, uptime) = (self.sequence?, self.uptime?);
        Some(format!("4,{sequence},{uptime},-;"))
    }

    const fn has_machine(&self) -> bool {
        self.host.is_some() || self.job.is_some() || self.instance.is_some()
    }

    fn bare(&self) -> Option<String> {
        let is_bare =
            self.time == LogTime::Unknown && !self.has_machine() && self.program.is_none();
        is_bare.then(String::new)
    }

    /// `[Mon May  6 07:09:10 2024] `, of `dmesg -T`.
    fn dmesg(&self) -> Option<String> {
        let LogTime::Local(civil @ Civil { year, month, day, .. }) = self.time else { return None };
        let is_bare = !self.has_machine() && self.program.is_none() && self.uptime.is_none();
        let date = jiff::civil::Date::new(year, month, day).ok().filter(|_| is_bare)?;
        let weekday = WEEKDAYS[usize::try_from(date.weekday().to_monday_zero_offset()).ok()?];
        Some(format!("[{weekday} {} {year}] ", without_year(civil)))
    }

    /// `<14>1 2024-05-06T07:09:10Z host program pid - [instance@47450 group="…" id="…"] `.
    fn rfc5424(&self, tags: &str) -> Option<String> {
        let time = match self.time {
            LogTime::Instant(time) => time.to_string(),
            LogTime::Unknown => "-".to_owned(),
            LogTime::Local(_) | LogTime::NoYear(_) => return None,
        };
        if self.index.is_some() {
            return None;
        }
        let nil = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        let (host, program, proc_id) = (nil(&self.host), nil(&self.program), nil(&self.proc_id));
        let mut out = format!("<14>1 {time} {host} {program} {proc_id} - ");
        // An app's stream is known by its brackets or by its tags.
        let is_bracketed = self.proc_id.as_ref().is_some_and(|id| id.starts_with('['));
        let tags = match tags {
            "" if self.role == Role::Stream && !is_bracketed => "[tags@47450 source_type=\"APP\"]",
            tags => tags,
        };
        let has_instance = self.job.is_some() || self.instance.is_some();
        if has_instance {
            out.push_str("[instance@47450");
            for (name, value) in [("group", &self.job), ("id", &self.instance)] {
                if let Some(value) = value {
                    let _ = write!(out, " {name}=\"{value}\"");
                }
            }
            out.push(']');
        }
        out.push_str(if has_instance || !tags.is_empty() { tags } else { "-" });
        out.push(' ');
        Some(out)
    }

    /// `Jun 16 23:18:38 host program [job=… index=…] ` or `… program job/id `.
    fn marked(&self) -> Option<String> {
        // A stamp whose month a person has masked shows no time.
        let stamp = self.stamp().unwrap_or_else(|| "*  1 00:00:00".to_owned());
        let (program, job) = (self.tag()?, self.job.as_ref()?);
        // An aggregator's word in the place of a host, which is not one.
        let host = self.host.as_deref().unwrap_or("kern");
        match (&self.instance, &self.index) {
            (Some(id), None) => Some(format!("{stamp} {host} {program} {job}/{id} ")),
            (None, Some(index)) => {
                Some(format!("{stamp} {host} {program} [job={job} index={index}] "))
            }
            _ => None,
        }
    }

    /// `Jun 16 23:18:38 host program[pid]: `.
    fn stamped(&self) -> Option<String> {
        let mut out = self.stamp()?;
        out.push(' ');
        if let Some(host) = &self.host {
            out.push_str(host);
            out.push(' ');
        }
        if let Some(tag) = self.tag() {
            out.push_str(&tag);
            out.push_str(": ");
        }
        Some(out)
    }

    fn tag(&self) -> Option<String> {
        let program = self.program.as_ref()?;
        Some(match &self.proc_id {
            Some(id) => format!("{program}[{id}]"),
            None => program.clone(),
        })
    }

    /// `job/id stdout | `, before a line.
    fn of_tool(&self) -> Option<String> {
        let id = self.instance.as_ref().or(self.index.as_ref())?;
        let job = self.job.as_deref().unwrap_or("cell");
        Some(format!("{job}/{id}: stdout | "))
    }

    fn stamp(&self) -> Option<String> {
        match self.time {
            LogTime::Unknown => None,
            LogTime::Instant(time) => Some(time.to_string()),
            LogTime::Local(civil) => Some(local(civil)),
            LogTime::NoYear(civil) => Some(without_year(civil)),
        }
    }
}

/// In the place of a header that was not understood: longer than any log prefix.
const UNREAD_HEADER: &str = "unread-header-of-another-program ";

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn without_year(civil: Civil) -> String {
    let Civil { month, day, hour, minute, second, nanos, .. } = civil;
    let month = usize::try_from(month - 1).ok().and_then(|n| MONTHS.get(n)).unwrap_or(&"Jan");
    format!("{month} {day:2} {hour:02}:{minute:02}:{second:02}{}", fraction(nanos))
}

fn local(civil: Civil) -> String {
    let Civil { year, month, day, hour, minute, second, nanos } = civil;
    let date = format!("{year:04}-{month:02}-{day:02}");
    format!("{date}T{hour:02}:{minute:02}:{second:02}{}", fraction(nanos))
}

fn fraction(nanos: i32) -> String {
    if nanos == 0 { String::new() } else { format!(".{nanos:09}").trim_end_matches('0').to_owned() }
}

/// Returns the part of an app's log stream and the instance's number: `[APP/PROC/WEB/0]` is
/// `[APP/0]`, because types of processes are the developer's words.
fn stream(proc_id: &str) -> Option<String> {
    let inside = proc_id.strip_prefix('[')?.strip_suffix(']')?;
    let mut parts = inside.split('/');
    let part = parts.next().filter(|part| {
        (2..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_uppercase())
    })?;
    let number = parts
        .next_back()
        .filter(|last| last.len() < 10 && last.bytes().all(|b| b.is_ascii_digit()));
    Some(match number {
        Some(number) => format!("[{part}/{number}]"),
        None => format!("[{part}]"),
    })
}

/// Returns a time as lager writes it since 2018.
pub(super) fn lager_stamp(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".into(), |time| time.to_string())
}
