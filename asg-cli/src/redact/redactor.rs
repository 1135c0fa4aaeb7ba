//! The renaming: which new value each address, GUID and name has.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use asg_core::Guid;
use asg_core::evidence::Interface;

use super::key::Key;
use super::pins;
use super::tree::{Tree, Way};
use super::words::{Interfaces, Words};

/// Gives each address, GUID and name its new value, and back. It opens no file.
///
/// Equal values have equal images, and different values different ones. Addresses keep their
/// networks, and GUIDs their beginnings.
///
/// ```
/// use asg_cli::redact::{Key, Redactor};
///
/// let redactor = Redactor::new(&Key::from([7; 32]));
/// let handle = redactor.id("bfce786c-ab07-40ad-79f9-8f21");
/// assert!(handle.starts_with(&redactor.id("bfce786c-ab07-40ad")));
/// assert_eq!(redactor.address("127.0.0.1".parse()?).to_string(), "127.0.0.1");
/// assert_eq!(redactor.reversed().id(&handle), "bfce786c-ab07-40ad-79f9-8f21");
/// assert_eq!(redactor.reversed().name(&redactor.name("orders")), "orders");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone)]
pub struct Redactor {
    all: Arc<Permutations>,
    way: Way,
    /// Names and GUIDs that were asked for, at most [`MOST_KEPT`].
    kept: RefCell<HashMap<(Kind, String), String>>,
    kept_v4: RefCell<HashMap<u32, u32>>,
}

const MOST_KEPT: usize = 1 << 16;

struct Permutations {
    key: Key,
    v4: Tree,
    v6: Tree,
    mac: Tree,
    guid: Tree,
    short_id: Tree,
    words: Words,
    interfaces: Interfaces,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Id,
    Name,
    Interface,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("way", &self.way).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Creates the renaming of a key.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        let walks = |purpose: &str| [1, 2, 3].map(|n| key.part(&format!("{purpose} {n}")));
        let tree = |purpose| Tree::new(&walks(purpose));
        let all = Permutations {
            key: key.clone(),
            v4: tree("ipv4"),
            v6: tree("ipv6"),
            mac: tree("mac"),
            guid: tree("guid"),
            short_id: tree("short id"),
            words: Words::new(&key.part("name")),
            interfaces: Interfaces::new(&key.part("interface")),
        };
        Self {
            all: Arc::new(all),
            way: Way::Hide,
            kept: RefCell::default(),
            kept_v4: RefCell::default(),
        }
    }

    /// Returns the renaming back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let way = match self.way {
            Way::Hide => Way::Show,
            Way::Show => Way::Hide,
        };
        Self {
            all: Arc::clone(&self.all),
            way,
            kept: RefCell::default(),
            kept_v4: RefCell::default(),
        }
    }

    /// Renames an address. Special blocks stay as they are: loopback, link local, multicast,
    /// broadcast.
    #[must_use]
    pub fn address(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(ip) => self.v4(ip).into(),
            IpAddr::V6(ip) => self.v6(ip).into(),
        }
    }

    /// Renames an IPv4 address.
    pub(super) fn v4(&self, ip: Ipv4Addr) -> Ipv4Addr {
        let mut kept = self.kept_v4.borrow_mut();
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        let image = kept.entry(ip.to_bits()).or_insert_with_key(|bits| {
            let value = u128::from(*bits) << 96;
            (self.all.v4.map_pinned(value, 32, self.way, &pins::V4) >> 96) as u32
        });
        Ipv4Addr::from_bits(*image)
    }

    /// Renames an IPv6 address.
    pub(super) fn v6(&self, ip: Ipv6Addr) -> Ipv6Addr {
        let bits = ip.to_bits();
        if bits & !u128::from(u32::MAX) == pins::MAPPED {
            let inner = self.v4(Ipv4Addr::from_bits(bits as u32));
            return Ipv6Addr::from_bits(pins::MAPPED | u128::from(inner.to_bits()));
        }
        Ipv6Addr::from_bits(self.all.v6.map_pinned(bits, 128, self.way, &pins::V6))
    }

    /// Renames the first address of a block; the length stays.
    #[must_use]
    pub fn block(&self, first: IpAddr, length: u8) -> IpAddr {
        match self.address(first) {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                Ipv4Addr::from_bits(ip.to_bits() & mask).into()
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                Ipv6Addr::from_bits(ip.to_bits() & mask).into()
            }
        }
    }

    /// Renames a link address.
    #[must_use]
    pub fn mac(&self, mac: [u8; 6]) -> [u8; 6] {
        let [a, b, rest @ ..] = mac;
        if matches!((a, b), (0xaa, 0xaa) | (0xee, 0xee)) {
            let [c, d, e, f] = self.v4(Ipv4Addr::from(rest)).octets();
            return [a, b, c, d, e, f];
        }
        let value = mac.iter().fold(0_u128, |all, byte| all << 8 | u128::from(*byte)) << 80;
        let keeps = |before: u128, len: u32| {
            pins::is_kind_of_mac(len) || pins::MAC.iter().any(|pin| pin.keeps_bit(before, len))
        };
        let image = self.all.mac.map(value, 48, self.way, keeps) >> 80;
        let [.., a, b, c, d, e, f] = image.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// Renames a handle, a GUID or a process GUID, or the beginning of one. A text of another form
    /// is renamed as a name.
    #[must_use]
    pub fn id(&self, text: &str) -> String {
        self.remember(Kind::Id, text, || self.guids(text).unwrap_or_else(|| self.word(text)))
    }

    /// Renames a name. Back, a text that is no pseudonym of this key stays as it is.
    #[must_use]
    pub fn name(&self, text: &str) -> String {
        self.remember(Kind::Name, text, || self.word(text))
    }

    fn word(&self, text: &str) -> String {
        match self.way {
            Way::Hide => self.all.words.hide(text),
            Way::Show => self.all.words.show(text).unwrap_or_else(|| text.to_owned()),
        }
    }

    /// Renames the name of a machine: an address, a GUID or a word. `localhost` stays.
    #[must_use]
    pub fn machine(&self, text: &str) -> String {
        if text == "localhost" {
            text.to_owned()
        } else if let Ok(ip) = text.parse::<IpAddr>() {
            self.address(ip).to_string()
        } else if Guid::parse(text.as_bytes()).is_ok() {
            self.id(text)
        } else {
            self.name(text)
        }
    }

    /// Renames an interface, and the address in its name.
    #[must_use]
    pub fn interface(&self, name: &str) -> String {
        if let Some(digits) = name.strip_prefix("s-")
            && let Some(IpAddr::V4(ip)) =
                Interface::classify(name.as_bytes()).and_then(Interface::address)
            && digits.len() == 12
        {
            let [a, b, c, d] = self.v4(ip).octets();
            return format!("s-{a:03}{b:03}{c:03}{d:03}");
        }
        if let Some(digits) = name.strip_prefix("wbrdg-")
            && Interface::classify(name.as_bytes()).is_some()
            && let Ok(first) = u32::from_str_radix(digits, 16)
        {
            // A subnet of four.
            let image = self.v4(Ipv4Addr::from_bits(first)).to_bits() & !3;
            return format!("wbrdg-{:08x}", image | first & 3);
        }
        if name.is_empty() || is_common_interface(name) {
            return name.to_owned();
        }
        self.remember(Kind::Interface, name, || match self.way {
            Way::Hide => {
                // Other letters: a mark of 15 characters, which does not lead back.
                let mark = || self.tag(name.as_bytes()).chars().take(15).collect();
                self.all.interfaces.hide(name).unwrap_or_else(mark)
            }
            Way::Show => self.all.interfaces.show(name).unwrap_or_else(|| name.to_owned()),
        })
    }

    /// Returns a short mark for a text that is dropped, by which equal texts are known; it does
    /// not lead back.
    pub(super) fn tag(&self, text: &[u8]) -> String {
        format!("t{}", self.all.key.tag(text))
    }

    fn remember(&self, kind: Kind, text: &str, find: impl FnOnce() -> String) -> String {
        let key = (kind, text.to_owned());
        if let Some(image) = self.kept.borrow().get(&key) {
            return image.clone();
        }
        let image = find();
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(key, image.clone());
        image
    }

    /// Renames GUIDs with hyphens between them, each by itself, so that a GUID has the same image
    /// wherever it stands. The last may be cut. `None` for any other text.
    pub(super) fn guids(&self, text: &str) -> Option<String> {
        let (head, rest) = match text.strip_prefix("check-") {
            Some(rest) => ("check-", rest),
            None => ("", text),
        };
        let mut out = head.to_owned();
        let mut rest = rest.as_bytes();
        loop {
            let (guid, len) = Piece::at_start(rest)?;
            guid.write(&self.all.guid, self.way, &rest[..len], &mut out);
            rest = &rest[len..];
            match rest {
                [] => return Some(out),
                [b'-', more @ ..] if guid.count == 32 && !more.is_empty() => {
                    out.push('-');
                    rest = more;
                }
                // The hyphen at the end of a cut prefix.
                [b'-'] if guid.count == 32 => {
                    out.push('-');
                    return Some(out);
                }
                _ => return None,
            }
        }
    }

    /// Renames the short id that warden and garden-linux gave a container: digits of base 32.
    ///
    /// ```
    /// use asg_cli::redact::{Key, Redactor};
    ///
    /// let redactor = Redactor::new(&Key::from([7; 32]));
    /// let id = redactor.short_id("17vkp0n9mtb").unwrap();
    /// assert_eq!(redactor.reversed().short_id(&id).as_deref(), Some("17vkp0n9mtb"));
    /// assert_eq!(redactor.short_id("no-id"), None);
    /// ```
    #[must_use]
    pub fn short_id(&self, text: &str) -> Option<String> {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        if text.len() > 25 {
            return None;
        }
        let mut value = 0_u128;
        for (n, byte) in text.bytes().enumerate() {
            let digit = DIGITS.iter().position(|known| *known == byte)?;
            value |= (digit as u128) << (123 - 5 * n);
        }
        let image = self.all.short_id.map_pinned(value, 5 * text.len() as u32, self.way, &[]);
        let digit = |n: usize| DIGITS[(image >> (123 - 5 * n) & 31) as usize] as char;
        Some((0..text.len()).map(digit).collect())
    }
}

/// A GUID, or the beginning of one.
struct Piece {
    bits: u128,
    /// How many digits there are.
    count: u32,
}

impl Piece {
    /// The fewest digits: fewer may be a word.
    const LEAST: u32 = 8;

    /// Returns the digits at the start of a text, with hyphens where a GUID has them or without
    /// any, and their length.
    fn at_start(text: &[u8]) -> Option<(Self, usize)> {
        let mut piece = Self { bits: 0, count: 0 };
        let is_plain = text.get(8).is_some_and(|byte| *byte != b'-');
        let mut len = 0;
        for byte in text {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'-' if !is_plain && matches!(len, 8 | 13 | 18 | 23) => {
                    len += 1;
                    continue;
                }
                _ => break,
            };
            let wants_hyphen = !is_plain && matches!(len, 8 | 13 | 18 | 23);
            if piece.count == 32 || wants_hyphen {
                return None;
            }
            piece.bits |= u128::from(digit) << (124 - 4 * piece.count);
            piece.count += 1;
            len += 1;
        }
        (piece.count >= Self::LEAST).then_some((piece, len))
    }

    fn write(&self, tree: &Tree, way: Way, text: &[u8], out: &mut String) {
        let keeps = |_, bit| pins::is_kind_of_guid(bit);
        let image = tree.map(self.bits, 4 * self.count, way, keeps);
        let mut n = 0;
        for byte in text {
            if *byte == b'-' {
                out.push('-');
                continue;
            }
            let digit = (image >> (124 - 4 * n) & 15) as u32;
            out.push(char::from_digit(digit, 16).unwrap_or_default());
            n += 1;
        }
    }
}

/// Returns whether an interface has a name that machines of all foundations have.
fn is_common_interface(name: &str) -> bool {
    const PLAIN: [&str; 5] = ["lo", "silk-vtep", "docker0", "flannel.1", "cni0"];
    const NUMBERED: [&str; 6] = ["eth", "ens", "eno", "bond", "wlan", "enp"];
    let is_numbered = |kind: &&str| {
        let number = name.strip_prefix(*kind).unwrap_or_default();
        !number.is_empty() && number.len() < 4 && number.bytes().all(|b| b.is_ascii_digit())
    };
    PLAIN.contains(&name) || NUMBERED.iter().any(is_numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_spread_over_all_keys() {
        let mut shared = [0_u32; 33];
        for n in 0..4_000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_be_bytes());
            let redactor = Redactor::new(&Key::from(key));
            let ip = u32::from_be_bytes([10, 254, 0, 18]);
            let image = redactor.v4(Ipv4Addr::from_bits(ip)).to_bits();
            shared[(image ^ ip).leading_zeros() as usize] += 1;
        }
        // Loopback keeps the first two bits of its neighbours. Of the keys that keep the bits
        // before, about half keep the next one.
        assert_eq!(shared[..2], [0, 0]);
        assert!((1_800..2_200).contains(&shared[2]), "{shared:?}");
        assert!(shared[14..].iter().sum::<u32>() < 20, "{shared:?}");
        assert_eq!(shared[24..], [0; 9]);
    }
}
