//! Verdicts, deciders and log lines of the policy module, compared with those of this machine's
//! kernel.
//!
//! A thread moves into a network namespace of its own and loads the rules from
//! `Effective::arguments` into the chain of its outgoing packets. It sends packets, and finds the
//! rule that took each from the counters. It needs root, `ip`, and the back ends of iptables; it
//! skips a missing one and prints the reason.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::{Command, Stdio};

use asg_core::Timestamp;
use asg_core::policy::{
    CellSettings, Decider, Effective, Load, LogLine, Opening, Phase, Policy, Probe, ProbeTraffic,
    SecurityGroup, Snapshot, Verdict,
};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket,
};
use serde_json::{Value, json};

type Try<T> = Result<T, String>;

const HANDLE: &str = "4ccbb24c-268e-421a-9d1b-3678";
const SETS: u32 = 32;
const PACKETS: u32 = 14;

#[test]
fn the_kernel_decides_as_the_policy_says() {
    for backend in ["nft", "legacy"] {
        // A thread, because it cannot come back from its namespace.
        match std::thread::spawn(move || compare(backend)).join().unwrap() {
            Err(reason) => println!("skipped iptables-{backend}: {reason}"),
            Ok(counts) => println!("iptables-{backend}: {counts}"),
        }
    }
}

/// Loads random sets of rules and compares; returns the counts.
fn compare(backend: &str) -> Try<String> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|e| format!("no network namespace: {e}"))?;
    for command in [
        "link set lo up",
        "link add out type veth peer name in",
        "link set in up",
        "link set out up",
        "addr add 198.51.100.1/24 dev out",
        "route add default dev out",
    ] {
        run("ip", &command.split(' ').collect::<Vec<_>>(), "")?;
    }
    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Raw);
    let raw = raw.map_err(|e| format!("no raw socket: {e}"))?;
    let mut random = Random(u64::from(backend.len() as u32) * 0x9e37_79b9);
    // A set without rules shows whether the back end works here.
    load(backend, &effective_of(Vec::new(), 0))?;
    let [mut packets, mut allowed, mut denied, mut dropped, mut logged, mut refused] = [0; 6];
    for set in 0..SETS {
        let effective = random.effective(set);
        let loaded = load(backend, &effective);
        if effective.load() == Load::Refused {
            assert!(loaded.is_err(), "{:#?}", effective.arguments(HANDLE));
            refused += 1;
            continue;
        }
        loaded.unwrap_or_else(|e| panic!("{e}: {:#?}", effective.arguments(HANDLE)));
        let mut before = counters(backend)?;
        for n in 0..PACKETS {
            let probe = random.probe();
            send(&raw, &probe, (1024 + set * PACKETS + n) as u16);
            let after = counters(backend)?;
            let hits = |chain: &str| -> Vec<usize> {
                let counts = after.iter().zip(&before).filter(|((name, _), _)| name == chain);
                let hit =
                    |((_, after), (_, before)): (&(String, u64), &(String, u64))| after > before;
                let hits = counts.enumerate().filter(|(_, pair)| hit(*pair)).map(|(n, _)| n);
                hits.collect()
            };
            let chain = hits(&Effective::chain(HANDLE));
            let lines = hits(&Effective::log_chain(HANDLE));
            check(&effective, &probe, &chain, &lines);
            let ruling = effective.evaluate(&probe).ruling.unwrap();
            match ruling.verdict {
                Verdict::Allow => allowed += 1,
                Verdict::Deny => denied += 1,
                Verdict::Drop => dropped += 1,
            }
            logged += u32::from(ruling.log == Some(LogLine::Ok));
            packets += 1;
            before = after;
        }
    }
    Ok(format!(
        "{SETS} sets, {refused} of them refused; {packets} packets: {allowed} allowed ({logged} logged), {denied} denied, {dropped} dropped; \
         verdict, decider and log line agree on all"
    ))
}

/// Compares one packet: the rules that counted it, in the chain of the container and in its log
/// chain.
fn check(effective: &Effective, probe: &Probe, chain: &[usize], lines: &[usize]) {
    let arguments = effective.arguments(HANDLE);
    let entries_at = arguments.iter().position(|rule| rule.starts_with("-m iprange"));
    let ruling = effective.evaluate(probe).ruling.unwrap();
    let context = || format!("{probe:?}, {ruling:?}, {chain:?} of {arguments:#?}");
    let took = *chain.last().unwrap_or_else(|| panic!("no rule took it: {}", context()));
    match ruling.by {
        Decider::Entry(n) => assert_eq!(took, entries_at.unwrap() + n as usize, "{}", context()),
        Decider::Default => assert_eq!(took, arguments.len() - 1, "{}", context()),
        Decider::DenyNetwork => assert!(arguments[took].starts_with("-d "), "{}", context()),
        Decider::Invalid => assert_eq!(arguments[took], arguments[1], "{}", context()),
        Decider::AnyOf(_) => panic!("an order that is not known: {}", context()),
    }
    // The last rule of the log chain accepts; the others write a line.
    let line = lines.iter().any(|n| *n < 2);
    assert_eq!(line, ruling.log == Some(LogLine::Ok), "{}", context());
    let counts = |text: &str| chain.iter().any(|n| arguments[*n].contains(text));
    if ruling.log != Some(LogLine::Deny) {
        assert!(!counts("--jump LOG"), "{}", context());
    }
}

/// Replaces all rules by those of a set.
fn load(backend: &str, effective: &Effective) -> Try<()> {
    let (chain, log) = (Effective::chain(HANDLE), Effective::log_chain(HANDLE));
    let mut text = format!(
        "*filter\n:OUTPUT ACCEPT\n:{chain} -\n:{log} -\n-A OUTPUT -o out -j {chain}\n\
         -A {log} ! -p udp -m conntrack --ctstate INVALID,NEW,UNTRACKED -j LOG --log-prefix \"OK_test \"\n\
         -A {log} -p udp -m limit --limit 10000/s --limit-burst 10000 -j LOG --log-prefix \"OK_test \"\n\
         -A {log} -j ACCEPT\n"
    );
    for rule in effective.arguments(HANDLE) {
        writeln!(text, "-A {chain} {rule}").unwrap();
    }
    text.push_str("COMMIT\n");
    run(&format!("iptables-{backend}-restore"), &[], &text).map(drop)
}

/// Returns each rule's chain, and the number of packets it has counted.
fn counters(backend: &str) -> Try<Vec<(String, u64)>> {
    let saved = run(&format!("iptables-{backend}-save"), &["-c", "-t", "filter"], "")?;
    let rules = saved.lines().filter_map(|line| {
        let (counts, rule) = line.strip_prefix('[')?.split_once("] -A ")?;
        let packets = counts.split(':').next()?.parse().ok()?;
        Some((rule.split(' ').next()?.to_owned(), packets))
    });
    Ok(rules.collect())
}

fn run(program: &str, arguments: &[&str], input: &str) -> Try<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("{program}: {e}"))?;
    let fed = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|e| format!("{program}: {e}"))?;
    fed.map_err(|e| format!("{program}: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let message = String::from_utf8_lossy(&output.stderr);
        Err(format!("{program} {}: {}", arguments.join(" "), message.trim()))
    }
}

/// Sends a packet from a port, or with an identifier, that no other has.
fn send(raw: &OwnedFd, probe: &Probe, own: u16) {
    let IpAddr::V4(destination) = probe.destination else { panic!("an IPv4 address") };
    let [high, low] = own.to_be_bytes();
    let ports = |port: u16| {
        let [a, b] = port.to_be_bytes();
        [high, low, a, b]
    };
    let (protocol, body) = match probe.traffic {
        ProbeTraffic::Tcp { port, opening } => {
            let flags = match opening {
                Opening::New => 0x02,
                Opening::PickUp => 0x10,
                Opening::Invalid => 0x04,
            };
            let rest = [0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x40, 0, 0, 0, 0, 0];
            (6, [&ports(port)[..], &rest].concat())
        }
        ProbeTraffic::Udp { port } => (17, [&ports(port)[..], &[0, 8, 0, 0]].concat()),
        ProbeTraffic::Icmp { icmp_type, code } => (1, vec![icmp_type, code, 0, 0, high, low, 0, 1]),
        ProbeTraffic::Other(47) => (47, vec![0, 0, 8, 0]),
        ProbeTraffic::Other(number) => {
            // An INIT of SCTP.
            let init = [1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 16, 0, 0, 1, 0, 1, 0, 0, 0, 1];
            (number, [&ports(80)[..], &[0; 8], &init].concat())
        }
    };
    let length = (20 + body.len() as u16).to_be_bytes();
    let head = [0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0, 198, 51, 100, 1];
    let packet = [&head[..], &destination.octets(), &body].concat();
    let to = SockaddrIn::from(SocketAddrV4::new(destination, 0));
    // A denied packet is an error here.
    let _ = sendto(raw.as_raw_fd(), &packet, &to, MsgFlags::empty());
}

/// Returns the rules of these groups, under settings that depend on the number.
fn effective_of(groups: Vec<SecurityGroup>, number: u32) -> Effective {
    let snapshot = Snapshot::new(Timestamp::from_nanos(0), true, groups);
    let mut settings = json!({
        "profile": if number % 3 == 2 { "silk_static" } else { "silk_dynamic" },
        "group_order": "listed",
        "iptables_logging": number % 4 == 1,
    });
    if number % 5 == 4 {
        settings["deny_networks"] =
            json!({ "always": ["10.0.1.0/24"], "running": ["10.0.0.9/32"] });
    }
    let settings = CellSettings::from_json(settings.to_string().as_bytes()).unwrap();
    Policy::new(vec![snapshot], settings).effective("s", Phase::Running).unwrap()
}

/// Numbers that look random, and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn rule(&mut self) -> Value {
        let destination = self.one_of(&[
            "10.0.0.1",
            "10.0.0.0/24",
            "10.0.0.2-10.0.0.9",
            "10.0.0.1,10.0.1.1",
            "0.0.0.0/0",
            "10.0.1.0/24,10.0.0.5",
            "::ffff:10.0.0.0/126",
            "10.0.0.9-10.0.0.2",
        ]);
        let mut rule = match self.below(6) {
            0..=3 => json!({
                "protocol": self.one_of(&["tcp", "tcp", "udp"]),
                "ports": self.one_of(&["80", "80,443", "70-90", "443,5000-5010", "1-65535", "0", "81, 80,http"]),
            }),
            4 => {
                let numbers = [-1, 0, 3, 8, 255];
                let (t, c) = (numbers[self.below(5)], numbers[self.below(5)]);
                json!({ "protocol": "icmp", "type": t, "code": c })
            }
            _ => json!({ "protocol": "all" }),
        };
        rule["destination"] = destination.into();
        match self.below(24) {
            0 => rule["destination"] = "10.0.0.0/24,2001:db8::1".into(),
            1 if rule.get("ports").is_some() => rule["ports"] = "90-80".into(),
            _ => {}
        }
        rule["log"] = (self.below(2) == 0).into();
        rule
    }

    fn effective(&mut self, set: u32) -> Effective {
        let groups = (0..=self.below(4)).map(|n| {
            let rules: Vec<Value> = (0..=self.below(4)).map(|_| self.rule()).collect();
            let group = json!({
                "guid": format!("g-{n}"),
                "rules": rules,
                "globally_enabled": { "running": self.below(3) == 0 },
                "relationships": { "running_spaces": { "data": [{ "guid": "s" }] } },
            });
            serde_json::from_value::<SecurityGroup>(group).unwrap()
        });
        let effective = effective_of(groups.collect(), set);
        // A set that Diego or the agent refuses never reaches a kernel.
        let comes = matches!(effective.load(), Load::Ok | Load::Refused);
        if comes { effective } else { self.effective(set) }
    }

    fn probe(&mut self) -> Probe {
        let address = self.one_of(&[
            "10.0.0.0",
            "10.0.0.1",
            "10.0.0.2",
            "10.0.0.3",
            "10.0.0.4",
            "10.0.0.9",
            "10.0.0.10",
            "10.0.1.1",
            "10.0.1.255",
            "192.0.2.1",
        ]);
        let port = [0, 1, 69, 70, 79, 80, 81, 90, 443, 5005, 65535][self.below(11)];
        let traffic = match self.below(8) {
            0..=2 => {
                let opening = [Opening::New, Opening::New, Opening::PickUp, Opening::Invalid];
                ProbeTraffic::Tcp { port, opening: opening[self.below(4)] }
            }
            3 | 4 => ProbeTraffic::Udp { port },
            5 | 6 => {
                let numbers = [(8, 0), (0, 0), (3, 4), (13, 0), (8, 255), (3, 3)];
                let (icmp_type, code) = numbers[self.below(6)];
                ProbeTraffic::Icmp { icmp_type, code }
            }
            _ => ProbeTraffic::Other([47, 132][self.below(2)]),
        };
        Probe { destination: IpAddr::V4(address.parse::<Ipv4Addr>().unwrap()), traffic }
    }
}
