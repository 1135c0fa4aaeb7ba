//! Rules against the real validators' verdicts, and the laws.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const fn settings(ipv6: bool, lists: bool, grammar: Grammar) -> ValidatorSettings {
    ValidatorSettings { ipv6, lists, grammar }
}

const DEFAULT: ValidatorSettings = settings(false, false, Grammar::Ipaddr);
const IPV6: ValidatorSettings = settings(true, false, Grammar::Ipaddr);
const OPEN: ValidatorSettings = settings(true, true, Grammar::Ipaddr);
const OLD: ValidatorSettings = settings(true, true, Grammar::Netaddr);

/// Returns message and model verdicts as `TF`, for the three settings.
fn verdicts(rule: &Value) -> String {
    let json = rule.to_string();
    let one = |settings| {
        let verdicts = check(json.as_bytes(), settings);
        let letter = |errors: &[RuleError]| if errors.is_empty() { 'T' } else { 'F' };
        format!("{}{}", letter(&verdicts.message), letter(&verdicts.model))
    };
    [DEFAULT, IPV6, OPEN].map(one).join(" ")
}

#[test]
fn every_verdict_is_the_real_validators() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/asg/rule_vectors.json"));
    let vectors: Value = serde_json::from_str(text).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 59);
    for vector in vectors {
        let rule = &vector["rule"];
        let real = ["default", "ipv6", "ipv6+comma"].map(|settings| {
            let verdict = &vector["verdict"][settings];
            // A value other than an object never reached the model validator.
            let letter = |name: &str| if verdict[name] == json!(true) { 'T' } else { 'F' };
            format!("{}{}", letter("v3_valid"), letter("model_valid"))
        });
        assert_eq!(verdicts(rule), real.join(" "), "{rule}");
        let parsed = Rule::parse(rule.to_string().as_bytes());
        if real.iter().any(|verdicts| verdicts.ends_with('T')) {
            assert!(parsed.is_ok(), "what can be stored can be read: {rule}: {parsed:?}");
        }
    }
}

#[test]
fn the_two_validators_disagree_where_they_are_known_to() {
    let tcp =
        |destination: &str| json!({ "protocol": "tcp", "destination": destination, "ports": "80" });
    let with = |mut rule: Value, key: &str, value: Value| {
        rule[key] = value;
        rule
    };
    let icmp = |protocol: &str, destination: &str| json!({ "protocol": protocol, "destination": destination, "type": -1, "code": 255 });
    let all = json!({ "protocol": "all", "destination": "10.0.0.0-10.255.255.255" });
    for (rule, expected) in [
        (tcp("10.0.0.5/24"), "TT TT TT"),
        (tcp("10.0.0.0/255.0.0.0"), "TT TT TT"),
        (tcp("10.0.0.1-"), "TT TT TT"),
        (tcp("10.0.0.1-10.0.0.1"), "TT TT TT"),
        (tcp(""), "TF TF TF"),
        (tcp("010.0.0.1"), "FF FF FF"),
        (tcp("1.1.1.1,2.2.2.2"), "FF FF TT"),
        (tcp("1.1.1.1,"), "FF FF FF"),
        (tcp("fe80::1%eth0"), "FF TT TT"),
        (tcp("::ffff:10.0.0.1"), "FF TT TT"),
        (tcp("10.0.0.1 "), "FF FF FF"),
        (with(tcp("10.0.0.1"), "destination", json!(5)), "FF FF FF"),
        (with(tcp("10.0.0.1"), "destination", json!(null)), "FF FF FF"),
        (with(tcp("10.0.0.1"), "ports", json!(" 80 ")), "TT TT TT"),
        (with(tcp("10.0.0.1"), "ports", json!("80,443-445")), "FF FF FF"),
        (with(tcp("10.0.0.1"), "ports", json!(80)), "FF FF FF"),
        (with(tcp("10.0.0.1"), "log", json!(null)), "TF TF TF"),
        (with(tcp("10.0.0.1"), "log", json!("true")), "FF FF FF"),
        (with(tcp("10.0.0.1"), "description", json!("")), "TT TT TT"),
        (with(tcp("10.0.0.1"), "description", json!(null)), "TF TF TF"),
        (with(tcp("10.0.0.1"), "type", json!(8)), "TF TF TF"),
        (with(tcp("10.0.0.1"), "foo", json!(1)), "FF FF FF"),
        (with(tcp("10.0.0.1"), "protocol", json!("TCP")), "FF FF FF"),
        (icmp("icmp", "10.0.0.0/8"), "TT TT TT"),
        (icmp("icmp", "::/0"), "FF FT FT"),
        (icmp("icmpv6", "::/0"), "FF TT TT"),
        (icmp("icmpv6", "10.0.0.0/8"), "FT FT FT"),
        (with(icmp("icmp", "10.0.0.0/8"), "type", json!(256)), "FF FF FF"),
        (with(icmp("icmp", "10.0.0.0/8"), "code", json!(8.0)), "FF FF FF"),
        (with(icmp("icmp", "10.0.0.0/8"), "ports", json!("80")), "TF TF TF"),
        (all.clone(), "TT TT TT"),
        (with(all.clone(), "ports", json!(null)), "TF TF TF"),
        (with(all, "ports", json!("80")), "FF FF FF"),
        (json!({}), "FF FF FF"),
        (json!("string"), "FF FF FF"),
        (tcp(&vec!["1.1.1.1"; 6000].join(",")), "FF FF TT"),
        (tcp(&vec!["1.1.1.1"; 6001].join(",")), "FF FF FT"),
    ] {
        let shown: String = rule.to_string().chars().take(120).collect();
        assert_eq!(verdicts(&rule), expected, "{shown}");
    }
}

#[test]
fn errors_say_which_key_and_why() {
    let why = |json: &str| Rule::parse(json.as_bytes()).unwrap_err().to_string();
    insta::assert_snapshot!(why("[1]"), @"the rule is not a JSON object");
    insta::assert_snapshot!(why("{"), @"the rule is not a JSON object");
    insta::assert_snapshot!(why("{}"), @"`protocol` is missing");
    insta::assert_snapshot!(why(r#"{"protocol":6}"#), @"`protocol` is not a string");
    insta::assert_snapshot!(
        why(r#"{"protocol":"TCP"}"#), @"`protocol` is none of tcp, udp, icmp, icmpv6 and all"
    );
    insta::assert_snapshot!(
        why(r#"{"protocol":"icmp","type":8,"code":256,"destination":"10.0.0.1"}"#),
        @"`code` is not a whole number from -1 to 255"
    );
    insta::assert_snapshot!(
        why(r#"{"protocol":"all","destination":"10.0.0.1,,10.0.0.2"}"#),
        @"`destination` is empty, or has an empty part"
    );
    insta::assert_snapshot!(
        why(r#"{"protocol":"all","destination":"10.0.0.9-10.0.0.1"}"#),
        @"`destination` is a range that ends before it begins"
    );
    insta::assert_snapshot!(
        why(r#"{"protocol":"all","destination":"10.0.0.1","time\n":1}"#), @r"`time\n` is not allowed here"
    );
}

#[test]
fn what_is_null_or_another_protocols_is_read_as_left_out() {
    let parse = |json: &str| Rule::parse(json.as_bytes()).unwrap();
    let plain = parse(r#"{"protocol":"tcp","destination":"10.0.0.1","ports":"80"}"#);
    let odd = parse(
        r#"{"protocol":"tcp","destination":"10.0.0.1","ports":"80","log":null,"description":null,"type":8,"code":0}"#,
    );
    assert_eq!(plain, odd);
    let odd = r#"{"protocol":"icmp","destination":"::/0","type":-1,"code":0,"ports":"80"}"#;
    assert_eq!(parse(odd).to_string(), "icmp ::/0 type any code 0");
    assert!(serde_json::from_str::<Vec<Rule>>(&format!("[{odd}]")).is_ok());
}

fn destination() -> impl Strategy<Value = String> {
    let v4 = any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).to_string());
    let v6 = any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).to_string());
    let sorted4 = (any::<u32>(), any::<u32>()).prop_map(|(a, b)| {
        format!("{}-{}", Ipv4Addr::from_bits(a.min(b)), Ipv4Addr::from_bits(a.max(b)))
    });
    let sorted6 = (any::<u128>(), any::<u128>()).prop_map(|(a, b)| {
        format!("{}-{}", Ipv6Addr::from_bits(a.min(b)), Ipv6Addr::from_bits(a.max(b)))
    });
    prop_oneof![
        v4.clone(),
        (v4, 0_u8..=32).prop_map(|(address, length)| format!("{address}/{length}")),
        v6.clone(),
        (v6, 0_u8..=128).prop_map(|(address, length)| format!("{address}/{length}")),
        sorted4,
        sorted6,
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let list = prop::collection::vec(1_u16.., 1..5)
        .prop_map(|ports| ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let range = (1_u16..u16::MAX)
        .prop_flat_map(|first| (Just(first), first + 1..=u16::MAX))
        .prop_map(|(first, last)| format!("{first}-{last}"));
    let ports = prop_oneof![list, range].prop_map(|ports| ports.parse::<Ports>().unwrap());
    let kind = (any::<Option<u8>>(), any::<Option<u8>>())
        .prop_map(|(icmp_type, code)| IcmpKind { icmp_type, code });
    let traffic = prop_oneof![
        Just(Traffic::All),
        ports.clone().prop_map(Traffic::Tcp),
        ports.prop_map(Traffic::Udp),
        kind.clone().prop_map(Traffic::Icmp),
        kind.prop_map(Traffic::Icmpv6),
    ];
    let destinations = prop::collection::vec(destination(), 1..4);
    (traffic, destinations, any::<bool>(), any::<Option<String>>()).prop_map(
        |(traffic, destinations, log, description)| {
            let destinations = destinations.iter().map(|d| d.parse().unwrap()).collect();
            Rule { traffic, destinations, log, description }
        },
    )
}

/// Text that is nearly valid: pieces of addresses and ports in any order.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "0",
        "1",
        "10",
        "255",
        "256",
        ".",
        ".",
        ".",
        ":",
        "::",
        "/",
        "-",
        ",",
        "8",
        "08",
        "0x",
        "_",
        "%",
        "ffff",
        "g",
        " ",
        "é",
        "65535",
        "10.0.0.1",
        "2001:db8::1",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_rendered_rule_is_the_same_rule(rule in rule()) {
        let json = rule.to_json();
        prop_assert_eq!(Rule::parse(json.as_bytes()), Ok(rule.clone()));
        prop_assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule.clone());
        // Only the message validator checks ICMP's IP version.
        prop_assert_eq!(check(json.as_bytes(), OPEN).model, []);
    }

    #[test]
    fn a_destination_contains_what_lies_between_its_bounds(text in destination(), a: u32, b: u128) {
        let destination: Destination = text.parse().unwrap();
        let (first, last) = destination.bounds();
        let beside = |address: IpAddr| match address {
            IpAddr::V4(a) => [a.to_bits().wrapping_sub(1), a.to_bits(), a.to_bits().wrapping_add(1)]
                .map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            IpAddr::V6(a) => [a.to_bits().wrapping_sub(1), a.to_bits(), a.to_bits().wrapping_add(1)]
                .map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        };
        let chance = [IpAddr::V4(Ipv4Addr::from_bits(a)), IpAddr::V6(Ipv6Addr::from_bits(b))];
        for address in beside(first).into_iter().chain(beside(last)).chain(chance) {
            let same_family = address.is_ipv4() == first.is_ipv4();
            let between = same_family && first <= address && address <= last;
            prop_assert_eq!(destination.contains(address), between, "{} in {}", address, text);
        }
        if let Some((_, length)) = destination.block() {
            let bits = if first.is_ipv4() { 32 } else { 128 };
            let text = |address: IpAddr| match address {
                IpAddr::V4(a) => format!("{:032b}", a.to_bits()),
                IpAddr::V6(a) => format!("{:0128b}", a.to_bits()),
            };
            let (prefix, rest) = (usize::from(length), bits - usize::from(length));
            prop_assert_eq!(&text(first)[..prefix], &text(last)[..prefix]);
            prop_assert_eq!(&text(first)[prefix..], "0".repeat(rest));
            prop_assert_eq!(&text(last)[prefix..], "1".repeat(rest));
        }
    }

    #[test]
    fn any_spelling_that_is_taken_can_be_read_and_means_one_thing(text in nearly(), ports in nearly()) {
        for rule in [
            json!({ "protocol": "all", "destination": text }),
            json!({ "protocol": "tcp", "destination": "10.0.0.1", "ports": ports }),
        ] {
            let json = rule.to_string();
            let parsed = Rule::parse(json.as_bytes());
            let verdicts = check(json.as_bytes(), OPEN);
            let old = check(json.as_bytes(), OLD);
            let stored = verdicts.model.is_empty() || old.model.is_empty();
            prop_assert_eq!(parsed.is_ok(), stored, "{}", json);
            if let Ok(parsed) = parsed {
                prop_assert_eq!(Rule::parse(parsed.to_json().as_bytes()), Ok(parsed));
            }
            // A rule that a closed Cloud Controller accepts, an open one accepts.
            if check(json.as_bytes(), DEFAULT).is_accepted() {
                prop_assert!(verdicts.is_accepted(), "{}", json);
            }
        }
    }

    #[test]
    fn what_the_standard_library_reads_is_read_alike(bits4: u32, bits6: u128) {
        for address in [IpAddr::V4(bits4.into()), IpAddr::V6(bits6.into())] {
            let read: Destination = address.to_string().parse().unwrap();
            prop_assert_eq!(read.bounds(), (address, address));
        }
    }

    #[test]
    fn any_bytes_are_a_rule_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Rule::parse(&bytes) {
            let sentence = error.to_string();
            prop_assert!(!sentence.contains(char::is_control), "{:?}", sentence);
        }
        prop_assert!(!check(&bytes, OPEN).is_accepted() || Rule::parse(&bytes).is_ok());
    }
}
