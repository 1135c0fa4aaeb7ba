//! The values that a column can have, where these are a few words or numbers of a few bits. Asking
//! for any other value is a slip and gets an error.

use std::ops::RangeInclusive;

use asg_core::ledger::Reason;
use asg_core::names::AppState;
use asg_core::packet::{Family, Proto};
use asg_core::policy::{Basis, Decided, Governed, How, Outcome, Phase};
use asg_core::prefix::{Direction, Plane, Subject};
use asg_core::{Certainty, Verdict};

/// Protocols that have a name.
const PROTOCOLS: [Proto; 13] = [
    Proto::Tcp,
    Proto::Udp,
    Proto::UdpLite,
    Proto::Icmp,
    Proto::Icmpv6,
    Proto::Ah,
    Proto::Esp,
    Proto::Sctp,
    Proto::Other(2),
    Proto::Other(47),
    Proto::Other(89),
    Proto::Other(103),
    Proto::Other(112),
];

/// Returns the words that the column with this name can have; `None` if it can have any text.
pub(crate) fn words(column: &str) -> Option<Vec<&'static str>> {
    Some(match column {
        "verdict" => Verdict::ALL.map(Verdict::as_str).to_vec(),
        "plane" => Plane::ALL.map(Plane::as_str).to_vec(),
        "direction" => Direction::ALL.map(Direction::as_str).to_vec(),
        "subject" => Subject::ALL.map(Subject::as_str).to_vec(),
        "family" => Family::ALL.map(Family::as_str).to_vec(),
        "certainty" => Certainty::ALL.iter().rev().map(|it| it.as_str()).collect(),
        "reason" => Reason::ALL.map(Reason::as_str).to_vec(),
        "app_state" => AppState::ALL.map(AppState::as_str).to_vec(),
        "phase" => Phase::ALL.map(Phase::as_str).to_vec(),
        "configured" | "enforced" => Outcome::ALL.map(Outcome::as_str).to_vec(),
        "governed" => Governed::ALL.map(Governed::as_str).to_vec(),
        "basis" => Basis::ALL.map(Basis::as_str).to_vec(),
        "decided" => Decided::ALL.map(Decided::as_str).to_vec(),
        "by" => vec!["rule", "any_of", "default", "deny_network", "invalid"],
        "near_how" => How::ALL.map(How::as_str).to_vec(),
        _ => return None,
    })
}

/// Returns the numbers that the column with this name can have, if it has numbers.
pub(crate) fn numbers(column: &str) -> RangeInclusive<i64> {
    let last = match column {
        "icmp_type" | "icmp_code" | "tos" | "prec" | "ttl" | "hoplimit" => u8::MAX.into(),
        "spt" | "dpt" | "nested_spt" | "nested_dpt" | "id" | "window" | "urgp" | "udp_len"
        | "icmp_id" | "icmp_seq" => u16::MAX.into(),
        "len" | "frag_offset" | "seq" | "ack" | "mtu" | "uid" | "gid" | "mark" | "index" => {
            u32::MAX.into()
        }
        _ => i64::MAX,
    };
    0..=last
}

/// Returns those numbers in a sentence.
pub(crate) fn numbers_in_words(column: &str) -> String {
    match *numbers(column).end() {
        i64::MAX => "a number that is not negative".to_owned(),
        last => format!("a number from 0 to {last}"),
    }
}

/// Returns the names of protocols, in a sentence.
pub(crate) fn protocols_in_words() -> String {
    let names: Vec<_> = PROTOCOLS.iter().filter_map(|proto| proto.name()).collect();
    format!("{} or a number from 0 to 255", names.join(", "))
}

/// Returns the values in a column of protocols for this name, in either case, or for this number.
/// Packets show a protocol as printed: many by their number, and some that have a name by their
/// number where they do not belong, such as ICMP in IPv6. `None` if the text is neither.
pub(crate) fn protocol(text: &str) -> Option<Vec<String>> {
    let (proto, by_number) = match text.parse::<u8>() {
        Ok(number) => (Proto::Other(number), true),
        Err(_) => (Proto::named(text)?, false),
    };
    let number = proto.number();
    // Only these are printed as numbers where they belong.
    let is_numbered = by_number || matches!(proto, Proto::Other(_) | Proto::Sctp);
    let printed = is_numbered.then(|| number.to_string());
    Some(proto.name().map(ToOwned::to_owned).into_iter().chain(printed).collect())
}

/// Returns `a, b or c`.
pub(crate) fn listed(words: &[&str]) -> String {
    match words {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => words.join(""),
    }
}
