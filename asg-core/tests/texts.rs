//! Every value that displays is parsed back, by `parse` and by `FromStr` alike.

use std::fmt::{Debug, Display};
use std::net::IpAddr;
use std::str::FromStr;

use asg_core::guid::{GuidPrefix, Handle, HandlePrefix, ProcessGuid, ProcessName};
use asg_core::packet::{Address, MacAddr, Proto, TcpFlags};
use asg_core::policy::{AddressRange, Destination, Ports};
#[cfg(feature = "siem")]
use asg_core::siem::{CommunityId, FlowId};
use asg_core::time::Uptime;
use asg_core::{Error, Guid, Timestamp};
#[cfg(feature = "siem")]
use base64::Engine as _;
#[cfg(feature = "siem")]
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{from_value, to_value};

/// Checks the words of an enum: as text, back, and in JSON.
macro_rules! words {
    ($($($part:ident)::+),+ $(,)?) => {$({
        use asg_core::$($part)::+ as Words;
        let all = Words::ALL;
        assert!(all.len() > 1);
        for value in all {
            let word = value.as_str();
            assert_eq!(value.to_string(), word);
            assert_eq!(Words::parse(word.as_bytes()), Ok(value), "{word}");
            assert_eq!(word.parse(), Ok(value), "{word}");
            assert_eq!(to_value(value).unwrap(), word);
            assert_eq!(from_value::<Words>(word.into()).unwrap(), value);
            assert_eq!(format!("{value:>40}").len(), 40, "it is padded");
        }
        let error = Words::parse(b"no such word").unwrap_err().to_string();
        assert!(all.iter().all(|value| error.contains(value.as_str())), "{error}");
    })+};
}

#[test]
fn every_word_of_an_enum_is_parsed_back() {
    words!(
        event::Moment,
        event::RepEventKind,
        ledger::Certainty,
        ledger::Conflict,
        line::Dialect,
        names::AppState,
        names::Workload,
        packet::Family,
        packet::Format,
        policy::Basis,
        policy::Because,
        policy::Blind,
        policy::Decided,
        policy::Governed,
        policy::GroupOrder,
        policy::How,
        policy::Load,
        policy::LogLine,
        policy::Miss,
        policy::Outcome,
        policy::Phase,
        policy::Profile,
        policy::Protocol,
        policy::Verdict,
        prefix::Direction,
        prefix::Plane,
        prefix::Subject,
        prefix::Verdict,
        time::TimeQuality,
    );
    #[cfg(feature = "siem")]
    words!(siem::Standard);
}

fn round_trip<T>(value: &T, parse: impl Fn(&[u8]) -> Result<T, Error>)
where
    T: FromStr<Err: Debug + PartialEq> + Display + PartialEq + Debug,
{
    let text = value.to_string();
    assert_eq!(&parse(text.as_bytes()).unwrap(), value, "{text}");
    assert_eq!(&text.parse::<T>().unwrap(), value, "{text}");
}

proptest! {
    #[test]
    fn every_value_is_parsed_back(
        bits: u128, other: u128, len in 1_usize..37, nanos: i64, micros: u64, mac: [u8; 6], number: u8,
        ip: IpAddr, end: IpAddr, name in "[!-~]{1,60}",
    ) {
        let guid = Guid::from_u128(bits);
        round_trip(&guid, Guid::parse);
        round_trip(&GuidPrefix::from(guid).truncated(len).unwrap(), GuidPrefix::parse);
        let process = ProcessGuid { process: guid, version: Guid::from_u128(other) };
        round_trip(&process, ProcessGuid::parse);
        round_trip(&ProcessName::Guid(process), |text| Ok(ProcessName::new(std::str::from_utf8(text).unwrap())));
        round_trip(&ProcessName::new(&name), |text| Ok(ProcessName::new(std::str::from_utf8(text).unwrap())));
        round_trip(&Handle::parse(name.as_bytes())?, Handle::parse);
        prop_assert_eq!(HandlePrefix::parse(name.as_bytes())?.to_string(), name);
        round_trip(&Timestamp::from_nanos(nanos), Timestamp::parse);
        round_trip(&Uptime::from_micros(micros), Uptime::parse);
        round_trip(&Address::from(ip), Address::parse);
        round_trip(&Address::Blank, Address::parse);
        round_trip(&MacAddr(mac), MacAddr::parse);
        let flags = [
            TcpFlags::AE, TcpFlags::CWR, TcpFlags::ECE, TcpFlags::URG, TcpFlags::ACK, TcpFlags::PSH, TcpFlags::RST,
            TcpFlags::SYN, TcpFlags::FIN,
        ];
        let is_set = |n: &usize| bits >> n & 1 == 1;
        let flags = (0..9).filter(is_set).fold(TcpFlags::default(), |all, n| all | flags[n]);
        round_trip(&flags, TcpFlags::parse);
        let proto = Proto::Other(number);
        round_trip(&proto, Proto::parse);
        // A cell reads an IPv4 address in IPv6's form as IPv4.
        let (ip, end) = (ip.to_canonical(), end.to_canonical());
        round_trip(&AddressRange::new(ip, ip), AddressRange::parse);
        if ip.is_ipv4() == end.is_ipv4() {
            round_trip(&AddressRange::new(ip, end), AddressRange::parse);
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic_and_what_it_takes_it_prints(text in ".{0,40}|[0-9a-fx:./-]{0,40}") {
        let bytes = text.as_bytes();
        macro_rules! same {
            ($($type:ty),+) => {$(
                if let Ok(value) = <$type>::parse(bytes) {
                    let printed = value.to_string();
                    prop_assert_eq!(&<$type>::parse(printed.as_bytes()).unwrap(), &value, "{}", printed);
                    prop_assert_eq!(&text.parse::<$type>().unwrap(), &value);
                } else {
                    prop_assert!(text.parse::<$type>().is_err());
                }
            )+};
        }
        same!(
            Guid, GuidPrefix, ProcessGuid, Handle, Timestamp, Uptime, Address, MacAddr, Proto, TcpFlags,
            AddressRange
        );
        #[cfg(feature = "siem")]
        same!(FlowId, CommunityId);
    }
}

#[cfg(feature = "siem")]
proptest! {
    #[test]
    fn every_id_of_a_packet_is_parsed_back(flow: [u8; 16], community: [u8; 20], at in 0_usize..40, byte: u8) {
        let hex: String = flow.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = FlowId::parse(hex.as_bytes()).unwrap();
        prop_assert_eq!(id.to_string(), &hex[..]);
        prop_assert_eq!(FlowId::parse(hex.to_uppercase().as_bytes()), Ok(id));
        round_trip(&id, FlowId::parse);
        let base64 = format!("1:{}", STANDARD.encode(community));
        let id = CommunityId::parse(base64.as_bytes()).unwrap();
        prop_assert_eq!(id.to_string(), &base64[..]);
        round_trip(&id, CommunityId::parse);
        // A changed, longer or shorter text is another id or none, and an error has a place in it.
        for text in [hex, base64] {
            let mut other = text.clone().into_bytes();
            if at < other.len() { other[at] = byte } else { other.push(byte) }
            for bytes in [&other[..], &other[..at.min(other.len())]] {
                let flow = FlowId::parse(bytes).map(|id| id.to_string());
                let community = CommunityId::parse(bytes).map(|id| id.to_string());
                for parsed in [flow, community] {
                    match parsed {
                        Ok(printed) => prop_assert!(printed.as_bytes().eq_ignore_ascii_case(bytes)),
                        Err(error) => prop_assert!(error.offset() <= bytes.len(), "{}", error),
                    }
                }
            }
        }
    }
}

#[test]
fn flags_are_words_in_any_order_with_a_blank_between() {
    let flags = TcpFlags::parse(b"SYN ACK").unwrap();
    assert_eq!(flags.to_string(), "ACK SYN", "in the kernel's order");
    assert_eq!(format!("{flags:>9}|{flags:<9}"), "  ACK SYN|ACK SYN  ");
    assert_eq!(TcpFlags::parse(b""), Ok(TcpFlags::default()));
    for (text, offset) in
        [("ACK  SYN", 4), ("ack", 0), ("ACK SYN ACK", 8), ("ACK ", 4), ("SYNC", 0)]
    {
        assert_eq!(TcpFlags::parse(text.as_bytes()).unwrap_err().offset(), offset, "{text}");
    }
}

#[test]
fn named_protocols_are_parsed_back() {
    for proto in [Proto::Tcp, Proto::Udp, Proto::UdpLite, Proto::Icmp, Proto::Icmpv6, Proto::Sctp] {
        round_trip(&proto, Proto::parse);
    }
    for proto in [Proto::Ah, Proto::Esp] {
        round_trip(&proto, Proto::parse);
    }
}

#[test]
fn words_of_rules_are_parsed_back() {
    for text in ["10.0.0.0/8", "10.0.0.1-10.0.0.9", "::1"] {
        let destination: Destination = text.parse().unwrap();
        assert_eq!(destination.to_string().parse(), Ok(destination));
    }
    for text in ["443", "1-65535", "80,443"] {
        let ports: Ports = text.parse().unwrap();
        assert_eq!(ports.to_string().parse(), Ok(ports));
    }
}
