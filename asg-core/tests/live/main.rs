//! Packets that the kernel of this machine logs, compared with what was sent.
//!
//! The test's thread moves into a network namespace of its own, which ends with it, and asks
//! nftables there to log the packets of its loopback device. It needs only the kernel, and rights
//! over it: so it is ignored by default, and fails with the reason if the kernel refuses.
#![cfg(target_os = "linux")]

mod netlink;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use asg_core::{Line, Record};
use nix::libc::O_NONBLOCK;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{setsockopt, sockopt};
use serde_json::{Value, json};

/// While it is 1, packets of all namespaces are logged; only the first one has it.
const SWITCH: &str = "/proc/sys/net/netfilter/nf_log_all_netns";

type Try<T> = Result<T, String>;

#[test]
#[ignore = "needs root: it makes a network namespace and reads /dev/kmsg"]
fn what_the_kernel_logs_is_what_was_sent() {
    let captured = Switch::on().and_then(|_switch| {
        // A thread, because it cannot come back from its namespace. The switch is not visible from
        // there.
        std::thread::spawn(captured).join().unwrap()
    });
    let (sent, lines) = captured.unwrap_or_else(|reason| panic!("{reason}"));
    compare(&sent, &lines);
}

/// Returns the packets that were sent, and the lines about them.
fn captured() -> Try<(Vec<Value>, Vec<Vec<u8>>)> {
    let mut log = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open("/dev/kmsg")
        .map_err(|e| format!("/dev/kmsg cannot be read: {e}"))?;
    log.seek(SeekFrom::End(0)).map_err(|e| format!("/dev/kmsg has no end: {e}"))?;
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|e| format!("no network namespace can be made: {e}"))?;
    netlink::loopback_up()?;
    let prefix = format!("live-{}-", std::process::id());
    netlink::log_loopback(&prefix)?;
    let sent = send(&prefix).map_err(|e| format!("nothing can be sent over loopback: {e}"))?;
    let lines = collect(&mut log, prefix.as_bytes(), sent.len());
    if lines.is_empty() {
        return Err("the kernel wrote no line".into());
    }
    Ok((sent, lines))
}

/// Turns the switch back when it is dropped.
struct Switch {
    before: String,
}

impl Switch {
    fn on() -> Try<Self> {
        let before = std::fs::read_to_string(SWITCH).map_err(|e| format!("{SWITCH}: {e}"))?;
        std::fs::write(SWITCH, "1").map_err(|e| format!("{SWITCH}: {e}"))?;
        Ok(Self { before })
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        if let Err(e) = std::fs::write(SWITCH, self.before.trim()) {
            println!("{SWITCH} stays on: {e}");
        }
    }
}

/// Sends packets, and returns the expected fields of their lines. Each is logged as it leaves and
/// as it arrives.
fn send(prefix: &str) -> std::io::Result<Vec<Value>> {
    let mut sent = Vec::new();
    let mut both = |line: Value| {
        sent.push(merged(&line, json!({"prefix": format!("{prefix}out "), "in": "", "out": "lo"})));
        let arrived =
            merged(&line, json!({"prefix": format!("{prefix}in "), "in": "lo", "out": ""}));
        let ethertype = if line["family"] == "ipv6" { "86:dd" } else { "08:00" };
        sent.push(merged(&arrived, json!({"mac_raw": format!("{}{ethertype}", "00:".repeat(12))})));
    };
    for (address, family, in_line, header, limit) in [
        ("127.0.0.1:0", "ipv4", "127.0.0.1", 20, "ttl"),
        ("[::1]:0", "ipv6", "0000:0000:0000:0000:0000:0000:0000:0001", 40, "hoplimit"),
    ] {
        let is_v4 = family == "ipv4";
        let base = json!({"family": family, "src": in_line, "dst": in_line});

        // A datagram to an open port, of 1 to 300 bytes, with a mark.
        let (from, to) = (UdpSocket::bind(address)?, UdpSocket::bind(address)?);
        let [spt, dpt] = [from.local_addr()?.port(), to.local_addr()?.port()];
        setsockopt(&from, sockopt::Mark, &0x2a)?;
        if is_v4 {
            from.set_ttl(7)?;
            setsockopt(&from, sockopt::Ipv4Tos, &0xb8)?;
        }
        for bytes in [1_u16, 300] {
            from.send_to(&vec![0; bytes.into()], to.local_addr()?)?;
            let mut line = json!({"len": header + 8 + bytes, "proto": "UDP", "proto_num": 17, "spt": spt, "dpt": dpt,
                "udp_len": 8 + bytes, "mark": 0x2a});
            line[limit] = if is_v4 { 7 } else { 64 }.into();
            if is_v4 {
                line = merged(
                    &line,
                    json!({"tos": 0x18, "prec": 0xa0, "mf": false, "frag_offset": 0}),
                );
            }
            both(merged(&base, line));
        }

        // A datagram to a closed port comes back in an error that quotes it.
        drop(to);
        let lonely = UdpSocket::bind(address)?;
        let closed: SocketAddr = from.local_addr()?;
        let port = closed.port();
        drop(from);
        let spt = lonely.local_addr()?.port();
        lonely.send_to(b"anyone?", closed)?;
        let quote = json!({"src": in_line, "dst": in_line, "len": header + 15, "proto": "UDP", "proto_num": 17, "spt": spt,
            "dpt": port, "udp_len": 15});
        let (proto, number, kind, code) =
            if is_v4 { ("ICMP", 1, 3, 3) } else { ("ICMPv6", 58, 1, 4) };
        both(merged(
            &base,
            json!({"proto": proto, "proto_num": number, "icmp_type": kind, "icmp_code": code, "nested": quote}),
        ));

        // A connection: its first packets, and one with data.
        let listener = TcpListener::bind(address)?;
        let stream = TcpStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(2))?;
        let [spt, dpt] = [stream.local_addr()?.port(), listener.local_addr()?.port()];
        let tcp = |spt: u16, dpt: u16, flags: Value| {
            merged(
                &base,
                json!({"proto": "TCP", "proto_num": 6, "spt": spt, "dpt": dpt, "flags": flags, "urgp": 0, "res": 0}),
            )
        };
        both(merged(&tcp(spt, dpt, json!(["SYN"])), json!({"ack": 0})));
        both(tcp(dpt, spt, json!(["ACK", "SYN"])));
        both(tcp(spt, dpt, json!(["ACK"])));
    }
    Ok(sent)
}

fn merged(base: &Value, more: Value) -> Value {
    let (Value::Object(mut base), Value::Object(more)) = (base.clone(), more) else {
        unreachable!()
    };
    base.extend(more);
    base.into()
}

/// Returns the records of the kernel's buffer with this prefix, until there are enough or no more
/// come.
fn collect(log: &mut File, prefix: &[u8], enough: usize) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut buffer = [0; 8192];
    let end = Instant::now() + Duration::from_secs(2);
    let mut quiet_since = Instant::now();
    while Instant::now() < end && (lines.len() < enough || quiet_since.elapsed().as_millis() < 100)
    {
        match log.read(&mut buffer) {
            Ok(n) => {
                let record = buffer[..n].split(|b| *b == b'\n').next().unwrap_or_default();
                if record.windows(prefix.len()).any(|window| window == prefix) {
                    lines.push(record.to_vec());
                    quiet_since = Instant::now();
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(5));
            }
            // The buffer wrapped around; the next record can be read.
            Err(_) => {}
        }
    }
    lines
}

fn compare(sent: &[Value], lines: &[Vec<u8>]) {
    let mut seen = Vec::new();
    for line in lines {
        let line = Line::new(line);
        let record = Record::classify(&line);
        assert_eq!(record.kind(), "packet", "{record:?}");
        assert!(record.envelope.uptime.is_some(), "{record:?}");
        let (packet, _) = record.packet().unwrap();
        assert_eq!(packet.to_line(), record.envelope.body.as_bytes(), "{record:?}");
        seen.push(serde_json::to_value(packet).unwrap());
    }
    for line in sent {
        assert!(seen.iter().any(|seen| says(seen, line)), "not seen: {line}\namong {seen:#?}");
    }
    // The answer to a connection acknowledges it by number.
    let numbers = |flags: Value| {
        seen.iter()
            .find(|line| line["flags"] == flags)
            .map(|line| (line["seq"].as_u64(), line["ack"].as_u64()))
    };
    let (first, answer) =
        (numbers(json!(["SYN"])).unwrap(), numbers(json!(["ACK", "SYN"])).unwrap());
    assert_eq!(answer.1, first.0.map(|seq| (seq + 1) % (1 << 32)));
    println!("{} packets were sent, and {} lines say so", sent.len() / 2, lines.len());
}

/// Returns whether every field of `sent` is in `seen`.
fn says(seen: &Value, sent: &Value) -> bool {
    match (seen, sent) {
        (Value::Object(seen), Value::Object(sent)) => {
            sent.iter().all(|(key, value)| seen.get(key).is_some_and(|seen| says(seen, value)))
        }
        _ => seen == sent,
    }
}
