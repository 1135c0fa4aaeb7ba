//! The packets like this one that cannot leave a line.

use super::{Explanation, Key, Outcome};
use crate::policy::because::{Blind, Codes, Governed};
use crate::policy::probe::{Probe, ProbeTraffic};
use crate::policy::settings::{Profile, Settings};

/// Returns the codes for an explanation, including those that it already has.
pub(super) fn blind(key: &Key, settings: &Settings, explanation: &Explanation) -> Codes<Blind> {
    let mut found = explanation.blind;
    let outcome = explanation.observed.or(explanation.enforced);
    let is_guardian = settings.profile == Profile::Guardian;
    match (explanation.governed, outcome) {
        (Governed::C2c, _) => {
            found.insert(Blind::C2cUnlogged);
        }
        (Governed::Cell, _) => {
            found.insert(Blind::HostTraffic);
        }
        (Governed::DenyNetwork, _) => {
            found.insert(Blind::DenyNetwork);
        }
        (Governed::Asg, Some(Outcome::Allowed)) => {
            found.insert(Blind::Established);
            if matches!(key.probe, Some(Probe { traffic: ProbeTraffic::Udp { .. }, .. })) {
                found.insert(Blind::UdpReplied);
                if !is_guardian {
                    found.insert(Blind::UdpRate);
                }
            }
        }
        (Governed::Asg, Some(Outcome::Denied)) if is_guardian => {
            found.insert(Blind::GuardianDeny);
        }
        (Governed::Asg, Some(Outcome::Denied)) => {
            found.insert(Blind::DenyRate);
            if settings.iptables_logging == Some(false) {
                found.insert(Blind::DenyLoggingOff);
            }
        }
        (Governed::RateLimit, _) => {
            found.insert(Blind::DenyRate);
        }
        (Governed::Asg | Governed::Unknown, _) => {}
    }
    if key.probe.is_some_and(|probe| probe.is_invalid()) && !is_guardian {
        found.insert(Blind::TcpInvalid);
    }
    found
}
