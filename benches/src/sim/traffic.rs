//! The packets of containers, and the lines that the kernel logs about them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::cell::{Key, Stage, address6};
use super::clock::{MINUTE, SECOND};
use super::egress::Ruling;
use super::era::{HandleForm, Limit, Named, Network};
use super::event::Event;
use super::packet::{self, Load, Path};
use super::run::Run;
use super::sink::Sink;
use super::truth::{Kind, Names, Truth, Workload};

/// A container's use of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Connect,
    AskDns,
    /// Many questions at once, more than are logged.
    FloodDns,
    Ping,
    Refuse,
    /// It connects to a place that no ASG allows, and tries again.
    Forbidden,
    /// It opens connections faster than allowed.
    TooFast,
    Call,
    /// It calls a container that no policy allows it to reach.
    ForbiddenCall,
}

/// The minimum time in which the kernel prints a line: no two packets of a burst are logged at one
/// microsecond.
const PRINTING: i64 = 5_000;

const WEIGHTS: [(Move, u32); 9] = [
    (Move::Connect, 800),
    (Move::AskDns, 500),
    (Move::FloodDns, 1),
    (Move::Ping, 40),
    (Move::Refuse, 20),
    (Move::Forbidden, 120),
    (Move::TooFast, 30),
    (Move::Call, 350),
    (Move::ForbiddenCall, 80),
];

impl<S: Sink> Run<'_, S> {
    pub(super) fn plan_packet(&mut self, key: Key) {
        let rate = i64::from(self.config.packets_per_minute.max(1));
        let after = self.traffic.between(0, 2 * MINUTE / rate);
        self.plan(after, Event::Packet(key));
    }

    /// Makes a container act, and plans its next action.
    pub(super) fn packet(&mut self, key: Key) -> io::Result<()> {
        self.plan_packet(key);
        let era = self.era;
        let slot = key.slot;
        self.forge(slot)?;
        let wanted = self.traffic.weighted(&WEIGHTS);
        let can = match wanted {
            Move::Connect => true,
            Move::AskDns | Move::FloodDns | Move::Ping | Move::Refuse => era.udp.is_some(),
            Move::Forbidden => era.denied.is_some(),
            Move::TooFast => era.outbound_limit,
            Move::Call => era.c2c.is_some(),
            Move::ForbiddenCall => era.c2c_denied.is_some() || era.rejects.is_some(),
        };
        let is_app = self.slots[slot].facts.workload == Workload::App;
        match if can { wanted } else { Move::Connect } {
            Move::Connect | Move::AskDns | Move::FloodDns | Move::Forbidden | Move::Ping
                if self.enforcement.is_some() =>
            {
                self.governed(slot)
            }
            Move::Call if is_app => self.call(slot, true),
            Move::ForbiddenCall if is_app => self.call(slot, false),
            Move::AskDns => self.ask_dns(slot, 1),
            Move::FloodDns => self.ask_dns(slot, 150),
            Move::Refuse | Move::Call | Move::ForbiddenCall if self.enforcement.is_some() => {
                self.governed(slot)
            }
            Move::Ping => self.egress(slot, Kind::Allowed, Load::Ping),
            Move::Refuse => self.egress(slot, Kind::Allowed, Load::Unreachable),
            Move::Forbidden => {
                for _ in 0..=self.traffic.below(4) {
                    let limit = era.denied.expect("this era logs denied packets");
                    if self.slots[slot].denied.take(limit, self.now) {
                        self.egress(slot, Kind::Denied, Load::Syn { port: 5432 })?;
                    } else {
                        self.slots[slot].denied_unlogged += 1;
                    }
                }
                Ok(())
            }
            Move::TooFast => self.egress(slot, Kind::RateLimited, Load::Syn { port: 443 }),
            Move::Connect | Move::Call | Move::ForbiddenCall => {
                let port = [80, 443, 3306, 5432, 6379][self.traffic.index(5)];
                self.egress(slot, Kind::Allowed, Load::Syn { port })
            }
        }
    }

    fn ask_dns(&mut self, slot: usize, times: u32) -> io::Result<()> {
        let limit = self.era.udp.expect("this era logs UDP");
        for _ in 0..times {
            if self.slots[slot].udp.take(limit, self.now) {
                self.egress(slot, Kind::Allowed, Load::Dns)?;
                self.now += PRINTING;
            } else {
                self.slots[slot].udp_unlogged += 1;
            }
        }
        Ok(())
    }

    /// Sends a packet out of a container to the world.
    fn egress(&mut self, slot: usize, kind: Kind, load: Load) -> io::Result<()> {
        let era = self.era;
        let container = &self.slots[slot];
        let chance = &mut self.traffic;
        let outside = Ipv4Addr::new(10, 0, chance.below(4) as u8, chance.below(256) as u8);
        let (src, dst) = if era.ipv6 && chance.one_in(4) {
            let there =
                Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, chance.below(65_536) as u16);
            (IpAddr::V6(address6(container.cell, container.number)), IpAddr::V6(there))
        } else {
            (IpAddr::V4(container.ip), IpAddr::V4(outside))
        };
        self.send_out(slot, kind, load, (src, dst), None)
    }

    /// Sends a packet out of a container to this address, and logs it.
    pub(super) fn send_out(
        &mut self,
        slot: usize,
        kind: Kind,
        load: Load,
        (src, dst): (IpAddr, IpAddr),
        ruling: Option<Ruling>,
    ) -> io::Result<()> {
        let era = self.era;
        let container = &self.slots[slot];
        let chance = &mut self.traffic;
        // The packets of every source of a network policy are marked.
        let tagged = era.network == Network::Silk
            && src.is_ipv4()
            && container.app.is_some_and(|app| app % 2 == 0);
        let path = Path {
            input: container.interface.clone(),
            output: "eth0".into(),
            mac: container.mac.clone(),
            src,
            dst,
            mark: container.app.filter(|_| tagged).map(tag),
        };
        let mut line = Vec::with_capacity(320);
        let mark = match kind {
            Kind::Denied => "DENY_",
            Kind::RateLimited => "DENY_ORL_",
            _ => era.allowed,
        };
        match era.named {
            Named::Handle => era.prefix(&mut line, &[mark, &container.facts.handle]),
            Named::ShortId(begins) => {
                line.extend(begins.as_bytes());
                line.extend(container.short_id.as_bytes());
                line.push(b' ');
            }
        }
        packet::write(&mut line, &path, load, chance);
        if ruling.as_ref().is_some_and(|ruling| ruling.redacted) {
            line = hide(&line, dst);
        }
        let truth = self.truth(slot, kind, self.shows(slot), None);
        let truth = Truth { ruling: ruling.map(Arc::new), ..truth };
        let cell = self.slots[slot].cell;
        self.kernel(cell, &line, Some(truth))
    }

    /// Sends a packet from one container to another, logged on the destination's cell.
    fn call(&mut self, from: usize, allowed: bool) -> io::Result<()> {
        let era = self.era;
        let Some(to) = self.any_callee(from) else { return Ok(()) };
        let (source, target) = (&self.slots[from], &self.slots[to]);
        let (Some(caller), Some(callee)) = (source.app, target.facts.app) else { return Ok(()) };
        let same_cell = source.cell == target.cell;
        let mut line = Vec::with_capacity(320);
        let (kind, names, limit) = if allowed {
            let (tag, app) = (format!("{:04X}_", tag(caller)), callee.to_string());
            era.prefix(&mut line, &["OK_", &tag, &app]);
            (Kind::C2cAllowed, Names::App, era.c2c)
        } else if era.rejects.is_some() {
            line.extend(if same_cell { &b"REJECT_LOCAL: "[..] } else { b"REJECT_REMOTE: " });
            (Kind::C2cDenied, Names::Nobody, era.rejects)
        } else {
            era.prefix(&mut line, &["DENY_C2C_", &target.facts.handle]);
            (Kind::C2cDenied, Names::Container, era.c2c_denied)
        };
        let limit = limit.unwrap_or(Limit { period: SECOND, burst: 1 });
        let (overlay, remote) = match era.network {
            Network::Silk => (source.interface.clone(), "silk-vtep"),
            Network::Bridge | Network::Flannel => ("cni-flannel0".into(), "flannel.1"),
        };
        let path = Path {
            input: if same_cell { overlay } else { remote.into() },
            output: if era.network == Network::Silk {
                target.interface.clone()
            } else {
                "cni-flannel0".into()
            },
            mac: if same_cell { source.mac.clone() } else { target.mac.clone() },
            src: IpAddr::V4(source.ip),
            dst: IpAddr::V4(target.ip),
            mark: Some(tag(caller)),
        };
        packet::write(&mut line, &path, Load::Syn { port: 8080 }, &mut self.traffic);
        let now = self.now;
        let cell = target.cell;
        let bucket = match (allowed, era.rejects) {
            (true, _) => &mut self.slots[to].c2c,
            (false, Some(_)) => &mut self.cells[cell].rejects,
            (false, None) => &mut self.slots[to].c2c_denied,
        };
        if !bucket.take(limit, now) {
            self.slots[to].denied_unlogged += u64::from(!allowed);
            return Ok(());
        }
        let truth = self.truth(to, kind, names, Some(from));
        self.kernel(cell, &line, Some(truth))
    }

    fn any_callee(&mut self, from: usize) -> Option<usize> {
        for _ in 0..4 {
            let cell = &self.cells[self.traffic.index(self.cells.len())];
            let slot = *cell.containers.get(self.traffic.index(cell.containers.len()))?;
            let container = &self.slots[slot];
            let runs =
                container.stage >= Stage::Created && container.facts.workload == Workload::App;
            if runs && slot != from {
                return Some(slot);
            }
        }
        None
    }

    /// Returns the most precise name that a prefix with this container's handle gives.
    fn shows(&self, slot: usize) -> Names {
        let facts = &self.slots[slot].facts;
        match (self.era.named, facts.workload) {
            (Named::ShortId(_), _) | (_, Workload::HealthCheck) => Names::Nobody,
            // A handle longer than a GUID begins with the app's.
            (_, Workload::App) if self.era.handle == HandleForm::ProcessAndInstance => Names::App,
            (_, Workload::Staging) if self.era.old_staging => Names::App,
            _ => Names::Container,
        }
    }

    fn truth(&self, slot: usize, kind: Kind, names: Names, peer: Option<usize>) -> Truth {
        let container = &self.slots[slot];
        Truth {
            packet: 0,
            time: self.now,
            wall: 0,
            kind,
            names,
            container: Some(Arc::clone(&container.facts)),
            named: container.app.map(|app| Arc::clone(&self.world.apps[app].names)),
            peer: peer.map(|peer| Arc::clone(&self.slots[peer].facts)),
            damaged: false,
            copy: false,
            ruling: None,
        }
    }

    /// Writes lines of a cell that concern no container: another tool's packet, other kernel text,
    /// rep's own doings.
    pub(super) fn noise(&mut self, cell: usize) -> io::Result<()> {
        let after = self.traffic.between(0, 20 * SECOND);
        self.plan(after, Event::Noise { cell });
        match self.traffic.below(3) {
            0 => {
                let mut line = b"[UFW BLOCK] ".to_vec();
                let ip = self.cells[cell].host.ip;
                let [.., a, b] = ip.octets();
                let path = Path {
                    input: "eth0".into(),
                    output: String::new(),
                    mac: format!("42:01:0a:00:{a:02x}:{b:02x}:42:01:0a:00:{a:02x}:01"),
                    src: IpAddr::V4([198, 51, 100, self.traffic.below(256) as u8].into()),
                    dst: IpAddr::V4(ip),
                    mark: None,
                };
                packet::write(&mut line, &path, Load::Syn { port: 22 }, &mut self.traffic);
                let truth = Truth {
                    packet: 0,
                    time: self.now,
                    wall: 0,
                    kind: Kind::Foreign,
                    names: Names::Nobody,
                    container: None,
                    named: None,
                    peer: None,
                    damaged: false,
                    copy: false,
                    ruling: None,
                };
                self.kernel(cell, &line, Some(truth))
            }
            1 => self.kernel(cell, b"device s-010255073003 entered promiscuous mode", None),
            _ => self.lager_noise(cell),
        }
    }
}

/// Hides a destination, as people do before they show a line to others.
fn hide(line: &[u8], dst: IpAddr) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    text.replacen(&format!("DST={dst} "), "DST=x.x.x.x ", 1).into_bytes()
}

/// Returns the tag that the policy server gives an app.
fn tag(app: usize) -> u32 {
    (app % 0xffff + 1) as u32
}
