//! Converts bytes to UTF-8: the beginning of a file shows how its text is encoded.
//!
//! | beginning | encoding |
//! |---|---|
//! | `EF BB BF` | UTF-8; the mark is dropped |
//! | `FF FE` | UTF-16, low byte first: the output of `>` in Windows `PowerShell` 5 |
//! | `FE FF` | UTF-16, high byte first |
//! | anything else | passed on unchanged |
//!
//! Source: The Unicode Standard 15.0, 23.8 (byte order mark) and 3.9 (UTF-16).

/// Converts a stream of bytes to UTF-8, for any chunking.
///
/// A stream without a byte order mark is passed on without a copy. In UTF-16, a surrogate without
/// its other half and an odd last byte become U+FFFD.
///
/// # Example
///
/// ```
/// use asg_core::line::Transcoder;
///
/// let mut transcoder = Transcoder::new();
/// let mut text = Vec::new();
/// for piece in [&b"\xff\xfeI\0N"[..], b"\0=\0\n\0"] {
///     text.extend_from_slice(transcoder.push(piece));
/// }
/// text.extend_from_slice(transcoder.finish());
/// assert_eq!(text, b"IN=\n");
/// ```
#[derive(Debug, Clone)]
pub struct Transcoder {
    encoding: Encoding,
    /// The output of the last piece.
    out: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    /// Fewer bytes have come than a mark has, and they may begin one.
    Unknown { held: [u8; 2], len: usize },
    /// Passed on unchanged.
    Plain,
    Utf16 {
        order: Order,
        /// The first byte of a unit; the second has not come.
        odd: Option<u8>,
        /// The first half of a pair; the second has not come.
        high: Option<u16>,
    },
}

#[derive(Debug, Clone, Copy)]
enum Order {
    LowFirst,
    HighFirst,
}

impl Default for Transcoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The state before the first byte.
const UNKNOWN: Encoding = Encoding::Unknown { held: [0; 2], len: 0 };

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

impl Transcoder {
    /// Starts at the beginning of a stream.
    ///
    /// ```
    /// use asg_core::line::Transcoder;
    /// assert_eq!(Transcoder::new().finish(), b"");
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { encoding: UNKNOWN, out: Vec::new() }
    }

    /// Returns whether the rest of the stream is passed on unchanged.
    ///
    /// ```
    /// use asg_core::line::Transcoder;
    /// let mut transcoder = Transcoder::new();
    /// transcoder.push(b"plain text");
    /// assert!(transcoder.is_done(), "there is nothing to decode");
    /// ```
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.encoding, Encoding::Plain)
    }

    /// Takes the next piece of the stream, and returns what it adds to the text.
    ///
    /// ```
    /// use asg_core::line::Transcoder;
    /// assert_eq!(Transcoder::new().push(b"\xff\xfeo\0k\0"), b"ok");
    /// ```
    pub fn push<'a>(&'a mut self, piece: &'a [u8]) -> &'a [u8] {
        match self.encoding {
            Encoding::Plain => piece,
            Encoding::Utf16 { .. } => {
                self.out.clear();
                self.decode(piece);
                &self.out
            }
            Encoding::Unknown { held, len } => self.begin(held, len, piece),
        }
    }

    /// Ends the stream, and returns the rest of the text. The transcoder then starts anew.
    ///
    /// ```
    /// use asg_core::line::Transcoder;
    /// let mut transcoder = Transcoder::new();
    /// assert_eq!(transcoder.push(b"\xff\xfeo\0k"), b"o");
    /// assert_ne!(transcoder.finish(), b"k", "half a unit is not a letter");
    /// ```
    pub fn finish(&mut self) -> &[u8] {
        self.out.clear();
        match std::mem::replace(&mut self.encoding, UNKNOWN) {
            Encoding::Plain => {}
            Encoding::Unknown { held, len } => self.out.extend_from_slice(&held[..len]),
            Encoding::Utf16 { odd, high, .. } => {
                if odd.is_some() || high.is_some() {
                    self.put(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        &self.out
    }

    fn begin<'a>(&'a mut self, held: [u8; 2], len: usize, piece: &'a [u8]) -> &'a [u8] {
        let mut start = [0; UTF8_MARK.len()];
        start[..len].copy_from_slice(&held[..len]);
        let more = piece.len().min(start.len() - len);
        start[len..len + more].copy_from_slice(&piece[..more]);
        let known = &start[..len + more];
        // The mark may begin in the held bytes, so only part of it is in the piece.
        let behind = |mark: usize| &piece[mark.saturating_sub(len)..];
        let order = match known {
            [0xff, 0xfe, ..] => Order::LowFirst,
            [0xfe, 0xff, ..] => Order::HighFirst,
            _ if known == UTF8_MARK => {
                self.encoding = Encoding::Plain;
                return behind(UTF8_MARK.len());
            }
            _ if known.len() < 3 && (UTF8_MARK.starts_with(known) || is_half_mark(known)) => {
                self.encoding = Encoding::Unknown { held: [start[0], start[1]], len: known.len() };
                return &[];
            }
            _ => {
                self.encoding = Encoding::Plain;
                if len == 0 {
                    return piece;
                }
                self.out.clear();
                self.out.extend_from_slice(&held[..len]);
                self.out.extend_from_slice(piece);
                return &self.out;
            }
        };
        self.encoding = Encoding::Utf16 { order, odd: None, high: None };
        self.out.clear();
        self.decode(behind(2));
        &self.out
    }

    fn decode(&mut self, piece: &[u8]) {
        let Encoding::Utf16 { order, mut odd, mut high } = self.encoding else { return };
        for &byte in piece {
            let Some(first) = odd.take() else {
                odd = Some(byte);
                continue;
            };
            let unit = match order {
                Order::LowFirst => u16::from_le_bytes([first, byte]),
                Order::HighFirst => u16::from_be_bytes([first, byte]),
            };
            self.unit(unit, &mut high);
        }
        self.encoding = Encoding::Utf16 { order, odd, high };
    }

    fn unit(&mut self, unit: u16, high: &mut Option<u16>) {
        let is_high = matches!(unit, 0xd800..=0xdbff);
        let is_low = matches!(unit, 0xdc00..=0xdfff);
        match high.take() {
            Some(first) if is_low => {
                let pair = char::decode_utf16([first, unit]).next().and_then(Result::ok);
                return self.put(pair.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(_) => self.put(char::REPLACEMENT_CHARACTER),
            None => {}
        }
        if is_high {
            *high = Some(unit);
        } else {
            self.put(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }

    fn put(&mut self, c: char) {
        self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Returns whether this is the first byte of a UTF-16 mark, and no more.
const fn is_half_mark(known: &[u8]) -> bool {
    matches!(known, [0xfe | 0xff])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
        let mut transcoder = Transcoder::new();
        let mut text = Vec::new();
        for piece in pieces {
            text.extend_from_slice(transcoder.push(piece));
        }
        text.extend_from_slice(transcoder.finish());
        text
    }

    fn utf16(text: &str, order: Order) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units
            .flat_map(|unit: u16| match order {
                Order::LowFirst => unit.to_le_bytes(),
                Order::HighFirst => unit.to_be_bytes(),
            })
            .collect()
    }

    #[test]
    fn what_stands_at_the_beginning_says_how_to_read_the_rest() {
        for (bytes, expected) in [
            (&b""[..], &b""[..]),
            (b"plain", b"plain"),
            (b"\xef\xbb\xbftext", b"text"),
            (b"\xef\xbb", b"\xef\xbb"),
            (b"\xef\xbbx", b"\xef\xbbx"),
            (b"\xff", b"\xff"),
            (b"\xffx", b"\xffx"),
            (b"\xff\xfe", b""),
            (b"\xfe\xff\0a\0\xe9", "a\u{e9}".as_bytes()),
            (b"\xff\xfea", "\u{fffd}".as_bytes()),
            (b"\xfe\xff\xd8\x3d\0a", "\u{fffd}a".as_bytes()),
            (b"\xfe\xff\xde\x00", "\u{fffd}".as_bytes()),
        ] {
            assert_eq!(text([bytes]), expected, "{}", bytes.escape_ascii());
        }
    }

    const STARTS: &[&[u8]] =
        &[b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xef\xbb", b"\xff", b""];

    proptest! {
        #[test]
        fn chunking_never_matters(
            start in prop::sample::select(STARTS),
            rest: Vec<u8>,
            cuts in prop::collection::vec(0_usize..60, 0..8),
        ) {
            let all = [start, &rest].concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(all.len())).chain([0, all.len()]).collect();
            cuts.sort_unstable();
            prop_assert_eq!(text(cuts.windows(2).map(|w| &all[w[0]..w[1]])), text([&all[..]]));
        }

        #[test]
        fn utf16_of_either_order_is_the_text(given: String) {
            for order in [Order::LowFirst, Order::HighFirst] {
                prop_assert_eq!(text([&utf16(&given, order)[..]]), given.as_bytes());
            }
        }
    }
}
