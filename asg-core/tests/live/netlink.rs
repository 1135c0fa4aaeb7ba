//! The test's requests to the kernel: the loopback device up, and two chains of nftables that log.
//!
//! Source: `include/uapi/linux/{netlink,rtnetlink,if_link}.h`,
//! `include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h`.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto,
    setsockopt, socket,
};
use nix::sys::time::TimeVal;

use super::Try;

const REQUEST_ACK: u16 = 1 | 4;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;
const NESTED: u16 = 0x8000;
const NLMSG_ERROR: u16 = 2;

/// `RTM_NEWLINK` with `IFF_UP` for the first device, which is `lo`.
pub(crate) fn loopback_up() -> Try<()> {
    const RTM_NEWLINK: u16 = 16;
    const IFF_UP: u32 = 1;
    let [index, up] = [1_u32.to_ne_bytes(), IFF_UP.to_ne_bytes()];
    let body = [[0; 4], index, up, up].concat();
    talk(SockProtocol::NetlinkRoute, &[message(RTM_NEWLINK, REQUEST_ACK, 1, &body)])
        .map_err(|e| format!("loopback cannot be set up: {e}"))
}

/// Creates one chain for leaving packets and one for arriving packets, each with a rule that logs
/// with all flags.
pub(crate) fn log_loopback(prefix: &str) -> Try<()> {
    const NEW_TABLE: u16 = 10 << 8;
    const NEW_CHAIN: u16 = 10 << 8 | 3;
    const NEW_RULE: u16 = 10 << 8 | 6;
    const BEGIN: u16 = 16;
    const END: u16 = 17;
    let request = |kind: u16, flags, sequence, attributes: &[u8]| {
        let is_batch = kind == BEGIN || kind == END;
        // Family (1 is `inet`), version, and the subsystem that a batch is for.
        let head = if is_batch { [0, 0, 0, 10] } else { [1, 0, 0, 0] };
        message(kind, flags, sequence, &[&head[..], attributes].concat())
    };
    let mut batch = vec![request(BEGIN, 1, 0, &[])];
    batch.push(request(NEW_TABLE, REQUEST_ACK | CREATE, 1, &text(1, "live")));
    for (sequence, name, hook) in [(2, "in", 1_u32), (4, "out", 3)] {
        let hook = [number(1, hook), number(2, 0)].concat();
        let chain = [text(1, "live"), text(3, name), nested(4, &hook), text(7, "filter")].concat();
        batch.push(request(NEW_CHAIN, REQUEST_ACK | CREATE, sequence, &chain));
        // TCP numbers, TCP options, IP options, owner: 1 | 2 | 4 | 8.
        let log = [text(2, &format!("{prefix}{name} ")), number(5, 4), number(6, 15)].concat();
        let expression = [text(1, "log"), nested(2, &log)].concat();
        let rule = [text(1, "live"), text(2, name), nested(4, &nested(1, &expression))].concat();
        batch.push(request(NEW_RULE, REQUEST_ACK | CREATE | APPEND, sequence + 1, &rule));
    }
    batch.push(request(END, 1, 6, &[]));
    talk(SockProtocol::NetlinkNetFilter, &batch).map_err(|e| format!("nftables cannot log: {e}"))
}

/// Returns a message: length, type, flags, sequence number, no port.
fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).expect("a few bytes").to_ne_bytes();
    let head =
        [&length[..], &kind.to_ne_bytes(), &flags.to_ne_bytes(), &sequence.to_ne_bytes(), &[0; 4]];
    [&head.concat(), body].concat()
}

/// Returns an attribute: length, type, value, and zeros up to a multiple of four.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("a few bytes").to_ne_bytes();
    let mut out = [&length[..], &kind.to_ne_bytes(), value].concat();
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn text(kind: u16, text: &str) -> Vec<u8> {
    attribute(kind, &[text.as_bytes(), &[0]].concat())
}

fn number(kind: u16, number: u32) -> Vec<u8> {
    attribute(kind, &number.to_be_bytes())
}

fn nested(kind: u16, attributes: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, attributes)
}

/// Sends messages in one piece, and waits for the answer to each that asks for one.
fn talk(protocol: SockProtocol, messages: &[Vec<u8>]) -> Try<()> {
    let told = |e: nix::Error| e.to_string();
    let socket: OwnedFd =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)
            .map_err(told)?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::new(2, 0)).map_err(told)?;
    let fd = socket.as_raw_fd();
    sendto(fd, &messages.concat(), &NetlinkAddr::new(0, 0), MsgFlags::empty()).map_err(told)?;
    let mut open = messages.iter().filter(|message| message[6] & 4 != 0).count();
    let mut buffer = [0; 8192];
    while open > 0 {
        let length = recv(fd, &mut buffer, MsgFlags::empty()).map_err(told)?;
        let mut rest = &buffer[..length];
        while let Some((head, _)) = rest.split_first_chunk::<20>() {
            let word = |at: usize| {
                u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
            };
            if head[4..6] == NLMSG_ERROR.to_ne_bytes() {
                let error = word(16).cast_signed();
                if error != 0 {
                    return Err(nix::errno::Errno::from_raw(-error).to_string());
                }
                open -= 1;
            }
            let size = usize::try_from(word(0)).unwrap_or(length).next_multiple_of(4).max(20);
            rest = rest.get(size..).unwrap_or_default();
        }
    }
    Ok(())
}
