//! How many packets may be logged.

use crate::prefix::{LogPrefix, Verdict};

/// The number of packets per second that a container's chains may log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogLimits {
    /// silk's `iptables_denied_logs_per_sec`: 1 by default.
    pub denied_per_second: u32,
    /// silk's `iptables_accepted_udp_logs_per_sec`: 100 by default.
    pub udp_per_second: u32,
}

impl LogLimits {
    /// silk's own limits.
    ///
    /// ```
    /// use asg_core::completeness::LogLimits;
    /// assert_eq!(LogLimits::DEFAULT.udp_per_second, 100);
    /// ```
    pub const DEFAULT: Self = Self { denied_per_second: 1, udp_per_second: 100 };
}

impl Default for LogLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The limit that applies to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The limit of denied packets.
    Denied,
    /// The limit of UDP packets that passed.
    Udp,
}

impl Limit {
    /// Returns the limit for packets of this prefix and protocol, if any.
    pub(crate) fn of(prefix: &[u8], cf: Option<&LogPrefix<'_>>, proto: Option<u8>) -> Option<Self> {
        match cf?.verdict {
            Verdict::Denied => Some(Self::Denied),
            // garden-linux and guardian have no limits, and no `OK_`.
            Verdict::Allowed => {
                (proto == Some(17) && prefix.starts_with(b"OK_")).then_some(Self::Udp)
            }
        }
    }
}
