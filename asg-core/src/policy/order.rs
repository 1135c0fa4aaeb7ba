//! Finds the matching entries that can decide, over all orders of groups.

use std::collections::BTreeMap;

use super::effective::{Entry, Owner};

/// Returns the matching entries that would decide under some order of groups. Both lists are in
/// kernel order.
///
/// The last rule of the list is checked first. Equal kernel rules are made once, in the place of
/// the first, so a rule with owners in several groups is as late as its earliest owner. Parts of
/// the list (global before bound groups, rules that do not log before those that do) keep their
/// order whatever that of the groups.
pub(super) fn possible(entries: &[Entry], matches: &[u32]) -> Vec<u32> {
    let Some(first) = matches.first() else { return Vec::new() };
    let entry = |n: u32| &entries[n as usize];
    let part = entry(*first).part();
    let part_len = matches.iter().take_while(|n| entry(**n).part() == part).count();
    let matches = &matches[..part_len];
    let group = |n: u32| {
        let owners = entry(n).deciding();
        let group = owners[0].group;
        owners.iter().all(|owner| owner.group == group).then_some(group)
    };
    // Most packets match rules of one group, or rules that have one group each.
    let Some(groups) = matches.iter().map(|n| group(*n)).collect::<Option<Vec<u32>>>() else {
        return shared(entries, matches);
    };
    // The first of each group in the kernel is the last of the group in the list.
    let new = |n: usize| !groups[..n].contains(&groups[n]);
    if groups.iter().all(|group| *group == groups[0]) {
        return vec![*first];
    }
    if groups.len() <= 64 {
        return (0..groups.len()).filter(|n| new(*n)).map(|n| matches[n]).collect();
    }
    let mut seen = std::collections::HashSet::new();
    matches.iter().zip(&groups).filter(|(_, g)| seen.insert(**g)).map(|(n, _)| *n).collect()
}

/// The maximum number of sets of groups that are compared with each other; beyond it, more entries
/// are called possible.
const MOST_SETS: usize = 64;

/// Returns the entries that can decide. An entry decides if its groups come last, one of them first
/// among them, and every other entry that needs these groups has an owner earlier in that one.
fn shared(entries: &[Entry], matches: &[u32]) -> Vec<u32> {
    let groups_of = |n: u32| {
        let owners = entries[n as usize].deciding();
        let mut groups: Vec<u32> = owners.iter().map(|owner| owner.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    };
    let earliest = |n: u32, group: u32| {
        let owners = entries[n as usize].deciding().iter();
        owners.filter(|owner| owner.group == group).map(within_group).min()
    };
    let mut sets: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
    for n in matches {
        sets.entry(groups_of(*n)).or_default().push(*n);
    }
    let mut found = Vec::new();
    for (set, members) in &sets {
        for group in set {
            let place = |n: &u32| earliest(*n, *group);
            let Some(last) = members.iter().copied().max_by_key(place) else { continue };
            let before = |other: &u32| place(other).is_some_and(|other| Some(other) < place(&last));
            let yields = |(other, members): (&Vec<u32>, &Vec<u32>)| {
                other == set
                    || !other.iter().all(|group| set.contains(group))
                    || members.iter().all(before)
            };
            if sets.len() > MOST_SETS || sets.iter().all(yields) {
                found.push(last);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn within_group(owner: &Owner) -> (u32, u32, i32) {
    (owner.rule, owner.destination, owner.port)
}
