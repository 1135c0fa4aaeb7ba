//! A flow in words, for tables.

use asg_core::bytes::escape_name;
use asg_core::ledger::Reason;
use asg_core::names::AppState;
use asg_core::packet::Address;
use asg_core::prefix::{Plane, Subject};
use asg_core::time::LogTime;
use asg_core::{Certainty, Flow, Identity, Timestamp};

use crate::query::ReadRow;

/// A flow in words. A table decides which of them it has room for.
#[derive(Debug, Clone)]
pub struct FlowRow {
    pub(super) time: Option<Timestamp>,
    /// A time stamp as the line shows it, if no year is known.
    pub(super) stamp: Option<String>,
    pub(super) cell: String,
    pub(super) verdict: String,
    pub(super) owner: Owner,
    pub(super) source: String,
    pub(super) source_port: Option<u16>,
    /// With its port and its protocol.
    pub(super) destination: String,
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
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brief {
    pub(super) org: bool,
    pub(super) space: bool,
    pub(super) guid: bool,
    pub(super) became: bool,
}

impl FlowRow {
    /// Returns a flow in words. With `is_named`, a directory was asked for names.
    #[must_use]
    pub fn of(flow: &Flow<'_, '_>, is_named: bool) -> Self {
        let dash = || "-".to_owned();
        let ip = &flow.packet().ip;
        let [spt, dpt] = ip.ports();
        let source = address(ip.src);
        let proto = ip.proto.map_or_else(String::new, |proto| format!(" {proto}"));
        Self {
            time: flow.time,
            stamp: stamp(flow),
            cell: flow.cell.as_deref().map_or_else(dash, short_cell),
            verdict: verdict(flow),
            owner: Owner::of(flow, is_named),
            source,
            source_port: spt,
            destination: end(&address(ip.dst), dpt) + &proto,
            certainty: flow.attribution.certainty,
            reason: flow.attribution.reason,
        }
    }

    /// Adds the caller's names and verdicts.
    #[must_use]
    pub(crate) fn labelled(mut self, row: &ReadRow<'_>) -> Self {
        if row.cf.is_none()
            && let Some(verdict) = row.verdict()
        {
            verdict.as_str().clone_into(&mut self.verdict);
        }
        match row.destination_name() {
            // The name of one address replaces it.
            Some((name, true)) => {
                let address = address(row.packet.ip.dst);
                let bracketed = format!("[{address}]");
                let rest = self.destination.strip_prefix(&bracketed);
                let rest =
                    rest.or_else(|| self.destination.strip_prefix(&address)).unwrap_or_default();
                self.destination = format!("{name}{rest}");
            }
            Some((name, false)) => self.destination = format!("{} ({name})", self.destination),
            None => {}
        }
        self
    }

    /// Returns the owner with all that is known.
    #[must_use]
    pub fn owner(&self) -> String {
        self.owner.text(Brief::default())
    }

    /// Returns the verdict, and the set of rules behind it.
    #[must_use]
    pub fn verdict(&self) -> &str {
        &self.verdict
    }

    /// Returns the destination with its port and its protocol.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    pub(super) fn source(&self, has_port: bool) -> String {
        end(&self.source, self.source_port.filter(|_| has_port))
    }
}

impl Owner {
    fn of(flow: &Flow<'_, '_>, is_named: bool) -> Self {
        let container = flow.attribution.container();
        let path = flow.identity.filter(|_| is_named).and_then(path);
        let guid = || {
            let process =
                flow.attribution.process().map(|it| Name::Guid("process", it.to_string()));
            let subject = flow.attribution.subject();
            let subject = || subject.map(|it| Name::Guid("task or app", it.to_string()));
            let handle = || container.map(|it| Name::Guid("container", it.handle().to_string()));
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
        Self { is_receiver, name, instance, became }
    }

    pub(super) fn text(&self, brief: Brief) -> String {
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

/// Returns `--06-20 23:05:03`: the time of a line whose year is unknown.
fn stamp(flow: &Flow<'_, '_>) -> Option<String> {
    let LogTime::NoYear(at) = flow.record.envelope.time else { return None };
    let asg_core::time::Civil { month, day, hour, minute, second, .. } = at;
    let is_unknown = flow.time.is_none();
    is_unknown.then(|| format!("--{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
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
