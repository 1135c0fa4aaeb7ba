//! Evidence: what one line proves about one container.

use std::net::IpAddr;

use crate::event::Moment;
use crate::event::lager::{LoggerEvent, RepEvent};
use crate::guid::{Guid, Handle, ProcessName};
use crate::names::Names;
use crate::time::Timestamp;

/// One line's facts about one container. Whatever component wrote the line, this is all that the ledger takes from it.
///
/// ```
/// use asg_core::{Evidence, Handle, Moment, Origin, SourceId};
///
/// let handle = Handle::parse("bfce786c-ab07-40ad-79f9-8f21").unwrap();
/// let evidence = Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 7 });
/// assert_eq!(evidence.process, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The container.
    pub handle: Handle,
    /// What the line says about its life.
    pub moment: Moment,
    /// When, by the clock of the machine that wrote the line.
    pub time: Option<Timestamp>,
    /// The cell's own name for itself.
    pub cell: Option<Box<str>>,
    /// The name under which the machine's lines reach us, where the line is the cell's own: BOSH instance, job and index,
    /// or host.
    pub machine: Option<Box<str>>,
    /// What runs in it.
    pub process: Option<ProcessName>,
    /// Which instance of the process, from 0.
    pub index: Option<u32>,
    /// The app, where the line names it outright.
    pub app: Option<Guid>,
    /// The container's own address.
    pub address: Option<IpAddr>,
    /// Its IPv6 address, where it has both.
    pub address_v6: Option<IpAddr>,
    /// The cell's address.
    pub cell_address: Option<IpAddr>,
    /// Guardian's bridge, which is `IN=` of the container's packets.
    pub interface: Option<Box<str>>,
    /// GUIDs and names of app, space and org, where the line spells them out.
    pub names: Option<Box<Names<'static>>>,
    /// Where the line stood.
    pub origin: Origin,
}

impl Evidence {
    /// That a container was there, and nothing more yet.
    #[must_use]
    pub const fn new(handle: Handle, moment: Moment, origin: Origin) -> Self {
        Self {
            handle,
            moment,
            time: None,
            cell: None,
            machine: None,
            process: None,
            index: None,
            app: None,
            address: None,
            address_v6: None,
            cell_address: None,
            interface: None,
            names: None,
            origin,
        }
    }
}

/// Where a line stood: a source, and a line in it, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file or stream, numbered by whoever reads it.
    pub source: SourceId,
    /// Counted from 1.
    pub line: u64,
}

/// A source of lines, by number. The names are with whoever opened them: this crate opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// What a line about a container proves; `None` if it names none. `shown` is the time that the line has besides the event's.
#[inline]
pub(crate) fn rep_evidence(
    event: &RepEvent<'_>,
    shown: Option<Timestamp>,
    origin: Origin,
) -> Option<Evidence> {
    let names = event.names.as_deref();
    let app = names.and_then(|names| names.app_guid.as_deref());
    Some(Evidence {
        handle: Handle::parse(event.container()?)?,
        moment: event.moment(),
        time: event.time.or(shown).filter(|_| event.was_there()),
        cell: event.cell_id.as_deref().map(Into::into),
        machine: None,
        process: event.process_guid.as_deref().map(ProcessName::parse),
        index: event.index,
        app: app.and_then(|guid| guid.parse().ok()),
        address: event.container_ip,
        address_v6: event.container_ipv6,
        cell_address: event.cell_ip,
        interface: event.bridge.as_deref().map(Into::into),
        names: names.map(|names| Box::new(names.clone().into_owned())),
        origin,
    })
}

/// iptables-logger names container and app in one line; the address is that of the container's side of the packet, by
/// which it found them.
pub(crate) fn logger_evidence(event: &LoggerEvent<'_>, origin: Origin) -> Option<Evidence> {
    let mut evidence =
        Evidence::new(Handle::parse(event.container_id.as_deref()?)?, Moment::Seen, origin);
    evidence.time = event.time;
    evidence.app = event.app_guid.as_deref().and_then(|guid| guid.parse().ok());
    evidence.cell = event.host_guid.as_deref().map(Into::into);
    evidence.cell_address = event.host_ip.as_deref().and_then(|ip| ip.parse().ok());
    let own_side = match event.direction.as_deref() {
        Some("egress") => &event.src_ip,
        Some("ingress") => &event.dst_ip,
        _ => &None,
    };
    evidence.address = own_side.as_deref().and_then(|ip| ip.parse().ok());
    if event.space_guid.is_some() || event.organization_guid.is_some() {
        let names = Names {
            app_guid: event.app_guid.clone(),
            space_guid: event.space_guid.clone(),
            org_guid: event.organization_guid.clone(),
            ..Names::default()
        };
        evidence.names = Some(Box::new(names.into_owned()));
    }
    Some(evidence)
}
