//! The meaning of a log prefix in Cloud Foundry.
//!
//! A rule's prefix has 29 bytes, and ten years of components have written into them.
//! [`LogPrefix::classify`] knows these forms:
//!
//! | prefix | writer | meaning |
//! |---|---|---|
//! | `<handle>` | garden-linux from 2015-03, guardian from 2016-06, cf-networking 0.7–0.18 | egress allowed by an ASG |
//! | `OK_<handle>` | cf-networking from 0.19, silk | egress allowed by an ASG |
//! | `DENY_<handle>` | cf-networking from 0.19, silk | egress denied: no ASG allows it |
//! | `DENY_ORL_<handle>` | silk from 2.39 | outbound connection rate limit; with `dry_run` logged, not denied |
//! | `DENY_C2C_<handle>` | cf-networking from 0.22, silk | container-to-container denied; the *destination's* handle |
//! | `OK_<tag>_<app GUID>` | cf-networking from 0.11, silk | container-to-container allowed; the *destination's* app |
//! | `REJECT_LOCAL: `, `REJECT_REMOTE: ` | cf-networking 0.10–0.21 | container-to-container denied; names nobody |
//! | `warden-i-<id> ` | warden (DEA) | egress allowed; its own short container id |
//! | `w-<tag>-instance-<id> ` | garden-linux 2015-01 to 2015-03 | egress allowed; its own short container id |
//!
//! Sources: cloudfoundry/warden `net.sh`, garden-linux `network/iptables`, guardian
//! `kawasaki/iptables`, silk-release and cf-networking-release `lib/rules/rules.go`.
//!
//! ```
//! use asg_core::Verdict;
//! use asg_core::prefix::{LogPrefix, Plane};
//!
//! let prefix = LogPrefix::classify(b"OK_d08bb414-cdba-4381-412a-e9").unwrap();
//! assert_eq!((prefix.verdict, prefix.plane), (Verdict::Allowed, Plane::Asg));
//! ```

use serde::Serialize;

use crate::bytes::text::Text;
use crate::guid::{GuidPrefix, HandlePrefix};
use crate::words::words;

/// The meaning of a log prefix that a Cloud Foundry component wrote.
///
/// ```
/// use asg_core::Verdict;
/// use asg_core::prefix::{Direction, LogPrefix, Plane, Subject};
///
/// let prefix = LogPrefix::classify(b"DENY_C2C_d5978989-1401-49ff- ").unwrap();
/// assert_eq!((prefix.verdict, prefix.plane), (Verdict::Denied, Plane::C2c));
/// assert_eq!((prefix.direction, prefix.subject), (Direction::Ingress, Subject::Container));
/// assert_eq!(prefix.handle_prefix.unwrap().as_str(), "d5978989-1401-49ff-");
/// assert!(LogPrefix::classify(b"[UFW BLOCK] ").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct LogPrefix<'a> {
    /// Whether the packet was let through.
    pub verdict: Verdict,
    /// The set of rules that decided.
    pub plane: Plane,
    /// The direction of the packet, seen from the subject.
    pub direction: Direction,
    /// The kind of name in the prefix.
    pub subject: Subject,
    /// The leading characters of the subject's handle or app GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle_prefix: Option<HandlePrefix<'a>>,
    /// The tag that a network policy gives to its source app, upper-case hexadecimal; it equals the
    /// packet's mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Text<'a>>,
}

/// Whether a packet was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a packet passes or does not")]
pub enum Verdict {
    /// It passed.
    Allowed,
    /// It was rejected.
    Denied,
}

words! {
    "prefix" Verdict "a verdict" {
        Allowed = "allowed", Denied = "denied",
    }
}

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum Plane {
    /// Application security groups: egress from a container.
    Asg,
    /// Network policies between containers.
    C2c,
    /// silk's limit of new connections per container.
    RateLimit,
}

words! {
    "prefix" Plane "a set of rules" {
        Asg = "asg", C2c = "c2c", RateLimit = "rate_limit",
    }
}

/// The direction of a packet, seen from the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Direction {
    /// From the subject.
    Egress,
    /// To the subject.
    Ingress,
}

words! {
    "prefix" Direction "a direction" {
        Egress = "egress", Ingress = "ingress",
    }
}

/// The kind of name in a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// One container, by the beginning of its handle. (In Diego before 0.1470 a handle begins with
    /// the app's GUID.)
    Container,
    /// An app, by the beginning of its GUID.
    App,
    /// Nobody.
    None,
}

words! {
    "prefix" Subject "a kind of name" {
        Container = "container", App = "app", None = "none",
    }
}

impl<'a> LogPrefix<'a> {
    /// Parses a prefix as found before `IN=`, with or without the blank at its end; `None` if it is
    /// not Cloud Foundry's.
    ///
    /// ```
    /// use asg_core::Verdict;
    /// use asg_core::prefix::LogPrefix;
    /// let prefix = LogPrefix::classify(b"DENY_2d7e64b1-95c0-4f18-6a3b ").unwrap();
    /// assert_eq!(prefix.verdict, Verdict::Denied);
    /// assert!(LogPrefix::classify(b"[UFW BLOCK] ").is_none());
    /// ```
    #[must_use]
    pub fn classify(prefix: &'a [u8]) -> Option<Self> {
        use {
            Direction::{Egress, Ingress},
            Plane::{Asg, C2c, RateLimit},
            Verdict::{Allowed, Denied},
        };
        let mut text = prefix;
        // A prefix copied from a web page may have a non-breaking blank.
        while let [rest @ .., b' '] | [rest @ .., 0xc2, 0xa0] = text {
            text = rest;
        }
        // The table of dialects: the beginning of a prefix, its meaning, and the parser for the
        // name in it.
        let (verdict, plane, direction, named) = match text {
            [b'O', b'K', b'_', rest @ ..] => match tag_and_app(rest) {
                Some(app) => (Allowed, C2c, Ingress, app),
                None => (Allowed, Asg, Egress, handle(rest)?),
            },
            [b'D', b'E', b'N', b'Y', b'_', rest @ ..] => match rest {
                [b'C', b'2', b'C', b'_', rest @ ..] => (Denied, C2c, Ingress, handle(rest)?),
                [b'O', b'R', b'L', b'_', rest @ ..] => (Denied, RateLimit, Egress, handle(rest)?),
                _ => (Denied, Asg, Egress, handle(rest)?),
            },
            b"REJECT_LOCAL:" | b"REJECT_REMOTE:" => (Denied, C2c, Ingress, NOBODY),
            [b'w', rest @ ..] => (Allowed, Asg, Egress, of_warden(rest)?),
            _ => (Allowed, Asg, Egress, bare_handle(text)?),
        };
        Some(Self {
            verdict,
            plane,
            direction,
            subject: named.subject,
            handle_prefix: named.prefix.map(HandlePrefix::of_ascii),
            tag: named.tag.map(Text::new),
        })
    }
}

/// Returns whether a text may be the end of one of Cloud Foundry's prefixes. The empty text may.
pub(crate) fn may_be_end(text: &[u8]) -> bool {
    let text = text.strip_suffix(b" ").unwrap_or(text);
    let head = memchr::memrchr(b'_', text).map_or(0, |at| at + 1);
    let heads = [&b"OK_"[..], b"DENY_", b"DENY_C2C_", b"DENY_ORL_"];
    let is_head = head == 0 || heads.iter().any(|word| word.ends_with(&text[..head]));
    is_head && text[head..].iter().all(|b| *b == b'-' || matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The name in the rest of a prefix.
struct Named<'a> {
    subject: Subject,
    prefix: Option<&'a [u8]>,
    tag: Option<&'a [u8]>,
}

const NOBODY: Named<'_> = Named { subject: Subject::None, prefix: None, tag: None };

const fn container(prefix: &[u8]) -> Named<'_> {
    Named { subject: Subject::Container, prefix: Some(prefix), tag: None }
}

/// Returns whether a text has at least the first group of a GUID: eight digits. A shorter one may
/// be a word.
fn is_guid_like(text: &[u8]) -> bool {
    text.len() >= 8 && GuidPrefix::is_one(text)
}

/// Parses a GUID-shaped handle, or Garden's health check `check-<GUID>`, cut anywhere behind its
/// first group. Old handles go on behind a whole GUID; no prefix is long enough to show that.
fn handle(text: &[u8]) -> Option<Named<'_>> {
    let guid = text.strip_prefix(b"check-").unwrap_or(text);
    is_guid_like(guid).then(|| container(text))
}

/// Parses a handle without a mark before it: to be distinguished from other text, it must fill the
/// prefix, or be whole.
fn bare_handle(text: &[u8]) -> Option<Named<'_>> {
    (text.len() >= 28).then(|| handle(text)).flatten()
}

/// Parses `<tag>_<app GUID>`.
fn tag_and_app(text: &[u8]) -> Option<Named<'_>> {
    let tag = tag(text)?;
    let app = &text[tag.len() + 1..];
    is_guid_like(app).then_some(Named { subject: Subject::App, prefix: Some(app), tag: Some(tag) })
}

/// Returns the tag at the beginning of a text `<tag>_…`. Tags have 1 to 4 bytes (`tag_length` of
/// the policy server), written `%02X` to `%08X`.
#[inline]
fn tag(text: &[u8]) -> Option<&[u8]> {
    let len = [2, 4, 6, 8].into_iter().find(|&len| text.get(len) == Some(&b'_'))?;
    let is_tag = |tag: &&[u8]| tag.iter().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    Some(&text[..len]).filter(is_tag)
}

/// Marks the beginning `OK_<tag>_` of a text. Texts that differ in the tag alone have the same
/// verdict, plane and app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TagSpan {
    /// The length of the beginning, or 0 without one.
    pub(crate) end: u8,
}

impl TagSpan {
    pub(crate) const NONE: Self = Self { end: 0 };
    const OK: usize = b"OK_".len();

    #[inline]
    pub(crate) fn of(text: &[u8]) -> Self {
        match text {
            [b'O', b'K', b'_', rest @ ..] => {
                tag(rest).map_or(Self::NONE, |tag| Self { end: (Self::OK + tag.len() + 1) as u8 })
            }
            _ => Self::NONE,
        }
    }

    /// Returns the digits of the tag in a text that begins so, as one number, or 0 without a tag.
    pub(crate) fn digits(self, text: &[u8]) -> u64 {
        let Some(digits) = text.get(Self::OK..usize::from(self.end).saturating_sub(1)) else {
            return 0;
        };
        digits.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit))
    }

    /// Returns the text behind the beginning.
    #[inline]
    pub(crate) fn rest(self, text: &[u8]) -> &[u8] {
        &text[usize::from(self.end)..]
    }
}

/// Parses the id that warden and garden-linux made for a container: eleven digits of base 32.
fn short_id(text: &[u8]) -> Option<Named<'_>> {
    let is_id = (8..=16).contains(&text.len())
        && text.iter().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    is_id.then(|| container(text))
}

/// Parses the part behind the `w`: `arden-i-<id>`; or `-<tag>-instance-<id>`, the name of
/// garden-linux' chain.
fn of_warden(text: &[u8]) -> Option<Named<'_>> {
    const MARK: &[u8] = b"-instance-";
    if let Some(id) = text.strip_prefix(b"arden-i-") {
        return short_id(id);
    }
    let chain = text.strip_prefix(b"-")?;
    let at = memchr::memmem::find(chain, MARK)?;
    short_id(&chain[at + MARK.len()..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(prefix: &str) -> Option<String> {
        LogPrefix::classify(prefix.as_bytes()).map(|p| {
            let word = |v: serde_json::Value| v.as_str().unwrap().to_owned();
            let json = |v: &dyn erased::Ser| word(v.to_value());
            format!(
                "{} {} {} {} {} {}",
                json(&p.verdict),
                json(&p.plane),
                json(&p.direction),
                json(&p.subject),
                p.handle_prefix.map_or("-", HandlePrefix::as_str),
                p.tag.map_or_else(|| "-".into(), |t| t.to_string()),
            )
        })
    }

    /// Just enough to serialise values of several types in one expression.
    mod erased {
        pub(super) trait Ser {
            fn to_value(&self) -> serde_json::Value;
        }

        impl<T: serde::Serialize> Ser for T {
            fn to_value(&self) -> serde_json::Value {
                serde_json::to_value(self).unwrap()
            }
        }
    }

    #[test]
    fn each_dialect_of_ten_years() {
        for (prefix, expected) in [
            ("warden-i-17vkp0n9mtb ", "allowed asg egress container 17vkp0n9mtb -"),
            ("w-0-instance-17vkp0n9mtb ", "allowed asg egress container 17vkp0n9mtb -"),
            (
                "46ab3511-e11c-45cd-9f3e-a20ad",
                "allowed asg egress container 46ab3511-e11c-45cd-9f3e-a20ad -",
            ),
            (
                "bfce786c-ab07-40ad-79f9-8f21",
                "allowed asg egress container bfce786c-ab07-40ad-79f9-8f21 -",
            ),
            (
                "bfce786c-ab07-40ad-79f9-8f21 ",
                "allowed asg egress container bfce786c-ab07-40ad-79f9-8f21 -",
            ),
            (
                "check-3f0d2b1c-8a77-4e21-5b6 ",
                "allowed asg egress container check-3f0d2b1c-8a77-4e21-5b6 -",
            ),
            (
                "OK_check-3f0d2b1c-8a77-4e21- ",
                "allowed asg egress container check-3f0d2b1c-8a77-4e21- -",
            ),
            ("REJECT_LOCAL: ", "denied c2c ingress none - -"),
            ("REJECT_REMOTE: ", "denied c2c ingress none - -"),
            ("REJECT_LOCAL:  ", "denied c2c ingress none - -"),
            (
                "OK_1f97ff6d-4517-43a0-5aef-f5",
                "allowed asg egress container 1f97ff6d-4517-43a0-5aef-f5 -",
            ),
            (
                "OK_bfce786c-ab07-40ad-79f9-8 ",
                "allowed asg egress container bfce786c-ab07-40ad-79f9-8 -",
            ),
            (
                "DENY_1f97ff6d-4517-43a0-5aef-",
                "denied asg egress container 1f97ff6d-4517-43a0-5aef- -",
            ),
            (
                "DENY_bfce786c-ab07-40ad-79f9 ",
                "denied asg egress container bfce786c-ab07-40ad-79f9 -",
            ),
            (
                "DENY_C2C_1f97ff6d-4517-43a0-5",
                "denied c2c ingress container 1f97ff6d-4517-43a0-5 -",
            ),
            ("DENY_C2C_d5978989-1401-49ff- ", "denied c2c ingress container d5978989-1401-49ff- -"),
            (
                "DENY_ORL_bfce786c-ab07-40ad- ",
                "denied rate_limit egress container bfce786c-ab07-40ad- -",
            ),
            ("OK_0001_bc6f229d-5e4a-4c41-a6", "allowed c2c ingress app bc6f229d-5e4a-4c41-a6 0001"),
            ("OK_00AF_bc6f229d-5e4a-4c41-a ", "allowed c2c ingress app bc6f229d-5e4a-4c41-a 00AF"),
            ("OK_01_bc6f229d-5e4a-4c41-a63 ", "allowed c2c ingress app bc6f229d-5e4a-4c41-a63 01"),
            ("OK_000001_bc6f229d-5e4a-4c41 ", "allowed c2c ingress app bc6f229d-5e4a-4c41 000001"),
            ("OK_00000001_bc6f229d-5e4a-4c ", "allowed c2c ingress app bc6f229d-5e4a-4c 00000001"),
        ] {
            assert_eq!(words(prefix).as_deref(), Some(expected), "{prefix:?}");
        }
    }

    #[test]
    fn what_others_write_is_not_ours() {
        for prefix in [
            "",
            " ",
            "[UFW BLOCK] ",
            "OK_",
            "OK_fine ",
            "DENY_all ",
            "OK_001_bc6f229d-5e4a-4c41",
            "OK_00af_bc6f229d-5e4a",
            "D08BB414-CDBA-4381-412A-E9ECC",
            "868c5454-a0db-4ab2-8975-37521229e7a0: ",
            "bfce786c",
            "bfce786c-ab07-40ad ",
            "ebt-12d329ac-435a-4625",
            "TRACE: raw:PREROUTING:policy:2 ",
            "REJECT_LOCAL: x",
            "w-x",
            "warden-i-",
            "\u{e9}",
        ] {
            assert_eq!(words(prefix), None, "{prefix:?}");
        }
    }

    proptest! {
        #[test]
        fn any_cut_of_a_handle_gives_its_beginning(bits: u128, cut in 8_usize..=29, glued: bool) {
            let handle = crate::guid::Guid::from_u128(bits).to_string();
            for marker in ["OK_", "DENY_", "DENY_C2C_", "DENY_ORL_"] {
                let visible = &handle[..cut.min(29 - marker.len())];
                let prefix = format!("{marker}{visible}{}", if glued { "" } else { " " });
                let parsed = LogPrefix::classify(prefix.as_bytes()).unwrap();
                prop_assert_eq!(parsed.handle_prefix.unwrap().as_str(), visible);
                prop_assert_eq!(parsed.subject, Subject::Container);
            }
        }

        #[test]
        fn any_bytes_name_nothing_that_is_not_in_them(prefix: Vec<u8>) {
            let handle = LogPrefix::classify(&prefix).and_then(|parsed| parsed.handle_prefix);
            if let Some(handle) = handle {
                let handle = handle.as_str().as_bytes();
                prop_assert!(prefix.windows(handle.len()).any(|part| part == handle));
            }
        }
    }
}
