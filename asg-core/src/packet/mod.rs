//! One line of the kernel's packet logger as typed fields.
//!
//! [`Packet`] has the fields flat, as the JSON contract does. [`Packet::network`] and
//! [`Ip::transport`] show those that belong together: [`Network`], [`Transport`], [`Icmp`].
//! [`Packet::parse`] is strict and [`Packet::parse_lenient`] gives what was read of a cut line
//! ([`Lenient`]). [`PacketBuf`] owns its line. Whatever is parsed prints back
//! ([`Packet::to_line`]).
//!
//! This grammar does not know the meaning of the text before `IN=`; see [`crate::prefix`]. A line
//! with a header in front goes through [`Record`](crate::Record).
//!
//! ```
//! use asg_core::Packet;
//! use asg_core::packet::{Proto, TcpFlags, Transport};
//!
//! let line = b"x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=7 \
//!     DF PROTO=TCP SPT=40222 DPT=5432 WINDOW=28280 RES=0x00 SYN URGP=0 ";
//! let packet = Packet::parse(line)?;
//! assert_eq!((packet.ip.proto, packet.ip.dpt), (Some(Proto::Tcp), Some(5432)));
//! let Some(Transport::Tcp { flags, .. }) = packet.ip.transport() else { panic!("it is TCP") };
//! assert_eq!(flags, TcpFlags::SYN);
//! assert_eq!(packet.to_line(), line);
//! # Ok::<(), asg_core::Error>(())
//! ```

// The modules, in the order in which a line passes through them:
//
// * `anchor` finds where the log prefix ends: at `IN=… OUT=…`.
// * `grammar` parses the rest from left to right. The kernel prints its fields in a fixed order
//   and repeats some of their names (`LEN`, `ID`, `SRC`…), so the place of a field decides what it
//   means.
// * `extra` holds the text in a line beside the kernel's words.
// * `fast` replaces both for the most common lines.
// * `fields` has the types that the grammar fills, `form` the details of the line that they leave
//   out.
// * `flags` has the flags of TCP as a text, and back.
// * `foreign` recognises lines of other programs that look like the kernel's.
// * `view` shows the fields as a network header, a transport header, an ICMP message.
// * `reference` and `generator`, for tests: a second parser, slow and obvious, and a generator of
//   lines.
// * `render` prints a packet back as the line it came from.

mod anchor;
mod extra;
mod fast;
mod fields;
mod flags;
pub(crate) mod foreign;
mod form;
#[cfg(any(test, feature = "reference"))]
#[doc(hidden)]
pub mod generator;
mod grammar;
#[cfg(any(test, feature = "reference"))]
#[doc(hidden)]
pub mod reference;
mod render;
#[cfg(test)]
mod tests;
mod view;

use anchor::Anchor;
pub(crate) use fast::{Head, Tail};
pub use fields::{Address, ExtHeader, Family, Format, Ip, MacAddr, Packet, Proto, TcpFlags};
pub use form::LineForm;
pub use view::{Icmp, Network, Transport};

use self::extra::Extra;
use crate::bytes::line_end::without_line_end;
use crate::bytes::text::Text;
use crate::bytes::trailing;
use crate::error::Error;

/// The part of a packet line that could be parsed, and why parsing stopped if it did.
///
/// ```
/// use asg_core::Packet;
///
/// let cut = Packet::parse_lenient(b"OK_bfce IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=6").unwrap();
/// assert_eq!(cut.packet.ip.src.unwrap().to_string(), "10.255.73.3");
/// assert_eq!(cut.packet.ip.len, None, "it may have been 60 or 65");
/// let stop = cut.stop.unwrap();
/// assert!(stop.is_cut());
/// assert_eq!(stop.to_string(), "byte 68: the text ends where ` ` was expected");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Lenient<'a> {
    /// The fields that were parsed.
    pub packet: Packet<'a>,
    /// Where and why parsing stopped; `None` if the line is whole.
    pub stop: Option<Error>,
}

impl<'a> Packet<'a> {
    /// Parses a whole packet line: the kernel's text without time stamp or syslog header. A line
    /// feed at its end, a carriage return, or both are dropped. A masked value is left out; see
    /// [`Packet::redacted`].
    ///
    /// # Errors
    ///
    /// If the text is not a packet line, is cut, or is not what a kernel prints. The error's offset
    /// is the first byte that could not be parsed.
    ///
    /// # Example
    ///
    /// ```
    /// use asg_core::Packet;
    ///
    /// let line = b"d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 \
    ///     MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:08:00 SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 \
    ///     PREC=0x00 TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0 ";
    /// let packet = Packet::parse(line)?;
    /// assert_eq!(packet.prefix, "d08bb414-cdba-4381-412a-e9ecc");
    /// assert_eq!(packet.in_if.unwrap(), "wbrdg-0afe0008");
    /// assert_eq!(packet.ip.dpt, Some(80));
    /// assert_eq!(packet.to_line(), line);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        const WHAT: &str = "`IN=` and `OUT=` of a packet line";
        let Lenient { packet, stop } =
            Self::parse_lenient(text).ok_or_else(|| Error::expected_in(text, 0, WHAT))?;
        stop.map_or(Ok(packet), Err)
    }

    /// Parses as much of a packet line as possible: like [`Packet::parse`] if it is whole, else the
    /// fields before the place where parsing stopped. Returns `None` if the text is not a packet
    /// line at all.
    ///
    /// A number at a cut end is left out, because more digits may have followed.
    ///
    /// ```
    /// use asg_core::Packet;
    /// let cut = Packet::parse_lenient(b"x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.1").unwrap();
    /// assert_eq!(cut.packet.ip.src.unwrap().to_string(), "10.254.0.10");
    /// assert!(cut.stop.is_some());
    /// ```
    #[must_use]
    pub fn parse_lenient(text: &'a [u8]) -> Option<Lenient<'a>> {
        let mut packet = Self::default();
        match packet.fill(without_line_end(text), false)? {
            Ok(()) => Some(Lenient { packet, stop: None }),
            Err(stop) => Some(Lenient { packet, stop: Some(stop) }),
        }
    }

    /// Parses like [`Packet::parse_lenient`] a text that is known to be the kernel's, which may
    /// also end inside `IN=… OUT=…`, or begin behind that.
    ///
    /// In a piece that ends there only the prefix is certain, and the input interface if something
    /// follows it. In a piece that has lost its beginning, fields are certain if it goes on to the
    /// end of a packet line.
    ///
    /// ```
    /// use asg_core::Packet;
    /// let cut = Packet::parse_kernel(b"OK_bfce786c-ab07-40ad-79f9-8 IN=s-0102550730").unwrap();
    /// assert_eq!(cut.packet.prefix, "OK_bfce786c-ab07-40ad-79f9-8 ");
    /// assert_eq!(cut.packet.in_if, None);
    ///
    /// let rest = b"TTL=63 ID=7 DF PROTO=TCP SPT=4242 DPT=80 WINDOW=8192 RES=0x00 SYN URGP=0 ";
    /// let rest = Packet::parse_kernel(rest).unwrap();
    /// assert_eq!((rest.packet.ip.ttl, rest.packet.ip.dpt), (Some(63), Some(80)));
    /// assert_eq!(rest.stop.unwrap().to_string(), "byte 0: expected `IN=` and `OUT=` of a packet line");
    /// ```
    #[must_use]
    pub fn parse_kernel(text: &'a [u8]) -> Option<Lenient<'a>> {
        let mut packet = Self::default();
        let stop = packet.fill(without_line_end(text), true)?.err();
        Some(Lenient { packet, stop })
    }

    /// Parses into this packet, which must be a new one, to avoid moving it afterwards. Returns
    /// `None` if the text is not a packet line.
    pub(crate) fn fill(&mut self, text: &'a [u8], is_kernel: bool) -> Option<Result<(), Error>> {
        // Most other lines of a kernel have no field at all.
        memchr::memchr(b'=', text)?;
        if fast::parse(text, self).is_some() {
            return Some(Ok(()));
        }
        let anchor = match anchor::find(text) {
            None if is_kernel => match anchor::find_cut(text) {
                None => return grammar::headless(text, self).map(Err),
                Some(found) => found,
            },
            found => found?,
        };
        Some(self.parse_at(text, anchor).or_else(|error| self.mend(text, anchor, error)))
    }

    /// Parses a text that may be the end of a packet's line; `None` if that is not certain.
    pub(crate) fn fill_end(&mut self, text: &'a [u8]) -> Option<Error> {
        let (line, _) = trailing::divide(text);
        let error = grammar::headless(line, self)?;
        let Ip { proto, src, spt, dpt, window, urgp, .. } = &self.ip;
        let has_ports = spt.is_some() || dpt.is_some() || window.is_some() || urgp.is_some();
        let has_some = proto.is_some() || src.is_some() || has_ports;
        has_some.then_some(error)
    }

    /// Parses a line as the kernel printed it.
    fn parse_at(&mut self, text: &'a [u8], anchor: Anchor<'a>) -> Result<(), Error> {
        self.parse_by(grammar::message, text, anchor)
    }

    /// Parses a line that was changed on its way; `error` is the reason why it is not as the kernel
    /// printed it.
    #[cold]
    fn mend(&mut self, text: &'a [u8], anchor: Anchor<'a>, error: Error) -> Result<(), Error> {
        self.mend_marked(text, anchor, error).or_else(|error| {
            *self = Self::closed(text).ok_or(error)?;
            Ok(())
        })
    }

    /// Parses a line with closing marks behind it; `None` if it is not whole without them.
    fn closed(text: &'a [u8]) -> Option<Self> {
        let mut line = text;
        for _ in 0..trailing::MOST_CLOSERS {
            line = trailing::without_closer(line)?;
            let mut packet = Self::default();
            if packet.parse_by(grammar::mended, line, anchor::find(line)?).is_ok() {
                let trailing = Text::new(&text[line.len()..]);
                packet.extra.get_or_insert_default().trailing = Some(trailing);
                return Some(packet);
            }
        }
        None
    }

    fn mend_marked(
        &mut self,
        text: &'a [u8],
        anchor: Anchor<'a>,
        error: Error,
    ) -> Result<(), Error> {
        let (line, trailing) = trailing::divide(text);
        let anchor = if trailing.is_empty() { Some(anchor) } else { anchor::find(line) };
        let Some(anchor) = anchor else { return Err(error) };
        let read = self.parse_by(grammar::mended, line, anchor);
        if trailing.is_empty() {
            return read;
        }
        if read.as_ref().is_err_and(|error| !error.is_cut()) {
            // The fault is not in the text behind the line.
            let anchor = anchor::find(text).unwrap_or(anchor);
            return self.parse_by(grammar::mended, text, anchor);
        }
        self.extra.get_or_insert_default().trailing = Some(Text::new(trailing));
        read
    }

    fn parse_by(
        &mut self,
        grammar: fn(&'a [u8], Anchor<'a>, &mut Self) -> Result<(), Error>,
        text: &'a [u8],
        anchor: Anchor<'a>,
    ) -> Result<(), Error> {
        *self = Self::at(anchor);
        // If several blanks end the line, all but one were added.
        let blanks = text.iter().rev().take_while(|b| **b == b' ').count();
        let read = grammar(&text[..text.len() - blanks.saturating_sub(1)], anchor, self);
        // In a line that breaks off, a field is certain when the blank behind it was seen.
        self.form.blanks_at_end = read.is_ok().then_some(blanks as u32);
        self.cut = read.as_ref().is_err_and(Error::is_cut);
        if let Some(Extra { line: line @ Some(_), .. }) = self.extra.as_deref_mut() {
            *line = Some(Text::new(text));
        }
        read
    }

    /// Returns the text behind the line that the kernel did not print: a quote, an escaped line
    /// end, a tab.
    ///
    /// ```
    /// use asg_core::Packet;
    ///
    /// let line = b"IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 MARK=0x2 #015";
    /// let packet = Packet::parse(line)?;
    /// assert_eq!((packet.mark, packet.trailing().unwrap()), (Some(2), "#015".into()));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn trailing(&self) -> Option<Text<'a>> {
        self.extra.as_deref()?.trailing
    }

    /// Returns the names of the fields whose values somebody has masked, as in the output contract.
    ///
    /// ```
    /// use asg_core::Packet;
    ///
    /// let line = b"IN= OUT=eth0 SRC=x.x.x.x DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ";
    /// let packet = Packet::parse(line)?;
    /// assert_eq!((packet.ip.src, packet.redacted()), (None, &["src"][..]));
    /// assert_eq!(packet.ip.dst.unwrap().to_string(), "10.0.16.20");
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn redacted(&self) -> &[&'static str] {
        self.extra.as_deref().map_or(&[], |extra| &extra.redacted)
    }

    /// Returns whether the line contains text that the kernel did not print.
    ///
    /// ```
    /// # use asg_core::Packet;
    /// # let text = b"x IN= OUT=eth0 SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 \
    /// #     TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0 ";
    /// let packet = Packet::parse(text)?;
    /// assert!(!packet.is_altered());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub const fn is_altered(&self) -> bool {
        self.extra.is_some()
    }

    /// Drops the text that the kernel did not print. What is left prints as the fields alone: a
    /// masked or spoilt field is missing then.
    ///
    /// ```
    /// use asg_core::Packet;
    ///
    /// let line = b"IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 \
    ///     ID=7 PROTO=2 MARK=0x2 #015";
    /// let packet = Packet::parse(line)?.without_added_text();
    /// assert!(packet.to_line().ends_with(b"MARK=0x2 "));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn without_added_text(self) -> Self {
        Self { extra: None, ..self }
    }

    /// Returns why a line that ends behind its interfaces or its link header is cut, if the rule
    /// that logged it is one of iptables: those log IP packets only. `None` if the line does not
    /// end there.
    pub(crate) fn cut_before_ip(&mut self, text: &[u8]) -> Option<Error> {
        let is_iptables = self.format == Format::Netfilter && !self.form.is_ulogd();
        let has_network = self.family != Family::Unknown || grammar::is_of_another_network(self);
        if !is_iptables || has_network || self.ip.truncated {
            return None;
        }
        (self.cut, self.form.blanks_at_end) = (true, None);
        Some(Error::literal(text.len(), "SRC=", true))
    }

    /// Returns whether the text has the marks of a packet line: `IN=`, an interface or none,
    /// `OUT=`.
    ///
    /// ```
    /// use asg_core::Packet;
    /// assert!(Packet::is_in(b"x IN=eth0 OUT= SRC=10.254.0.10") && !Packet::is_in(b"hello"));
    /// ```
    #[must_use]
    pub fn is_in(text: &[u8]) -> bool {
        anchor::find(text).is_some()
    }

    /// Returns the line, as the kernel printed it.
    ///
    /// ```
    /// # use asg_core::Packet;
    /// # let text = b"x IN= OUT=eth0 SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 \
    /// #     TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0 ";
    /// let packet = Packet::parse(text)?;
    /// assert_eq!(packet.to_line(), text);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(320);
        render::packet(self, &mut out);
        out
    }
}

/// A packet that owns its line.
///
/// It keeps only the text, in one allocation, and parses the fields when they are asked for.
///
/// ```
/// use asg_core::packet::PacketBuf;
///
/// let packet = PacketBuf::parse(b"OK_x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 \
///                                 ID=7 PROTO=2 ".to_vec())?;
/// let thread = std::thread::spawn(move || packet.packet().ip.ttl);
/// assert_eq!(thread.join().unwrap(), Some(64));
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PacketBuf {
    line: Box<[u8]>,
}

impl PacketBuf {
    /// Parses a whole packet line, and keeps it without its line end; see [`Packet::parse`].
    ///
    /// # Errors
    ///
    /// Those of [`Packet::parse`].
    ///
    /// ```
    /// use asg_core::packet::PacketBuf;
    /// assert!(PacketBuf::parse(*b"no packet").is_err());
    /// ```
    pub fn parse(line: impl Into<Box<[u8]>>) -> Result<Self, Error> {
        let line = line.into();
        Packet::parse(&line)?;
        let len = without_line_end(&line).len();
        if len == line.len() {
            return Ok(Self { line });
        }
        Ok(Self { line: line[..len].into() })
    }

    /// Parses the line again, and returns its fields.
    ///
    /// ```
    /// # use asg_core::Packet;
    /// # let text = b"x IN= OUT=eth0 SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 \
    /// #     TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0 ";
    /// let packet = Packet::parse(text)?;
    /// let kept = asg_core::packet::PacketBuf::parse(*text)?;
    /// assert_eq!(kept.packet(), packet);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "what was parsed parses again")]
    pub fn packet(&self) -> Packet<'_> {
        Packet::parse(&self.line).expect("the same bytes were parsed when this was made")
    }

    /// Returns the line.
    ///
    /// ```
    /// # use asg_core::Packet;
    /// # let text = b"x IN= OUT=eth0 SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 \
    /// #     TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0 ";
    /// let packet = Packet::parse(text)?;
    /// assert_eq!(asg_core::packet::PacketBuf::parse(*text)?.as_bytes(), text);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.line
    }
}

impl std::fmt::Debug for PacketBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PacketBuf").field(&crate::bytes::text::Text::new(&self.line)).finish()
    }
}
