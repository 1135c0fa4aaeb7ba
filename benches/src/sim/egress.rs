//! Packets under rules: the chains of containers, and the lines that come of them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::Chance;
use super::cell::Stage;
use super::clock::{MINUTE, SECOND};
use super::enforce::{self, Enforcer, Flight, KernelRule, Name, Sent, Set};
use super::event::Event;
use super::groups::{DENIED, Group, Groups, PORTS, Phase, Rules};
use super::packet::Load;
use super::run::Run;
use super::sink::Sink;
use super::truth::{Kind, Workload};

/// The truth about the rules that a packet met.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ruling {
    /// The program that enforced them.
    pub enforcer: Enforcer,
    /// The phase of the container.
    pub phase: Phase,
    /// The packet.
    pub sent: Sent,
    /// The owners of the rule that allowed it; none if no rule did.
    pub by: Vec<Name>,
    /// The owners of all rules in the chain that match, in kernel order.
    pub matches: Vec<Name>,
    /// Whether one of them does not log.
    pub unlogged: bool,
    /// Whether Cloud Controller's words allowed it at that time.
    pub words: bool,
    /// The content of the chain.
    pub content: Content,
    /// When the version of the process was desired, in nanoseconds since 1970.
    pub desired: i64,
    /// When the chain got its content, in nanoseconds since 1970.
    pub updated: i64,
    /// Whether the line hides the destination.
    pub redacted: bool,
}

/// The content of a container's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// The rules of this version of the groups.
    Version(usize),
    /// Nothing: a destination could not be read, and no other set came since.
    Empty,
}

/// A container's chain.
#[derive(Debug)]
pub(super) struct Chain {
    content: Content,
    rules: Arc<Vec<KernelRule>>,
    /// The set that the agent put there last, also while the chain is empty.
    known: Option<Arc<Vec<KernelRule>>>,
    /// The version that the agent saw last.
    seen: usize,
    /// When it got its content.
    updated: i64,
}

/// Groups, and the programs that carry them to the cells.
#[derive(Debug)]
pub(super) struct Enforcement {
    rules: Rules,
    pub(super) groups: Groups,
    /// The version that the server has.
    served: usize,
    chance: Chance,
    sets: HashMap<(usize, String, Phase, Enforcer), Arc<Set>>,
}

impl Enforcement {
    fn set(&mut self, version: usize, space: &str, phase: Phase, enforcer: Enforcer) -> Arc<Set> {
        let key = (version, space.to_owned(), phase, enforcer);
        if let Some(set) = self.sets.get(&key) {
            return Arc::clone(set);
        }
        let mut groups = effective(self.groups.of(version), space, phase);
        if enforcer != Enforcer::Dynamic && !self.rules.listed {
            // Nothing tells in which order Cloud Controller's database gives them.
            for n in (1..groups.len()).rev() {
                groups.swap(n, self.chance.index(n + 1));
            }
        }
        let set = Arc::new(enforce::expand(&groups, phase, enforcer, self.rules.logs_all));
        self.sets.insert(key, Arc::clone(&set));
        set
    }
}

fn effective<'g>(groups: &'g [Group], space: &str, phase: Phase) -> Vec<&'g Group> {
    groups.iter().filter(|group| group.is_effective(space, phase)).collect()
}

fn phase_of(workload: Workload) -> Phase {
    if workload == Workload::Staging { Phase::Staging } else { Phase::Running }
}

impl<S: Sink> Run<'_, S> {
    /// Makes the groups of a foundation with these spaces, and plans their changes.
    pub(super) fn begin_rules(&mut self) {
        let Some(rules) = self.config.rules.clone() else { return };
        let mut chance = self.chance.fork();
        let mut groups = Groups::default();
        groups.begin(self.start, &self.space_guids(), &rules, &mut chance);
        let served = groups.version(self.start);
        self.plan(chance.between(0, 4 * MINUTE), Event::List);
        self.plan(chance.between(0, rules.poll * SECOND), Event::Serve);
        for cell in 0..self.cells.len() {
            self.plan(chance.between(0, rules.poll * SECOND), Event::Agent { cell });
        }
        self.plan(chance.between(0, 30 * MINUTE), Event::Regroup);
        self.enforcement =
            Some(Enforcement { rules, groups, served, chance, sets: HashMap::new() });
    }

    fn space_guids(&self) -> Vec<String> {
        let alive = self.world.spaces.iter().filter(|space| space.alive);
        alive.map(|space| space.guid.to_string()).collect()
    }

    /// Changes the groups, and plans the next change.
    pub(super) fn regroup(&mut self) {
        let spaces = self.space_guids();
        let Some(of) = &mut self.enforcement else { return };
        of.groups.change(self.now, &spaces, &of.rules, &mut of.chance);
        let hourly = i64::from(of.rules.changes_per_hour.max(1));
        let next = of.chance.between(SECOND, 120 * MINUTE / hourly);
        // What lasts for two listings is seen.
        let lasting = i64::from(of.rules.listing_minutes) * MINUTE + MINUTE;
        let flickers = of.rules.flickering;
        let undone = of
            .chance
            .one_in(if flickers { 2 } else { 4 })
            .then(|| if flickers { of.chance.between(SECOND, 10 * MINUTE) } else { lasting });
        let next = next.max(undone.map_or(lasting, |undone| undone + SECOND));
        if let Some(undone) = undone {
            self.plan(undone, Event::Undo);
        }
        self.plan(next, Event::Regroup);
    }

    /// Takes the last change back.
    pub(super) fn undo(&mut self) {
        if let Some(of) = &mut self.enforcement {
            of.groups.undo(self.now);
        }
    }

    /// Lists the groups.
    pub(super) fn list(&mut self) {
        let Some(of) = &mut self.enforcement else { return };
        of.groups.list(self.now, &of.rules, &mut of.chance);
        let next = i64::from(of.rules.listing_minutes) * MINUTE;
        self.plan(next, Event::List);
    }

    /// Lets the server look at Cloud Controller.
    pub(super) fn serve(&mut self) {
        let Some(of) = &mut self.enforcement else { return };
        of.served = of.groups.version(self.now);
        let next = of.rules.poll * SECOND;
        self.plan(next, Event::Serve);
    }

    /// Lets an agent look at the server.
    pub(super) fn agent(&mut self, cell: usize) -> io::Result<()> {
        for slot in self.cells[cell].containers.clone() {
            self.renew(slot)?;
        }
        if let Some(of) = &self.enforcement {
            let next = of.rules.poll * SECOND;
            self.plan(next, Event::Agent { cell });
        }
        Ok(())
    }

    /// Gives a container the rules of the server, and writes the agent's line.
    fn renew(&mut self, slot: usize) -> io::Result<()> {
        let is_new = self.refresh(slot);
        if is_new && self.config.rules.as_ref().is_some_and(|rules| rules.tells_updates) {
            self.say_updated(slot, "CELL")?;
        }
        Ok(())
    }

    /// Gives a container the rules that the server has, if its cell has an agent. Returns whether
    /// the agent put a set in place.
    fn refresh(&mut self, slot: usize) -> bool {
        let (enforcer, updated) = (self.enforcer(slot), self.now);
        let container = &mut self.slots[slot];
        let (Some(of), Some(space)) = (&mut self.enforcement, container.facts.space) else {
            return false;
        };
        let is_made = container.stage >= Stage::Created && container.stage < Stage::Stopping;
        let seen = container.chain.as_ref().is_some_and(|chain| chain.seen == of.served);
        if enforcer != Enforcer::Dynamic || !is_made || seen {
            return false;
        }
        let phase = phase_of(container.facts.workload);
        let set = of.set(of.served, &space.to_string(), phase, enforcer);
        let known = container.chain.as_ref().and_then(|chain| chain.known.clone());
        let content = Content::Version(of.served);
        match (&*set, &mut container.chain) {
            (Set::Rules(rules), chain) => {
                let is_like = |known: &Arc<Vec<KernelRule>>| {
                    known.len() == rules.len() && known.iter().zip(rules).all(|(a, b)| a.is_like(b))
                };
                let rules = Arc::new(rules.clone());
                match chain {
                    Some(chain) if known.as_ref().is_some_and(is_like) => {
                        // Nothing is done, also if the chain was emptied. Who owns the rules may
                        // have changed.
                        if chain.content != Content::Empty {
                            (chain.rules, chain.content) = (rules, content);
                        }
                        chain.seen = of.served;
                    }
                    _ => {
                        let known = Some(Arc::clone(&rules));
                        *chain = Some(Chain { content, rules, known, seen: of.served, updated });
                        return true;
                    }
                }
            }
            (Set::Unreadable, chain) => {
                let (content, rules) = (Content::Empty, Arc::default());
                *chain = Some(Chain { content, rules, known, seen: of.served, updated });
            }
            (Set::Refused, Some(chain)) => chain.seen = of.served,
            // The container has no network yet, and sends nothing.
            (Set::Refused, None) => {}
        }
        false
    }

    fn enforcer(&self, slot: usize) -> Enforcer {
        let rules = self.config.rules.as_ref();
        let all = rules.map_or(&[][..], |rules| &rules.enforcers);
        all.get(self.slots[slot].cell % all.len().max(1)).copied().unwrap_or(Enforcer::Dynamic)
    }

    /// Gives a new container its chain.
    pub(super) fn new_chain(&mut self, slot: usize) -> io::Result<()> {
        let enforcer = self.enforcer(slot);
        if enforcer == Enforcer::Dynamic {
            return self.renew(slot);
        }
        let (desired, updated) = (self.desired(slot), self.now);
        let container = &mut self.slots[slot];
        let (Some(of), Some(space)) = (&mut self.enforcement, container.facts.space) else {
            return Ok(());
        };
        let version = of.groups.version(desired);
        let phase = phase_of(container.facts.workload);
        if let Set::Rules(rules) = &*of.set(version, &space.to_string(), phase, enforcer) {
            let (content, rules) = (Content::Version(version), Arc::new(rules.clone()));
            container.chain = Some(Chain { content, rules, known: None, seen: version, updated });
        }
        Ok(())
    }

    /// Returns when Cloud Controller asked Diego for what a container runs.
    fn desired(&self, slot: usize) -> i64 {
        let container = &self.slots[slot];
        match (container.app, container.process) {
            (Some(app), Some(_)) => {
                let processes = &self.world.apps[app].processes;
                let own = container.facts.process_guid.as_deref();
                let desired = processes.iter().find(|process| {
                    own.is_some_and(|own| own == format!("{}-{}", process.guid, process.version))
                });
                desired.map_or(container.facts.created, |process| process.desired)
            }
            _ => container.facts.created,
        }
    }

    /// Returns whether Diego takes an app, a task or a build of this app: it refuses rules that
    /// cannot be read.
    pub(super) fn is_taken(&mut self, app: usize, phase: Phase) -> bool {
        let space = self.world.spaces[self.world.apps[app].space].guid.to_string();
        let now = self.now;
        let Some(of) = &mut self.enforcement else { return true };
        let version = of.groups.version(now);
        *of.set(version, &space, phase, Enforcer::Static) != Set::Unreadable
    }

    /// Sends a packet to the world, under the rules.
    pub(super) fn governed(&mut self, slot: usize) -> io::Result<()> {
        let enforcer = self.enforcer(slot);
        let desired = self.desired(slot);
        let era = self.era;
        let container = &mut self.slots[slot];
        let (Some(of), Some(chain), Some(space)) =
            (&mut self.enforcement, &container.chain, container.facts.space)
        else {
            return Ok(());
        };
        let sent = random(&mut self.traffic);
        let imitates = of.rules.tells_updates && self.packets.is_multiple_of(20);
        let (phase, is_silk) = (phase_of(container.facts.workload), enforcer != Enforcer::Guardian);
        let denies =
            of.rules.denies_network && enforce::is_in(&[DENIED], IpAddr::V4(sent.destination));
        let is_empty = chain.content == Content::Empty;
        if is_silk && !is_empty && (denies || matches!(sent.flight, Flight::Reset(_))) {
            container.denied_unlogged += 1;
            return Ok(());
        }
        let matching = || chain.rules.iter().filter(|rule| rule.matches(&sent));
        let first = matching().next();
        let logs_all = is_silk && of.rules.logs_all;
        let is_allowed = first.is_some() || !is_silk && !denies;
        let logs = first.map_or(logs_all && !is_allowed, |rule| rule.log);
        let is_udp = matches!(sent.flight, Flight::Udp(_));
        let limits = [era.udp.filter(|_| is_udp && is_silk), era.denied];
        let has_token = match (is_allowed, limits) {
            (true, [Some(limit), _]) => container.udp.take(limit, self.now),
            (false, [_, Some(limit)]) => container.denied.take(limit, self.now),
            (true, [None, _]) => true,
            (false, [_, None]) => false,
        };
        if !logs || !has_token {
            container.denied_unlogged += u64::from(!is_allowed);
            container.udp_unlogged += u64::from(is_allowed && is_udp);
            return Ok(());
        }
        let groups = of.groups.at(self.now);
        let ruling = Ruling {
            enforcer,
            phase,
            sent,
            by: first.map(|rule| rule.owners.clone()).unwrap_or_default(),
            matches: matching().flat_map(|rule| rule.owners.clone()).collect(),
            unlogged: matching().any(|rule| !rule.log),
            words: enforce::words_allow(&effective(groups, &space.to_string(), phase), &sent),
            content: chain.content,
            desired,
            updated: chain.updated,
            redacted: self.traffic.one_in(200),
        };
        let load = match sent.flight {
            Flight::Syn(port) => Load::Syn { port },
            Flight::Ack(port) => Load::Ack { port },
            Flight::Reset(port) => Load::Reset { port },
            Flight::Udp(port) => Load::Udp { port },
            Flight::Icmp(8, _) => Load::Ping,
            Flight::Icmp(..) => Load::Unreachable,
        };
        let ends = (IpAddr::V4(container.ip), IpAddr::V4(sent.destination));
        let kind = if is_allowed { Kind::Allowed } else { Kind::Denied };
        if imitates {
            self.say_updated(slot, "APP/PROC/WEB")?;
        }
        self.send_out(slot, kind, load, ends, Some(ruling))
    }
}

/// Returns a packet to one of the addresses that rules are about.
fn random(chance: &mut Chance) -> Sent {
    let destination = Ipv4Addr::new(10, 0, chance.below(4) as u8, chance.below(16) as u8);
    let port = PORTS[chance.index(PORTS.len())];
    let flight = match chance.below(20) {
        0..=11 => Flight::Syn(port),
        12 => Flight::Ack(port),
        13 => Flight::Reset(port),
        14..=16 => Flight::Udp(port),
        17..=18 => Flight::Icmp(8, 0),
        _ => Flight::Icmp(3, 3),
    };
    Sent { destination, flight }
}
