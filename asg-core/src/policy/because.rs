//! The closed lists of words in answers.

use std::fmt;
use std::marker::PhantomData;

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

        const _: () = assert!($name::ALL.len() <= 32, "a set has 32 bits");

        impl sealed::Listed for $name {
            const LIST: &'static [Self] = &Self::ALL;

            fn place(self) -> u32 {
                self as u32
            }
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

/// A code of a closed list: [`Because`] or [`Blind`].
pub trait Code: Copy + Eq + fmt::Debug + fmt::Display + Serialize + sealed::Listed {}

impl<T: Copy + Eq + fmt::Debug + fmt::Display + Serialize + sealed::Listed> Code for T {}

mod sealed {
    /// A type of at most 32 values.
    pub trait Listed: Sized + 'static {
        const LIST: &'static [Self];

        fn place(self) -> u32;
    }
}

/// A set of codes, in the order of their list.
///
/// ```
/// use asg_core::policy::{Because, Codes};
///
/// let mut codes = Codes::from([Because::SyncLag, Because::Rule]);
/// codes.insert(Because::Rule);
/// assert_eq!(codes, [Because::Rule, Because::SyncLag]);
/// assert!(codes.contains(Because::SyncLag) && !codes.contains(Because::NoSnapshot));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Codes<T> {
    bits: u32,
    of: PhantomData<T>,
}

impl<T: Code> Codes<T> {
    /// Creates an empty set.
    ///
    /// ```
    /// use asg_core::policy::{Blind, Codes};
    /// assert!(Codes::<Blind>::new().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { bits: 0, of: PhantomData }
    }

    /// Adds a code.
    ///
    /// ```
    /// use asg_core::policy::{Blind, Codes};
    /// let mut codes = Codes::new();
    /// codes.insert(Blind::Established);
    /// assert_eq!(codes.len(), 1);
    /// ```
    pub fn insert(&mut self, code: T) {
        self.bits |= 1 << code.place();
    }

    /// Removes a code.
    ///
    /// ```
    /// use asg_core::policy::{Blind, Codes};
    /// let mut codes = Codes::from([Blind::Established, Blind::LinesLost]);
    /// codes.remove(Blind::Established);
    /// assert_eq!(codes, [Blind::LinesLost]);
    /// ```
    pub fn remove(&mut self, code: T) {
        self.bits &= !(1 << code.place());
    }

    /// Returns whether the set has a code.
    ///
    /// ```
    /// use asg_core::policy::{Blind, Codes};
    /// assert!(Codes::from([Blind::Established]).contains(Blind::Established));
    /// ```
    #[must_use]
    pub fn contains(self, code: T) -> bool {
        self.bits & 1 << code.place() != 0
    }

    /// Returns the number of codes.
    ///
    /// ```
    /// use asg_core::policy::{Blind, Codes};
    /// assert_eq!(Codes::from([Blind::Established, Blind::Established]).len(), 1);
    /// ```
    #[must_use]
    pub const fn len(self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Returns whether the set is empty.
    ///
    /// ```
    /// use asg_core::policy::{Blind, Codes};
    /// assert!(!Codes::from([Blind::Established]).is_empty());
    /// ```
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Returns the codes, in the order of their list.
    ///
    /// ```
    /// use asg_core::policy::{Blind, Codes};
    /// let codes = Codes::from([Blind::LinesLost, Blind::Established]);
    /// assert_eq!(codes.iter().next(), Some(Blind::Established));
    /// ```
    pub fn iter(self) -> impl Iterator<Item = T> {
        T::LIST.iter().copied().filter(move |code| self.contains(*code))
    }
}

impl<T: Code> Default for Codes<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Code> fmt::Debug for Codes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Code> Extend<T> for Codes<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, codes: I) {
        codes.into_iter().for_each(|code| self.insert(code));
    }
}

impl<T: Code> FromIterator<T> for Codes<T> {
    fn from_iter<I: IntoIterator<Item = T>>(codes: I) -> Self {
        let mut all = Self::new();
        all.extend(codes);
        all
    }
}

impl<T: Code, const N: usize> From<[T; N]> for Codes<T> {
    fn from(codes: [T; N]) -> Self {
        codes.into_iter().collect()
    }
}

/// Compares with codes in the order of the list.
impl<T: Code, const N: usize> PartialEq<[T; N]> for Codes<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        self.iter().eq(other.iter().copied())
    }
}

/// `[{"code":…},…]`
impl<T: Code> Serialize for Codes<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct One<T> {
            code: T,
        }
        serializer.collect_seq(self.iter().map(|code| One { code }))
    }
}
