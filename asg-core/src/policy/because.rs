//! The closed lists of words in answers.

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::probe::Probe;
use super::settings::Settings;
use crate::words::words;

/// The mechanism that decides about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum Governed {
    /// The security groups.
    Asg,
    /// The policies between containers.
    C2c,
    /// The cell itself, which is the packet's destination.
    Cell,
    /// The networks that containers may not reach.
    DenyNetwork,
    /// The limit on new connections.
    RateLimit,
    /// It is not known, because the destination is not.
    Unknown,
}

words! {
    "policy" Governed "a mechanism" {
        Asg = "asg", C2c = "c2c", Cell = "cell", DenyNetwork = "deny_network", RateLimit = "rate_limit", Unknown = "unknown",
    }
}

impl Governed {
    /// Returns what decides about a packet to containers or to the cell, which bypasses security
    /// groups.
    pub(super) fn beside_groups(settings: &Settings, probe: &Probe) -> Option<Self> {
        let goes_to = |networks: &[super::AddressRange]| {
            networks.iter().any(|network| network.contains(probe.destination))
        };
        if goes_to(&settings.overlay_networks) {
            return Some(Self::C2c);
        }
        goes_to(&settings.cell_networks).then_some(Self::Cell)
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident $kind:literal { $(#[doc = $what:literal] $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = $what] $variant,)*
        }

        impl $name {
            /// Returns its meaning, as a sentence.
            #[must_use]
            pub fn what(self) -> &'static str {
                let what = match self {
                    $(Self::$variant => $what,)*
                };
                what.trim_start()
            }
        }

        words! {
            "policy" $name $kind { $($variant = $word,)* }
        }
    };
}

codes! {
    /// The closed list of reasons for an answer.
    Because "a reason" {
        /// A rule allows it.
        Rule = "rule",
        /// No rule allows it.
        DefaultDeny = "default_deny",
        /// It exceeded the limit on new connections.
        RateLimit = "rate_limit",
        /// It went to a network that containers may not reach.
        DenyNetwork = "deny_network",
        /// Security groups are not asked about it.
        NotGoverned = "not_governed",
        /// It belongs to a connection whose beginning the kernel no longer knew: ACK without SYN.
        PickUp = "pick_up",
        /// A change may not have reached the cell.
        SyncLag = "sync_lag",
        /// The container has the rules of the time when its process version was desired.
        StaticContainer = "static_container",
        /// A rule whose words are about this packet is not enforced.
        UnenforceableRule = "unenforceable_rule",
        /// An ICMP rule with a type and code -1 allows code 255 only.
        IcmpCodeAny = "icmp_code_any",
        /// An ICMP rule with type -1 and a code allows every type and code.
        IcmpTypeAny = "icmp_type_any",
        /// A destination that silk's agent cannot read has emptied the chain.
        PoisonedSet = "poisoned_set",
        /// A rule that iptables refuses keeps the old rules in place.
        FrozenSet = "frozen_set",
        /// The order of groups is not known.
        OrderUnknown = "order_unknown",
        /// It is not known whether the container ran or staged.
        PhaseUnknown = "phase_unknown",
        /// The space is not known, so that only global groups are.
        SpaceUnknown = "space_unknown",
        /// The snapshot has a part of the groups only.
        PartialSnapshot = "partial_snapshot",
        /// No snapshot shows what the rules were.
        NoSnapshot = "no_snapshot",
    }
}

codes! {
    /// A set of packets that cannot leave a line: a closed list.
    Blind "a blind spot" {
        /// Packets that a rule allows which does not log.
        UnloggedRule = "unlogged_rule",
        /// All packets of a connection but the first.
        Established = "established",
        /// UDP packets after a reply.
        UdpReplied = "udp_replied",
        /// Allowed UDP packets beyond the limit on lines.
        UdpRate = "udp_rate",
        /// Denied packets beyond the limit on lines, which all destinations of a container share.
        DenyRate = "deny_rate",
        /// Denied packets, since `iptables_logging` is off.
        DenyLoggingOff = "deny_logging_off",
        /// Packets to networks that containers may not reach.
        DenyNetwork = "deny_network",
        /// TCP packets that belong to no connection, which are dropped.
        TcpInvalid = "tcp_invalid",
        /// Packets to the cell itself.
        HostTraffic = "host_traffic",
        /// Packets between containers, unless their own logging is on.
        C2cUnlogged = "c2c_unlogged",
        /// Packets before the container had a chain.
        BeforeChain = "before_chain",
        /// Packets whose lines were lost on the way.
        LinesLost = "lines_lost",
        /// Packets that guardian denies, which it never logs.
        GuardianDeny = "guardian_deny",
    }
}

/// Codes as a list of `{"code":…}`.
pub(super) struct Codes<'a, T>(&'a [T]);

pub(super) const fn codes<T>(codes: &[T]) -> Codes<'_, T> {
    Codes(codes)
}

impl<T: Serialize> Serialize for Codes<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Code<'a, T> {
            code: &'a T,
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for code in self.0 {
            list.serialize_element(&Code { code })?;
        }
        list.end()
    }
}
