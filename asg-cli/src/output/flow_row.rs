//! A flow in words, for tables.

use std::borrow::Cow;
use std::sync::Arc;

use asg_core::bytes::{SmallText, escape_name, escape_text};
use asg_core::correlate::{FlowKey, KnownFlow};
use asg_core::ledger::Reason;
use asg_core::names::AppState;
use asg_core::packet::{Address, Ip, Proto};
use asg_core::prefix::{Plane, Subject};
use asg_core::time::LogTime;
use asg_core::{Certainty, Flow, Identity, Timestamp};

use crate::query::ReadRow;

/// A flow in words. A table decides which of them it has room for.
///
/// All words are safe to show: see [`escape_text`].
#[derive(Debug, Clone)]
pub struct FlowRow {
    pub(super) of_key: Arc<OfKey>,
    pub(super) time: Option<Timestamp>,
    /// A time stamp as the line shows it, if no year is known.
    pub(super) stamp: Option<Box<str>>,
    source: Option<Address>,
    /// The source with its port; then the destination with its port and its protocol.
    ends: String,
    /// The length of the source.
    source_len: usize,
}

/// The words that flows of one [key](Flow::key) share.
#[derive(Debug, Clone)]
pub(super) struct OfKey {
    pub(super) cell: String,
    pub(super) verdict: String,
    pub(super) owner: Owner,
    pub(super) certainty: Certainty,
    pub(super) reason: Reason,
}

/// The owner of a packet, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Owner {
    /// The packet goes to it.
    is_receiver: bool,
    name: Name,
    /// ` worker #0`
    instance: String,
    /// ` (deleted 2024-05-06)`, and what of it is short.
    became: Option<(String, &'static str)>,
    /// All of that.
    whole: String,
}

#[derive(Debug, Clone, Default)]
enum Name {
    #[default]
    None,
    Path {
        org: String,
        space: String,
        app: String,
    },
    /// `process`, `task or app` or `container`, and its GUID.
    Guid(&'static str, String),
}

/// How much of an owner is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Brief {
    pub(super) org: bool,
    pub(super) space: bool,
    pub(super) guid: bool,
    pub(super) became: bool,
}

/// Puts the flows of one [`FlowCache`](asg_core::correlate::FlowCache) into words. Flows of one key
/// share most of them.
#[derive(Debug, Default)]
pub(crate) struct FlowRows {
    /// A directory was asked for names.
    is_named: bool,
    /// By key.
    of_keys: Vec<Option<Arc<OfKey>>>,
    text: SmallText,
}

impl FlowRows {
    /// Knows no flow yet. With `is_named`, a directory was asked for names.
    pub(crate) fn new(is_named: bool) -> Self {
        Self { is_named, ..Self::default() }
    }

    /// Returns a flow in words.
    pub(crate) fn of(&mut self, flow: &Flow<'_, '_>) -> FlowRow {
        let Self { is_named, of_keys, text } = self;
        let new = || Arc::new(OfKey::of(flow, *is_named));
        let of_key = match flow.key().map(FlowKey::index) {
            None => new(),
            Some(key) => {
                if of_keys.len() <= key {
                    of_keys.resize(key + 1, None);
                }
                Arc::clone(of_keys[key].get_or_insert_with(new))
            }
        };
        FlowRow::new(of_key, flow.time, stamp(flow), &flow.packet().ip, text)
    }

    /// Returns a flow whose key an earlier one had, if its time is known.
    pub(crate) fn of_known(&mut self, flow: &KnownFlow<'_>, ip: &Ip<'_>) -> Option<FlowRow> {
        let of_key = self.of_keys.get(flow.key.index())?.as_ref()?;
        Some(FlowRow::new(Arc::clone(of_key), Some(flow.time?), None, ip, &mut self.text))
    }
}

impl FlowRow {
    /// Returns a flow in words. With `is_named`, a directory was asked for names.
    #[must_use]
    pub fn of(flow: &Flow<'_, '_>, is_named: bool) -> Self {
        let of_key = Arc::new(OfKey::of(flow, is_named));
        Self::new(of_key, flow.time, stamp(flow), &flow.packet().ip, &mut SmallText::default())
    }

    /// `text` is empty before and after.
    fn new(
        of_key: Arc<OfKey>,
        time: Option<Timestamp>,
        stamp: Option<Box<str>>,
        ip: &Ip<'_>,
        text: &mut SmallText,
    ) -> Self {
        let [spt, dpt] = ip.ports();
        write_end(text, ip.src, spt);
        let source_len = text.as_bytes().len();
        write_end(text, ip.dst, dpt);
        if let Some(proto) = ip.proto {
            text.byte(b' ');
            write_proto(text, proto);
        }
        let ends = String::from_utf8_lossy(text.as_bytes()).into_owned();
        text.clear();
        Self { of_key, time, stamp, source: ip.src, ends, source_len }
    }

    /// Adds the caller's names and verdicts.
    #[must_use]
    pub(crate) fn labelled(mut self, row: &ReadRow<'_>) -> Self {
        if row.cf.is_none()
            && let Some(verdict) = row.verdict()
        {
            verdict.as_str().clone_into(&mut Arc::make_mut(&mut self.of_key).verdict);
        }
        if let Some((name, is_address)) = row.destination_name() {
            let (shown, name) = (self.destination(), escape_text(name));
            let named = if is_address {
                // The name of one address replaces it.
                let address = address(row.packet.ip.dst);
                let bracketed = format!("[{address}]");
                let rest = shown.strip_prefix(&bracketed).or_else(|| shown.strip_prefix(&address));
                format!("{name}{}", rest.unwrap_or_default())
            } else {
                format!("{shown} ({name})")
            };
            self.ends.truncate(self.source_len);
            self.ends.push_str(&named);
        }
        self
    }

    /// Returns the owner with all that is known.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.of_key.owner.whole
    }

    /// Returns the verdict, and the set of rules behind it.
    #[must_use]
    pub fn verdict(&self) -> &str {
        &self.of_key.verdict
    }

    /// Returns the destination with its port and its protocol.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.ends[self.source_len..]
    }

    pub(super) fn source(&self, has_port: bool) -> Cow<'_, str> {
        if has_port {
            Cow::Borrowed(&self.ends[..self.source_len])
        } else {
            Cow::Owned(address(self.source))
        }
    }
}

impl OfKey {
    fn of(flow: &Flow<'_, '_>, is_named: bool) -> Self {
        let cell = flow.cell.as_deref().map_or_else(|| "-".to_owned(), short_cell);
        Self {
            cell: escape_text(&cell).into_owned(),
            verdict: escape_text(&verdict(flow)).into_owned(),
            owner: Owner::of(flow, is_named),
            certainty: flow.attribution.certainty,
            reason: flow.attribution.reason,
        }
    }
}

impl Owner {
    fn of(flow: &Flow<'_, '_>, is_named: bool) -> Self {
        let container = flow.attribution.container();
        let path = flow.identity.filter(|_| is_named).and_then(path);
        let guid = || {
            let name = |kind, guid: String| Name::Guid(kind, escape_text(&guid).into_owned());
            let process = flow.attribution.process().map(|it| name("process", it.to_string()));
            let subject = flow.attribution.subject();
            let subject = || subject.map(|it| name("task or app", it.to_string()));
            let handle = || container.map(|it| name("container", it.handle().to_string()));
            process.or_else(subject).or_else(handle)
        };
        let name = path.or_else(guid).unwrap_or_default();
        let kind = flow.identity.and_then(|identity| identity.process_type.as_deref());
        let kind = kind.filter(|kind| *kind != "web");
        let index = container.and_then(asg_core::ledger::Lifetime::index);
        let parts = kind.map(|kind| format!(" {}", escape_name(kind)));
        let instance: String =
            parts.into_iter().chain(index.map(|index| format!(" #{index}"))).collect();
        let became = match flow.identity.map(|identity| identity.state) {
            Some(AppState::Deleted) => {
                flow.identity.and_then(super::table::deletion).map(|text| (text, " (deleted)"))
            }
            Some(AppState::Hidden) => Some((" (hidden from this token)".to_owned(), " (hidden)")),
            Some(AppState::Unknown) if is_named => {
                Some((" (not in the directory)".to_owned(), " (no name)"))
            }
            Some(AppState::Unavailable) if is_named => {
                Some((" (name unavailable)".to_owned(), " (no name)"))
            }
            _ => None,
        };
        // A policy line names the app that the packet goes to.
        let is_receiver = flow.cf.is_some_and(|cf| {
            cf.direction == asg_core::prefix::Direction::Ingress && cf.subject != Subject::None
        });
        let mut owner = Self { is_receiver, name, instance, became, whole: String::new() };
        owner.whole = owner.make_text(Brief::default());
        owner
    }

    pub(super) fn text(&self, brief: Brief) -> Cow<'_, str> {
        if brief == Brief::default() {
            Cow::Borrowed(&self.whole)
        } else {
            Cow::Owned(self.make_text(brief))
        }
    }

    fn make_text(&self, brief: Brief) -> String {
        let name = match &self.name {
            Name::None => "-".to_owned(),
            Name::Path { app, .. } if brief.space => app.clone(),
            Name::Path { space, app, .. } if brief.org => format!("{space}/{app}"),
            Name::Path { org, space, app } => format!("{org}/{space}/{app}"),
            Name::Guid(what, guid) if brief.guid && guid.len() > 9 => {
                format!("{what} {}…", guid.chars().take(8).collect::<String>())
            }
            Name::Guid(what, guid) => format!("{what} {guid}"),
        };
        let to = if self.is_receiver { "to " } else { "" };
        let became = match &self.became {
            Some((_, short)) if brief.became => *short,
            Some((long, _)) => long.as_str(),
            None => "",
        };
        format!("{to}{name}{}{became}", self.instance)
    }
}

fn path(identity: &Identity) -> Option<Name> {
    let app = identity.app.as_ref()?;
    let name = |entity: Option<&asg_core::names::Entity>| {
        let name = entity.and_then(|entity| entity.name.as_deref());
        name.map_or_else(|| "?".into(), |name| escape_name(name).into_owned())
    };
    let app = escape_name(app.name.as_deref().unwrap_or(&app.guid)).into_owned();
    let (org, space) = (name(identity.org.as_ref()), name(identity.space.as_ref()));
    Some(Name::Path { org, space, app })
}

fn address(address: Option<Address>) -> String {
    match address.map(|address| address.to_string()) {
        None => "-".to_owned(),
        Some(text) if text.is_empty() => "(blanked)".to_owned(),
        Some(text) => text,
    }
}

fn end(address: &str, port: Option<u16>) -> String {
    match port {
        Some(port) if address.contains(':') => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    }
}

/// Writes an end as [`end`] does; IPv4 is quicker.
fn write_end(text: &mut SmallText, end: Option<Address>, port: Option<u16>) {
    if let Some(Address::V4(ip)) = end {
        text.dotted(ip.octets());
        if let Some(port) = port {
            text.byte(b':');
            text.number(port.into());
        }
    } else {
        text.word(&self::end(&address(end), port));
    }
}

/// Writes the name of a protocol, or its number if it has none.
fn write_proto(text: &mut SmallText, proto: Proto) {
    match proto.name() {
        Some(name) => text.word(name),
        None => text.word(&proto.to_string()),
    }
}

/// Returns `--06-20 23:05:03`: the time of a line whose year is unknown.
fn stamp(flow: &Flow<'_, '_>) -> Option<Box<str>> {
    let LogTime::NoYear(at) = flow.record.envelope.time else { return None };
    let asg_core::time::Civil { month, day, hour, minute, second, .. } = at;
    let is_unknown = flow.time.is_none();
    is_unknown.then(|| format!("--{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}").into())
}

/// Returns a BOSH instance id by its first group, as people do.
fn short_cell(cell: &str) -> String {
    match asg_core::Guid::parse(cell.as_bytes()) {
        Ok(_) => cell[..8].to_owned(),
        Err(_) => cell.to_owned(),
    }
}

fn verdict(flow: &Flow<'_, '_>) -> String {
    let Some(cf) = flow.cf else { return "-".to_owned() };
    let plane = match cf.plane {
        Plane::Asg => "",
        Plane::C2c => " c2c",
        Plane::RateLimit => " rate limit",
    };
    format!("{}{plane}", cf.verdict)
}

#[cfg(test)]
mod tests {
    use asg_core::correlate::{AnyFlow, FlowCache};
    use asg_core::{Gathering, Line, Origin, SourceId};

    use super::*;

    /// Lines of one container: IPv4 and IPv6, with and without ports, and a protocol by number.
    fn lines() -> Vec<String> {
        const V4: &str = "SRC=10.255.73.3 DST=10.0.16.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946";
        const V6: &str = "SRC=fd00:0000:0000:0000:0000:0000:0000:0010 \
            DST=fd00:0000:0000:0000:0000:0000:0000:0008 LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=0";
        let ports = |spt, dpt| format!("PROTO=UDP SPT={spt} DPT={dpt} LEN=40");
        let texts = [
            format!("{V4} DF {}", ports(51858, 80)),
            format!("{V4} DF {}", ports(1, 65535)),
            format!("{V4} DF PROTO=132"),
            format!("{V4} PROTO=132"),
            format!("{V6} {}", ports(51858, 80)),
            format!("{V6} {}", ports(51859, 53)),
        ];
        let header = "2024-05-06T07:09:10.000000+00:00 cell-1 kernel: [637.500000] \
            OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 \
            MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00";
        texts.map(|text| format!("{header} {text} ")).into()
    }

    #[test]
    fn a_flow_whose_key_is_known_has_the_words_of_the_whole_flow() {
        let lines = lines();
        let at = |line| Origin { source: SourceId(0), line };
        let mut gathering = Gathering::new();
        (1..).zip(&lines).for_each(|(n, line)| gathering.ingest(at(n), line.as_bytes()));
        let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(())).unwrap();
        let correlation = gathered.correlate();
        let words = |row: &FlowRow| {
            let ends = (row.source(true).into_owned(), row.source(false).into_owned());
            let cell = row.of_key.cell.clone();
            (
                row.time,
                cell,
                row.verdict().to_owned(),
                row.owner().to_owned(),
                ends,
                row.destination().to_owned(),
            )
        };
        let (mut quick, mut slow, mut known) = (Vec::new(), Vec::new(), 0);
        let (mut cache, mut rows) = (FlowCache::default(), FlowRows::new(false));
        for (n, line) in (1..).zip(&lines) {
            let line = Line::new(line.as_bytes());
            correlation.each(&mut cache, at(n), &line, |flow| match flow {
                AnyFlow::Whole(flow) => quick.push(words(&rows.of(flow))),
                AnyFlow::Known(flow) => {
                    known += 1;
                    quick.push(words(&rows.of_known(flow, &flow.packet().ip).unwrap()));
                }
            });
            correlation.flows(&mut FlowCache::default(), at(n), &line, |flow| {
                slow.push(words(&FlowRow::of(&flow, false)));
            });
        }
        assert_eq!(quick, slow);
        assert_eq!((quick.len(), known > 0), (lines.len(), true));
        let destinations: Vec<_> =
            slow.iter().map(|(.., destination)| destination.as_str()).collect();
        assert_eq!(
            destinations[..3],
            ["10.0.16.8:80 UDP", "10.0.16.8:65535 UDP", "10.0.16.8 SCTP"]
        );
        assert!(destinations[4].starts_with('[') && destinations[4].ends_with("]:80 UDP"));
    }
}
