//! Ten years of Cloud Foundry, as a table: each era's names for a container, and its log lines.

use super::clock::SECOND;
use super::envelope::Envelope;

/// A time in Cloud Foundry's history, with its handles, log prefixes, rep messages, lager format
/// and envelope.
///
/// ```
/// use asg_benches::sim::Era;
///
/// assert_eq!("silk".parse(), Ok(Era::Silk));
/// assert_eq!(Era::Guardian36.name(), "guardian-36");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// DEA and warden, 2014: the prefix is warden's own short id; rep does not exist yet.
    Warden,
    /// garden-linux, early 2015: the prefix is the name of a chain, with garden's own short id.
    Chains,
    /// garden-linux, 2015-03 to 2016-05: handles `<process GUID>-<instance GUID>`, so prefixes show
    /// the app's GUID.
    GardenLinux,
    /// guardian, 2016-06 to 2017-04: handles of 36 characters, 29 of them glued to `IN=`. The
    /// knowledge-base article's.
    Guardian36,
    /// guardian up to garden-runc 1.3 with Diego from 1.15: whole handles of 28 characters, glued
    /// to `IN=`.
    Guardian28Glued,
    /// guardian from garden-runc 1.7, from 2017-05: whole handles of 28 characters and a space, any
    /// protocol.
    Guardian28,
    /// netman, cf-networking 0.11 to 0.18: bare handles glued, `REJECT_LOCAL:`, `OK_<tag>_<app
    /// GUID>` glued.
    Netman,
    /// cf-networking 0.22, spring of 2017: `OK_`, `DENY_`, `DENY_C2C_`, all glued to `IN=`.
    CfNetworking,
    /// silk, 2018: 28 characters and a space, lager with seconds since the epoch.
    Silk,
    /// silk, 2024: like `Silk`, with `DENY_ORL_`, rolling deployments, lager with RFC 3339 stamps.
    SilkModern,
    /// silk, 2026: like `SilkModern`, with IPv6.
    SilkIpv6,
}

/// The form of a container's handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandleForm {
    /// `<process GUID>-<instance GUID>`, 110 characters.
    ProcessAndInstance,
    /// The instance GUID.
    Guid36,
    /// The first 28 characters of the instance GUID.
    Guid28,
}

/// The name in a log prefix of an allowed packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// A short id of the container runtime's own, behind this text: Diego's log lines do not
    /// contain it.
    ShortId(&'static str),
    /// The handle.
    Handle,
}

/// The network of containers' packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// A bridge per container, addresses from a pool that is the same on every cell.
    Bridge,
    /// flannel, with silk's interface names for ASG lines.
    Flannel,
    /// silk: a network of /24 per cell.
    Silk,
}

/// The form of lager's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lager {
    /// `"timestamp":"1498136872.889604807"` and `log_level`.
    UnixEpoch,
    /// `"timestamp":"2024-05-06T07:08:09.000000120Z"` and `level`.
    Rfc3339,
}

/// `-m limit`: one packet per `period`, `burst` of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) period: i64,
    pub(super) burst: i64,
}

const PER_SECOND: Limit = Limit { period: SECOND, burst: 1 };
const HUNDRED_PER_SECOND: Limit = Limit { period: SECOND / 100, burst: 100 };
/// Five at once is iptables' default.
const TWO_PER_MINUTE: Limit = Limit { period: 30 * SECOND, burst: 5 };

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) name: &'static str,
    /// When a simulation of this era starts, in seconds since 1970.
    pub(super) start: i64,
    pub(super) handle: HandleForm,
    pub(super) named: Named,
    /// The text before an allowed packet's handle.
    pub(super) allowed: &'static str,
    /// Whether prefixes are cut at 29 characters without a space; else at 28, with one.
    pub(super) glued: bool,
    /// The limit for packets that ASGs deny, if they are logged.
    pub(super) denied: Option<Limit>,
    /// The limit for UDP, ICMP and other protocols, if they are logged; `None` for TCP only.
    pub(super) udp: Option<Limit>,
    /// The limit for container-to-container packets that a policy allows, if they are logged.
    pub(super) c2c: Option<Limit>,
    /// The limit for container-to-container packets that none allows, if they are logged with the
    /// destination's handle.
    pub(super) c2c_denied: Option<Limit>,
    /// `REJECT_LOCAL: ` and `REJECT_REMOTE: `.
    pub(super) rejects: Option<Limit>,
    /// Whether `DENY_ORL_` exists.
    pub(super) outbound_limit: bool,
    pub(super) ipv6: bool,
    pub(super) network: Network,
    pub(super) rep: bool,
    /// Whether Garden is guardian, which logs what it makes and destroys.
    pub(super) guardian: bool,
    pub(super) lager: Lager,
    /// The beginning of rep's messages.
    pub(super) operation: &'static str,
    /// Whether `net_info` has the container's address.
    pub(super) instance_address: bool,
    /// Whether `net_info` has the sidecar's ports.
    pub(super) tls_ports: bool,
    /// Whether staging containers are called `<app GUID>-<32 digits>`; later after the build.
    pub(super) old_staging: bool,
    /// Whether apps have processes other than web.
    pub(super) workers: bool,
    /// Whether rolling deployments give apps fresh process GUIDs.
    pub(super) rolling: bool,
    pub(super) envelope: Envelope,
}

/// The oldest era; each later row lists its differences.
const WARDEN: Facts = Facts {
    name: "warden",
    start: 1_407_920_400,
    handle: HandleForm::Guid36,
    named: Named::ShortId("warden-i-"),
    allowed: "",
    glued: false,
    denied: None,
    udp: None,
    c2c: None,
    c2c_denied: None,
    rejects: None,
    outbound_limit: false,
    ipv6: false,
    network: Network::Bridge,
    rep: false,
    guardian: false,
    lager: Lager::UnixEpoch,
    operation: "rep.event-consumer.operation-stream.executing-container-operation",
    instance_address: false,
    tls_ports: false,
    old_staging: true,
    workers: false,
    rolling: false,
    envelope: Envelope::Rfc3164,
};
const CHAINS: Facts = Facts {
    name: "chains",
    start: 1_425_456_000,
    named: Named::ShortId("w-0-instance-"),
    rep: true,
    envelope: Envelope::Metron,
    ..WARDEN
};
const GARDEN_LINUX: Facts = Facts {
    name: "garden-linux",
    start: 1_453_565_000,
    named: Named::Handle,
    handle: HandleForm::ProcessAndInstance,
    glued: true,
    ..CHAINS
};
const GUARDIAN_36: Facts = Facts {
    name: "guardian-36",
    start: 1_484_000_000,
    handle: HandleForm::Guid36,
    guardian: true,
    operation: "rep.executing-container-operation",
    old_staging: false,
    ..GARDEN_LINUX
};
const GUARDIAN_28_GLUED: Facts = Facts {
    name: "guardian-28-glued",
    start: 1_493_400_000,
    handle: HandleForm::Guid28,
    envelope: Envelope::BoshTag,
    ..GUARDIAN_36
};
const GUARDIAN_28: Facts = Facts {
    name: "guardian-28",
    start: 1_497_655_000,
    glued: false,
    udp: Some(Limit { period: 0, burst: 1 }),
    instance_address: true,
    workers: true,
    envelope: Envelope::Rfc5424,
    ..GUARDIAN_28_GLUED
};
const NETMAN: Facts = Facts {
    name: "netman",
    start: 1_483_000_000,
    c2c: Some(TWO_PER_MINUTE),
    rejects: Some(TWO_PER_MINUTE),
    network: Network::Flannel,
    envelope: Envelope::JobPath,
    ..GUARDIAN_36
};
const CF_NETWORKING: Facts = Facts {
    name: "cf-networking",
    start: 1_493_100_000,
    allowed: "OK_",
    denied: Some(TWO_PER_MINUTE),
    c2c_denied: Some(TWO_PER_MINUTE),
    rejects: None,
    envelope: Envelope::DeploymentPath,
    ..NETMAN
};
const SILK: Facts = Facts {
    name: "silk",
    start: 1_522_775_000,
    handle: HandleForm::Guid28,
    glued: false,
    denied: Some(PER_SECOND),
    udp: Some(HUNDRED_PER_SECOND),
    c2c: Some(Limit { period: 0, burst: 1 }),
    c2c_denied: Some(PER_SECOND),
    network: Network::Silk,
    instance_address: true,
    workers: true,
    envelope: Envelope::Files,
    ..CF_NETWORKING
};
const SILK_MODERN: Facts = Facts {
    name: "silk-modern",
    start: 1_714_979_000,
    outbound_limit: true,
    lager: Lager::Rfc3339,
    tls_ports: true,
    rolling: true,
    envelope: Envelope::Rfc5424,
    ..SILK
};
const SILK_IPV6: Facts =
    Facts { name: "silk-ipv6", start: 1_772_000_000, ipv6: true, ..SILK_MODERN };

impl Era {
    /// All eras, the oldest first.
    pub const ALL: [Self; 11] = [
        Self::Warden,
        Self::Chains,
        Self::GardenLinux,
        Self::Guardian36,
        Self::Guardian28Glued,
        Self::Guardian28,
        Self::Netman,
        Self::CfNetworking,
        Self::Silk,
        Self::SilkModern,
        Self::SilkIpv6,
    ];

    pub(super) const fn facts(self) -> &'static Facts {
        match self {
            Self::Warden => &WARDEN,
            Self::Chains => &CHAINS,
            Self::GardenLinux => &GARDEN_LINUX,
            Self::Guardian36 => &GUARDIAN_36,
            Self::Guardian28Glued => &GUARDIAN_28_GLUED,
            Self::Guardian28 => &GUARDIAN_28,
            Self::Netman => &NETMAN,
            Self::CfNetworking => &CF_NETWORKING,
            Self::Silk => &SILK,
            Self::SilkModern => &SILK_MODERN,
            Self::SilkIpv6 => &SILK_IPV6,
        }
    }

    /// Returns its word on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// Returns the envelope in which most operators met its lines.
    #[must_use]
    pub const fn usual_envelope(self) -> Envelope {
        self.facts().envelope
    }
}

impl Facts {
    /// Writes a prefix as the kernel has it: iptables keeps 29 characters, silk and later guardians
    /// cut at 28 and add a space themselves.
    pub(super) fn prefix(&self, out: &mut Vec<u8>, parts: &[&str]) {
        let start = out.len();
        out.extend(parts.concat().as_bytes());
        let limit = if self.glued { 29 } else { 28 };
        out.truncate(start + limit);
        if !self.glued {
            out.push(b' ');
        }
    }
}

impl std::str::FromStr for Era {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|era| era.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|era| era.name()).collect();
            format!("no era is called `{name}`; there are {}", names.join(", "))
        })
    }
}
