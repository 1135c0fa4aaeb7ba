//! What one line proves about one container.
//!
//! [`Evidence`] is all that a [`Ledger`](crate::Ledger) takes from a line. An [`Origin`] is the
//! place of the line: the number of its source ([`SourceId`]) and its own. Other sources of facts,
//! such as an inventory, join in by making evidence.
//!
//! ```
//! use asg_core::event::Moment;
//! use asg_core::evidence::Evidence;
//! use asg_core::guid::Handle;
//! use asg_core::prefix::LogPrefix;
//! use asg_core::{Certainty, Ledger, Origin, SourceId};
//!
//! let handle = Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap();
//! let place = Origin { source: SourceId(0), line: 7 };
//! let mut ledger = Ledger::new();
//! ledger.add(Evidence::new(handle, Moment::Seen, place));
//! let prefix = LogPrefix::classify(b"OK_d08bb414-cdba-4381-412a-e9").unwrap();
//! assert_eq!(ledger.attribute(&prefix, &Default::default()).certainty, Certainty::UniquePrefix);
//! ```

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::event::Moment;
use crate::event::lager::{LoggerEvent, RepEvent};
use crate::guid::{Guid, Handle, ProcessName};
use crate::line::envelope::Envelope;
use crate::names::Names;
use crate::names::identity::Workload;
use crate::time::Timestamp;

/// One line's facts about one container. The ledger takes nothing else from a line, whatever
/// component wrote it.
///
/// ```
/// use asg_core::event::Moment;
/// use asg_core::evidence::Evidence;
/// use asg_core::guid::Handle;
/// use asg_core::{Origin, SourceId};
///
/// let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
/// let evidence = Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 7 });
/// assert_eq!(evidence.process, None);
///
/// // What serde writes can be read back.
/// let text = serde_json::to_string(&evidence).unwrap();
/// assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Evidence {
    /// The container.
    pub handle: Handle,
    /// The lifecycle event that the line reports.
    pub moment: Moment,
    /// The time, by the clock of the machine that wrote the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The cell's own name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Box<str>>,
    /// Whether the cell itself wrote the line, so that its time is of the clock that stamps the
    /// container's packets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cells_own: bool,
    /// The machine's name in its log lines, if the line is the cell's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Box<str>>,
    /// The kind of that name.
    #[serde(default)]
    pub machine_kind: NameKind,
    /// The process that runs in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessName>,
    /// The kind of workload, by Diego's domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// The index of the instance in the process, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The app, where the line names it outright.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Guid>,
    /// The container's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Its IPv6 address, where it has both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_v6: Option<IpAddr>,
    /// The cell's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_address: Option<IpAddr>,
    /// GUIDs and names of app, space and org, where the line spells them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Box<Names<'static>>>,
    /// Whether the line contradicts itself, so that it proves nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_contradictory: bool,
    /// Whether the line is silk's notice that its agent has just put the rules of security groups
    /// into the container's chain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rules_updated: bool,
    /// The place of the line.
    pub origin: Origin,
}

impl Evidence {
    /// Creates evidence that a container existed, and nothing more.
    ///
    /// ```
    /// use asg_core::event::Moment;
    /// use asg_core::evidence::Evidence;
    /// use asg_core::guid::Handle;
    /// use asg_core::{Origin, SourceId};
    ///
    /// let handle = Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap();
    /// let seen = Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 7 });
    /// assert!(seen.process.is_none() && seen.cell.is_none());
    /// ```
    #[must_use]
    pub const fn new(handle: Handle, moment: Moment, origin: Origin) -> Self {
        Self {
            handle,
            moment,
            time: None,
            cell: None,
            is_cells_own: false,
            machine: None,
            machine_kind: NameKind::Unknown,
            process: None,
            workload: None,
            index: None,
            app: None,
            address: None,
            address_v6: None,
            cell_address: None,
            names: None,
            is_contradictory: false,
            rules_updated: false,
            origin,
        }
    }
}

/// The kind of a machine's name. A machine has one name of each kind, so only names of one kind can
/// contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NameKind {
    /// It may be of any kind.
    #[default]
    Unknown,
    /// A BOSH instance id. Cells that BOSH deploys use it as their own name, too.
    Instance,
    /// A BOSH job and index, `diego_cell/1`.
    Index,
    /// A host name.
    Host,
    /// An IP address.
    Address,
}

impl NameKind {
    /// Returns a machine's own name from the header of its lines, and the kind of it; `None` for
    /// `localhost`, the name of every machine.
    ///
    /// ```
    /// use asg_core::Line;
    /// use asg_core::evidence::NameKind;
    ///
    /// let line = Line::new(b"2024-05-06T07:09:10Z cell-1 kernel: [637.5] eth0: link up");
    /// assert_eq!(NameKind::of(&line.envelope()), Some(("cell-1".into(), NameKind::Host)));
    /// ```
    #[must_use]
    pub fn of(envelope: &Envelope<'_>) -> Option<(String, Self)> {
        let name = envelope.cell().filter(|name| name != "localhost")?;
        let kind = match (envelope.instance, envelope.job, envelope.index) {
            (Some(_), ..) => Self::Instance,
            (_, Some(_), Some(_)) => Self::Index,
            _ if name.parse::<IpAddr>().is_ok() => Self::Address,
            _ => Self::Host,
        };
        Some((name, kind))
    }
}

/// Returns the name by which a cell is compared with others: its BOSH instance id, if its own name
/// ends in that.
///
/// Up to diego-release 1.17, the template `rep.json.erb` made a name such as `diego_cell-2-<id>` of
/// job, index and id. Later the id alone is the name.
pub(crate) fn cell_name(name: &str) -> &str {
    const ID: usize = 36;
    let id = || {
        let (before, id) = name.split_at_checked(name.len().checked_sub(ID)?)?;
        let (job, index) = before.strip_suffix('-')?.rsplit_once('-')?;
        let is_index = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        (is_index && !job.is_empty() && id.parse::<Guid>().is_ok()).then_some(id)
    };
    id().unwrap_or(name)
}

/// The place of a line: a source, and a line number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Origin {
    /// The file or stream; the caller numbers them.
    pub source: SourceId,
    /// Counted from 1.
    pub line: u64,
}

/// The number of a source of lines. The caller that opened the sources has their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "its fields are all that it can have")]
pub struct SourceId(pub u32);

/// Returns what a line about a container proves; `None` if it names no container. `shown` is the
/// time that the line has besides the event's.
#[inline]
pub(crate) fn rep_evidence(
    event: &RepEvent<'_>,
    shown: Option<Timestamp>,
    origin: Origin,
) -> Option<Evidence> {
    let names = event.names.as_deref();
    let app = names.and_then(|names| names.app_guid.as_deref());
    let interface = event.bridge.as_deref().and_then(|name| Interface::classify(name.as_bytes()));
    let fits = |ip: IpAddr| interface.is_none_or(|interface| interface.fits(ip));
    Some(Evidence {
        handle: Handle::parse(event.container()?.as_bytes()).ok()?,
        is_cells_own: is_cells_own(&event.source),
        is_contradictory: event.is_contradictory || !event.container_ip.is_none_or(fits),
        moment: event.moment(),
        time: rep_time(event, shown),
        cell: event.cell_id.as_deref().map(Into::into),
        machine: None,
        machine_kind: NameKind::Unknown,
        process: event.process_guid.as_deref().map(ProcessName::new),
        workload: event.domain.as_deref().and_then(Workload::of_domain),
        index: event.index,
        app: app.and_then(|guid| guid.parse().ok()),
        address: event.container_ip,
        address_v6: event.container_ipv6,
        cell_address: event.cell_ip,
        names: names.map(|names| Box::new(names.clone().into_owned())),
        rules_updated: event.rules_updated,
        origin,
    })
}

/// Returns the time of the evidence in a line about a container.
pub(crate) fn rep_time(event: &RepEvent<'_>, shown: Option<Timestamp>) -> Option<Timestamp> {
    event.time.or(shown).filter(|_| event.was_there())
}

/// Returns whether a component of this name runs on each cell and logs about that cell's
/// containers.
pub(crate) fn is_cells_own(source: &str) -> bool {
    matches!(source, "rep" | "executor" | "guardian" | "garden-linux" | "garden")
}

/// Returns the evidence in a line of iptables-logger, which names container and app. The address is
/// that of the container's side of the packet, by which the logger found the container.
pub(crate) fn logger_evidence(event: &LoggerEvent<'_>, origin: Origin) -> Option<Evidence> {
    let mut evidence = Evidence::new(
        Handle::parse(event.container_id.as_deref()?.as_bytes()).ok()?,
        Moment::Seen,
        origin,
    );
    evidence.time = event.time;
    // It runs on each cell, beside the program that makes the containers' networks.
    evidence.is_cells_own = true;
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

/// The IPv4 address, or the subnet, in the name of a container's network interface. The kernel
/// writes the name, so no packet can forge it.
///
/// Sources: silk-release `src/code.cloudfoundry.org/silk/cni/lib/names.go`, `s-` and the four
/// octets in decimal; guardian `kawasaki/configcreator.go`, `wbrdg-` and the first address of the
/// container's subnet of four, in hexadecimal.
///
/// ```
/// use asg_core::evidence::Interface;
///
/// let silk = Interface::classify(b"s-010255073003").unwrap();
/// assert!(silk.fits("10.255.73.3".parse().unwrap()));
/// assert!(!silk.fits("10.255.73.4".parse().unwrap()));
/// let guardian = Interface::classify(b"wbrdg-0afe0008").unwrap();
/// assert!(guardian.fits("10.254.0.10".parse().unwrap()));
/// assert!(Interface::classify(b"eth0").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    first: u32,
    /// The number of leading bits that all addresses of the subnet have in common.
    bits: u32,
}

impl Interface {
    /// Parses an interface's name; `None` if it shows no address.
    ///
    /// ```
    /// use asg_core::evidence::Interface;
    /// assert!(Interface::classify(b"s-010255073004").is_some());
    /// assert!(Interface::classify(b"eth0").is_none());
    /// ```
    #[must_use]
    pub fn classify(name: &[u8]) -> Option<Self> {
        if let Some(octets) = name.strip_prefix(b"s-") {
            let octets: &[u8; 12] = octets.try_into().ok()?;
            let octet = |digits: &[u8; 3]| {
                let digit = |b: u8| b.is_ascii_digit().then(|| u32::from(b - b'0'));
                let [a, b, c] = *digits;
                Some(digit(a)? * 100 + digit(b)? * 10 + digit(c)?).filter(|octet| *octet < 256)
            };
            let (octets, _) = octets.as_chunks::<3>();
            let first = octets.iter().try_fold(0, |all, digits| Some(all << 8 | octet(digits)?))?;
            return Some(Self { first, bits: 32 });
        }
        let digits = name.strip_prefix(b"wbrdg-")?;
        let is_hex = digits.len() == 8 && digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
        Some(Self { first: u32::from_str_radix(digits, 16).ok()?, bits: 30 })
    }

    /// Returns the container's address, if the name contains all of it.
    ///
    /// ```
    /// use asg_core::evidence::Interface;
    /// let interface = Interface::classify(b"s-010255073004").unwrap();
    /// assert_eq!(interface.address(), Some("10.255.73.4".parse()?));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn address(self) -> Option<IpAddr> {
        (self.bits == 32).then(|| Ipv4Addr::from_bits(self.first).into())
    }

    /// Returns false if a container with this interface cannot have the address. The name shows
    /// nothing about IPv6.
    ///
    /// ```
    /// use asg_core::evidence::Interface;
    /// let interface = Interface::classify(b"s-010255073004").unwrap();
    /// assert!(interface.fits("10.255.73.4".parse()?) && !interface.fits("10.255.73.5".parse()?));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn fits(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(ip) => (ip.to_bits() ^ self.first) >> (32 - self.bits) == 0,
            IpAddr::V6(_) => true,
        }
    }
}
