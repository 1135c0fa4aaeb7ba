//! Finds the entries that match a packet.
//!
//! For each protocol there is a segment tree over addresses, and in each of its nodes a search tree
//! over ports. An entry is kept in at most two nodes a level, so memory is n log n; a search visits
//! one node a level.

use super::effective::Entry;
use super::probe::{Class, Probe};
use std::net::IpAddr;

#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    v4: [Tree<u32>; 4],
    v6: [Tree<u128>; 4],
}

impl Index {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let v4 = |entry: &Entry| match (entry.range.first(), entry.range.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => Some((first.to_bits(), last.to_bits())),
            _ => None,
        };
        let v6 = |entry: &Entry| match (entry.range.first(), entry.range.last()) {
            (IpAddr::V6(first), IpAddr::V6(last)) => Some((first.to_bits(), last.to_bits())),
            _ => None,
        };
        Self {
            v4: Class::ALL.map(|class| Tree::new(entries, class, v4, |last| last.checked_add(1))),
            v6: Class::ALL.map(|class| Tree::new(entries, class, v6, |last| last.checked_add(1))),
        }
    }

    /// Adds the numbers of the entries that match the packet, in any order.
    pub(super) fn matches(&self, probe: &Probe, found: &mut Vec<u32>) {
        let (class, point) = (probe.class() as usize, probe.point());
        match probe.destination {
            IpAddr::V4(address) => self.v4[class].matches(address.to_bits(), point, found),
            IpAddr::V6(address) => self.v6[class].matches(address.to_bits(), point, found),
        }
    }
}

/// The ports of an entry, in a node that its addresses cover.
#[derive(Debug, Clone, Copy)]
struct Ports {
    first: u16,
    last: u16,
    /// The greatest last port in the subtree under this node.
    greatest: u16,
    entry: u32,
}

#[derive(Debug, Clone)]
struct Tree<K> {
    /// The starts of the address intervals that differ in their entries, in order: the leaves.
    starts: Vec<K>,
    /// The start of each node's ports in `ports`. The root is node 1, the first leaf node
    /// `starts.len()`.
    nodes: Vec<u32>,
    ports: Vec<Ports>,
}

impl<K> Default for Tree<K> {
    fn default() -> Self {
        Self { starts: Vec::new(), nodes: Vec::new(), ports: Vec::new() }
    }
}

impl<K: Ord + Copy> Tree<K> {
    fn new(
        entries: &[Entry],
        class: Class,
        bounds: impl Fn(&Entry) -> Option<(K, K)>,
        after: impl Fn(K) -> Option<K>,
    ) -> Self {
        let mut items = Vec::new();
        let mut starts = Vec::new();
        for (n, entry) in (0_u32..).zip(entries) {
            let (first, last) = entry.traffic.points();
            let Some(ends) = bounds(entry) else { continue };
            if entry.traffic.has(class) && ends.0 <= ends.1 && first <= last {
                starts.push(ends.0);
                starts.extend(after(ends.1));
                items.push((ends, Ports { first, last, greatest: last, entry: n }));
            }
        }
        if items.is_empty() {
            return Self::default();
        }
        starts.sort_unstable();
        starts.dedup();
        let leaves = starts.len();
        let leaf = |start: &K| starts.partition_point(|other| other < start);
        let mut placed: Vec<(usize, Ports)> = Vec::new();
        for ((first, last), ports) in &items {
            let mut left = leaf(first) + leaves;
            let mut right = after(*last).map_or(leaves, |next| leaf(&next)) + leaves;
            while left < right {
                if left % 2 == 1 {
                    placed.push((left, *ports));
                    left += 1;
                }
                if right % 2 == 1 {
                    right -= 1;
                    placed.push((right, *ports));
                }
                (left, right) = (left / 2, right / 2);
            }
        }
        placed.sort_unstable_by_key(|(node, ports)| (*node, ports.first, ports.entry));
        let mut nodes = vec![0_u32; 2 * leaves + 1];
        for (node, _) in &placed {
            nodes[node + 1] += 1;
        }
        for n in 1..nodes.len() {
            nodes[n] += nodes[n - 1];
        }
        let mut ports: Vec<Ports> = placed.into_iter().map(|(_, ports)| ports).collect();
        for ends in nodes.windows(2) {
            greatest(&mut ports[ends[0] as usize..ends[1] as usize]);
        }
        Self { starts, nodes, ports }
    }

    fn matches(&self, address: K, point: u16, found: &mut Vec<u32>) {
        let leaf = self.starts.partition_point(|start| *start <= address);
        // Before the first start there is nothing.
        let Some(leaf) = leaf.checked_sub(1) else { return };
        let mut node = leaf + self.starts.len();
        while node > 0 {
            let (from, to) = (self.nodes[node] as usize, self.nodes[node + 1] as usize);
            if from < to {
                stab(&self.ports[from..to], point, found);
            }
            node /= 2;
        }
    }
}

/// Fills in `greatest`: the slice is a search tree with its root in the middle.
fn greatest(ports: &mut [Ports]) -> u16 {
    let Some(last) = ports.get(ports.len() / 2).map(|root| root.last) else { return 0 };
    let (left, rest) = ports.split_at_mut(ports.len() / 2);
    let (root, right) = rest.split_first_mut().expect("the middle is within the slice");
    root.greatest = last.max(greatest(left)).max(greatest(right));
    root.greatest
}

fn stab(ports: &[Ports], point: u16, found: &mut Vec<u32>) {
    let Some(root) = ports.get(ports.len() / 2) else { return };
    if root.greatest < point {
        return;
    }
    stab(&ports[..ports.len() / 2], point, found);
    if root.first <= point {
        if point <= root.last {
            found.push(root.entry);
        }
        stab(&ports[ports.len() / 2 + 1..], point, found);
    }
}
