//! Security groups and settings, written anew.
//!
//! A range that is no block becomes the blocks that it is made of, with commas between them. So
//! places of destinations change, and [`Moved`] has the old ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use asg_core::policy::{AddressRange, Destination, Snapshot};
use serde_json::{Map, Value, json};

use super::redactor::Redactor;

/// The places of destinations in one rule, where they have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The new GUID of the group.
    pub group: String,
    /// The rule's place in the group.
    pub rule: usize,
    /// For each new place of a destination, the old one.
    pub was: Vec<usize>,
}

/// In the place of a value that nobody can read.
const UNREADABLE: &str = "unreadable";

/// Writes a snapshot of security groups anew. Descriptions of rules and members that are not known
/// are left out.
#[must_use]
pub fn snapshot(redactor: &Redactor, snapshot: &Snapshot) -> (Value, Vec<Moved>) {
    let mut moved = Vec::new();
    let groups: Vec<_> = snapshot
        .groups
        .iter()
        .map(|it| group(redactor, &serde_json::to_value(it).unwrap_or_default(), &mut moved))
        .collect();
    let mut out = json!({ "taken_at": snapshot.taken_at });
    if !(snapshot.assumed && snapshot.complete) {
        out["complete"] = snapshot.complete.into();
    }
    out["resources"] = groups.into();
    (out, moved)
}

/// Writes a group of API v3 anew.
pub(super) fn group(redactor: &Redactor, old: &Value, moved: &mut Vec<Moved>) -> Value {
    let text = |name: &str| old[name].as_str().unwrap_or_default();
    let guid = redactor.id(text("guid"));
    let spaces = |name: &str| {
        let spaces = old["relationships"][name]["data"].as_array().into_iter().flatten();
        let guids = spaces.filter_map(|space| space["guid"].as_str());
        guids.map(|guid| json!({ "guid": redactor.id(guid) })).collect::<Vec<_>>()
    };
    let flag = |name: &str| old["globally_enabled"][name] == true;
    let rules = rules(redactor, &old["rules"], &guid, moved);
    let mut out = json!({
        "guid": guid,
        "name": redactor.name(text("name")),
        "globally_enabled": { "running": flag("running"), "staging": flag("staging") },
        "rules": rules,
        "relationships": {
            "running_spaces": { "data": spaces("running_spaces") },
            "staging_spaces": { "data": spaces("staging_spaces") },
        },
    });
    for name in ["created_at", "updated_at"] {
        if let Some(time) = super::export::time(&old[name]) {
            out[name] = time;
        }
    }
    out
}

/// Writes the rules of a group anew.
pub(super) fn rules(
    redactor: &Redactor,
    old: &Value,
    group: &str,
    moved: &mut Vec<Moved>,
) -> Vec<Value> {
    let mut rule = |(place, old): (usize, &Value)| {
        let mut out = Map::new();
        for name in ["protocol", "ports"] {
            let value = old[name].as_str().map(|text| {
                let is_known = text.bytes().all(|b| {
                    b.is_ascii_digit()
                        || matches!(b, b'-' | b',' | b' ')
                        || name == "protocol" && b.is_ascii_alphabetic()
                });
                if is_known { text } else { UNREADABLE }
            });
            out.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        for name in ["type", "code", "log"] {
            let value = Some(&old[name]).filter(|it| it.is_number() || it.is_boolean());
            out.extend(value.map(|value| (name.to_owned(), value.clone())));
        }
        if let Some(text) = old["destination"].as_str() {
            let (new, was) = destination(redactor, text);
            out.insert("destination".into(), new.into());
            if !was.iter().copied().eq(0..was.len()) {
                moved.push(Moved { group: group.to_owned(), rule: place, was });
            }
        }
        Value::Object(out)
    };
    old.as_array().into_iter().flatten().enumerate().map(&mut rule).collect()
}

/// Writes a list of destinations anew; returns it with the old place of each of its parts.
fn destination(redactor: &Redactor, text: &str) -> (String, Vec<usize>) {
    let (mut parts, mut was) = (Vec::new(), Vec::new());
    for (place, part) in text.split(',').enumerate() {
        let new = blocks_of(redactor, part);
        was.extend(std::iter::repeat_n(place, new.len()));
        parts.extend(new);
    }
    (parts.join(","), was)
}

/// Returns the new blocks of an address, a block or a range, as text.
fn blocks_of(redactor: &Redactor, text: &str) -> Vec<String> {
    let range: Option<AddressRange> = text.parse().ok();
    let ends = range.map(|range| (range.first(), range.last()));
    let read = ends.or_else(|| text.parse::<Destination>().ok().map(|it| it.bounds()));
    let Some((first, last)) =
        read.filter(|(first, last)| first <= last && first.is_ipv4() == last.is_ipv4())
    else {
        return vec![if text.is_empty() { String::new() } else { UNREADABLE.into() }];
    };
    let has_length = text.contains('/');
    let new = |(first, length): (IpAddr, u8)| {
        let image = redactor.block(first, length);
        let is_one = length == if first.is_ipv4() { 32 } else { 128 };
        if is_one && !has_length { image.to_string() } else { format!("{image}/{length}") }
    };
    blocks(first, last).into_iter().map(new).collect()
}

/// Divides a range into the fewest blocks.
fn blocks(first: IpAddr, last: IpAddr) -> Vec<(IpAddr, u8)> {
    let (width, mut at, end) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            (32, u128::from(first.to_bits()), u128::from(last.to_bits()))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => (128, first.to_bits(), last.to_bits()),
        _ => return Vec::new(),
    };
    let mut all = Vec::new();
    loop {
        // As large as its place allows, and as what is left.
        let aligned = at.trailing_zeros().min(width);
        let left = (end - at).checked_add(1).map_or(128, u128::ilog2);
        let bits = aligned.min(left);
        let address = match width {
            32 => IpAddr::V4(Ipv4Addr::from_bits(at as u32)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(at)),
        };
        all.push((address, (width - bits) as u8));
        let next = 1_u128.checked_shl(bits).and_then(|size| at.checked_add(size));
        match next {
            Some(next) if next <= end => at = next,
            _ => return all,
        }
    }
}

/// Writes the settings of cells anew, in JSON that [`CellSettings`] has read.
///
/// [`CellSettings`]: asg_core::policy::CellSettings
#[must_use]
pub fn settings(redactor: &Redactor, old: &Value) -> Value {
    let mut out = Map::new();
    for (name, value) in old.as_object().into_iter().flatten() {
        let list = |value: &Value| {
            let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            Value::from(texts.flat_map(|text| blocks_of(redactor, text)).collect::<Vec<_>>())
        };
        let new = match name.as_str() {
            "overlay_networks" | "cell_networks" => list(value),
            "deny_networks" if value.is_null() => Value::Null,
            "deny_networks" => {
                let phases = ["always", "running", "staging"].into_iter();
                let given = phases.filter_map(|phase| Some((phase, value.get(phase)?)));
                given
                    .map(|(phase, value)| (phase.to_owned(), list(value)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            "cells" => {
                let cells = value.as_object().into_iter().flatten();
                let cell = |(name, own): (&String, &Value)| {
                    (redactor.machine(name), settings(redactor, own))
                };
                cells.map(cell).collect::<Map<_, _>>().into()
            }
            // Words of closed sets, switches and numbers, which were read.
            "profile"
            | "group_order"
            | "iptables_logging"
            | "ipv6"
            | "outbound_connections"
            | "accepted_udp_per_second"
            | "denied_per_second"
            | "sync_tolerance"
            | "server_tolerance"
            | "clock_tolerance"
            | "silk_version" => value.clone(),
            _ => continue,
        };
        out.insert(name.clone(), new);
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::redact::Key;

    fn redactor() -> Redactor {
        Redactor::new(&Key::from([3; 32]))
    }

    #[test]
    fn a_range_becomes_its_blocks_and_the_old_places_are_known() {
        let text = "10.0.0.1-10.0.0.4,10.9.0.0/16,?,10.0.0.7";
        let (new, was) = destination(&redactor(), text);
        assert_eq!(was, [0, 0, 0, 1, 2, 3], "{new}");
        let parts: Vec<_> = new.split(',').collect();
        assert_eq!(parts[4], UNREADABLE);
        assert!(parts[3].ends_with("/16") && !parts[5].contains('/'), "{new}");
        assert_eq!(destination(&redactor(), "0.0.0.0/0").0, "0.0.0.0/0");
        assert_eq!(destination(&redactor(), "::/0").0, "::/0");
        let all = blocks(IpAddr::V4([0, 0, 0, 0].into()), IpAddr::V4([255; 4].into()));
        assert_eq!(all, [(IpAddr::V4([0, 0, 0, 0].into()), 0)]);
        let six = |text: &str| text.parse::<IpAddr>().unwrap();
        let all = blocks(six("::"), six("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
        assert_eq!(all, [(six("::"), 0)]);
    }

    #[test]
    fn texts_that_people_wrote_are_dropped() {
        let old = json!([{ "protocol": "tcp", "destination": "10.0.0.1", "ports": "443 secret",
            "description": "the vault", "log": true, "owner": "alice" }]);
        let new = Value::from(rules(&redactor(), &old, "g", &mut Vec::new())).to_string();
        assert!(
            !["secret", "vault", "alice", "10.0.0.1"].iter().any(|word| new.contains(word)),
            "{new}"
        );
        assert!(new.contains(r#""log":true"#));
    }

    proptest! {
        #[test]
        fn an_address_is_in_a_destination_exactly_if_its_image_is_in_the_new_one(
            ends: [u32; 2], inside: u32, near in -2_i64..3,
        ) {
            let (first, last) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
            let ip = |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(bits));
            let redactor = redactor();
            let new = blocks_of(&redactor, &format!("{}-{}", ip(first), ip(last)));
            let new: Vec<_> = new.iter().map(|text| text.parse::<AddressRange>().unwrap()).collect();
            let probes = [inside, first, last, (i64::from(first) + near) as u32, (i64::from(last) + near) as u32];
            for probe in probes {
                let image = redactor.address(ip(probe));
                let is_in = new.iter().any(|range| range.contains(image));
                prop_assert_eq!(is_in, (first..=last).contains(&probe));
            }
            let count: u128 = new.iter().map(|range| range.count()).sum();
            prop_assert_eq!(count, u128::from(last - first) + 1);
        }
    }
}
