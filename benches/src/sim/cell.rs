//! Cells, and the containers on them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::clock::Clock;
use super::egress::Chain;
use super::envelope::Host;
use super::era::{Limit, Network};
use super::truth::ContainerFacts;
use super::{lager, packet};

/// A machine that runs containers.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) host: Host,
    /// rep's name for it.
    pub(super) rep_name: String,
    pub(super) clock: Clock,
    pub(super) state: CellState,
    /// The slots of its containers.
    pub(super) containers: Vec<usize>,
    /// Whether each of its addresses is taken.
    taken: [bool; 256],
    /// The limit for all its containers together: `REJECT_LOCAL: ` names none.
    pub(super) rejects: Bucket,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellState {
    /// It takes containers.
    Up,
    /// It is being emptied.
    Draining,
    /// It boots.
    Down,
}

impl Cell {
    pub(super) const fn new(host: Host, rep_name: String, clock: Clock) -> Self {
        Self {
            host,
            rep_name,
            clock,
            state: CellState::Up,
            containers: Vec::new(),
            taken: [false; 256],
            rejects: Bucket::FULL,
        }
    }

    /// Takes the lowest free address, so that addresses are reused as soon as possible: the hardest
    /// case for a program that trusts addresses. Returns `None` if none is free.
    pub(super) fn take_address(&mut self) -> Option<u8> {
        let free = (2_u8..=254).find(|&n| !self.taken[usize::from(n)])?;
        self.taken[usize::from(free)] = true;
        Some(free)
    }

    pub(super) fn give_back(&mut self, address: u8) {
        self.taken[usize::from(address)] = false;
    }
}

/// Returns the IPv4 address with this number on a cell. Guardian's pools are the same on every
/// cell; overlays give each its own network of 256.
pub(super) fn address(network: Network, cell: usize, number: u8) -> Ipv4Addr {
    match network {
        Network::Bridge => {
            // Subnets of four: the bridge has the first address, the container the second.
            let [_, _, high, low] = (u32::from(number) * 4 + 2).to_be_bytes();
            Ipv4Addr::new(10, 254, high, low)
        }
        Network::Flannel | Network::Silk => {
            let [_, _, high, low] = ((cell + 1) as u32).to_be_bytes();
            Ipv4Addr::new(10, 240 + high, low, number)
        }
    }
}

/// Returns the IPv6 address of the same container.
pub(super) fn address6(cell: usize, number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x1f18, 0x27b3, 0, 0, cell as u16, 0, u16::from(number))
}

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) facts: Arc<ContainerFacts>,
    /// The app and, for an LRP, the process.
    pub(super) app: Option<usize>,
    pub(super) process: Option<usize>,
    pub(super) cell: usize,
    /// Its address's number on the cell.
    pub(super) number: u8,
    pub(super) ip: Ipv4Addr,
    /// The host's end of its link, and the link addresses.
    pub(super) interface: String,
    pub(super) mac: String,
    /// The container runtime's own name for it.
    pub(super) short_id: String,
    pub(super) stage: Stage,
    pub(super) evacuating: bool,
    /// Its chain of rules, if the configuration has rules.
    pub(super) chain: Option<Chain>,
    /// Whether no lager line about it survives.
    pub(super) is_unseen: bool,
    pub(super) denied: Bucket,
    pub(super) udp: Bucket,
    pub(super) c2c: Bucket,
    pub(super) c2c_denied: Bucket,
    pub(super) denied_unlogged: u64,
    pub(super) udp_unlogged: u64,
}

/// The stage of a container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It is being made.
    Creating,
    /// It was made.
    Created,
    /// It runs.
    Running,
    /// It is about to go.
    Stopping,
}

impl Container {
    pub(super) fn new(
        facts: Arc<ContainerFacts>,
        (network, short_id): (Network, String),
        (cell, number, ip): (usize, u8, Ipv4Addr),
    ) -> Self {
        let (interface, mac) = match network {
            Network::Bridge => {
                let [a, b, c, d] = ip.octets();
                let mac = format!("1e:4d:{a:02x}:{b:02x}:{c:02x}:{d:02x}:72:87:1b:3b:15:01");
                (lager::bridge(IpAddr::V4(ip)).0, mac)
            }
            Network::Flannel | Network::Silk => (packet::veth(ip), packet::silk_mac(ip)),
        };
        Self {
            facts,
            app: None,
            process: None,
            cell,
            number,
            ip,
            interface,
            mac,
            short_id,
            stage: Stage::Creating,
            evacuating: false,
            chain: None,
            is_unseen: false,
            denied: Bucket::FULL,
            udp: Bucket::FULL,
            c2c: Bucket::FULL,
            c2c_denied: Bucket::FULL,
            denied_unlogged: 0,
            udp_unlogged: 0,
        }
    }
}

/// iptables' `limit` match: a bucket of tokens that fills with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// The time at which all tokens taken so far are paid for.
    paid: i64,
}

impl Bucket {
    pub(super) const FULL: Self = Self { paid: i64::MIN / 2 };

    /// Takes a token; returns whether there was one.
    pub(super) fn take(&mut self, limit: Limit, now: i64) -> bool {
        let paid = self.paid.max(now) + limit.period;
        let fits = paid - now <= limit.period * limit.burst;
        if fits {
            self.paid = paid;
        }
        fits
    }
}

/// Containers by slot, so that a slot can be reused when its container is gone.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<(u32, Option<Container>)>,
    free: Vec<usize>,
}

/// A slot, and the number of the tenant that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) slot: usize,
    generation: u32,
}

impl Slots {
    pub(super) fn insert(&mut self, container: Container) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            self.slots.len() - 1
        });
        self.slots[slot].1 = Some(container);
        slot
    }

    pub(super) fn key(&self, slot: usize) -> Key {
        Key { slot, generation: self.slots[slot].0 }
    }

    /// Returns whether the tenant is still there.
    pub(super) fn holds(&self, key: Key) -> bool {
        self.slots[key.slot].0 == key.generation && self.slots[key.slot].1.is_some()
    }

    pub(super) fn remove(&mut self, slot: usize) -> Container {
        let (generation, container) = &mut self.slots[slot];
        *generation += 1;
        self.free.push(slot);
        container.take().expect("only tenants are removed")
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = usize> + use<> {
        let taken: Vec<_> = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, (_, c))| c.is_some())
            .map(|(n, _)| n)
            .collect();
        taken.into_iter()
    }
}

impl std::ops::Index<usize> for Slots {
    type Output = Container;

    fn index(&self, slot: usize) -> &Container {
        self.slots[slot].1.as_ref().expect("a slot with a tenant")
    }
}

impl std::ops::IndexMut<usize> for Slots {
    fn index_mut(&mut self, slot: usize) -> &mut Container {
        self.slots[slot].1.as_mut().expect("a slot with a tenant")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clock::SECOND;

    #[test]
    fn a_bucket_lets_a_burst_pass_and_then_the_rate() {
        let mut bucket = Bucket::FULL;
        let limit = Limit { period: SECOND, burst: 3 };
        let passed = |bucket: &mut Bucket, now| (0..10).filter(|_| bucket.take(limit, now)).count();
        assert_eq!(passed(&mut bucket, 0), 3);
        assert_eq!(passed(&mut bucket, SECOND / 2), 0);
        assert_eq!(passed(&mut bucket, SECOND), 1);
        assert_eq!(passed(&mut bucket, 100 * SECOND), 3);
        let unlimited = Limit { period: 0, burst: 1 };
        assert!((0..10).all(|_| bucket.take(unlimited, 200 * SECOND)));
    }

    #[test]
    fn bridges_have_the_same_addresses_on_every_cell_and_overlays_never() {
        for cell in [0, 1499] {
            assert_eq!(address(Network::Bridge, cell, 2), Ipv4Addr::new(10, 254, 0, 10));
        }
        assert_eq!(address(Network::Silk, 0, 3), Ipv4Addr::new(10, 240, 1, 3));
        assert_eq!(address(Network::Silk, 1499, 3), Ipv4Addr::new(10, 245, 220, 3));
    }
}
