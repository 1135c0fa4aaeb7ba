//! Times as text, at the pace of a log.

use super::Timestamp;
use crate::bytes::SmallText;

const DAY: i64 = 86_400;
const SECOND: i64 = 1_000_000_000;

/// Prints times as [`Timestamp`] does; the text of a second is worked out once.
///
/// ```
/// use asg_core::Timestamp;
/// use asg_core::bytes::SmallText;
/// use asg_core::time::TimeText;
///
/// let time = Timestamp::parse(b"2024-05-06T07:09:10.25Z")?;
/// let (mut times, mut text) = (TimeText::default(), SmallText::default());
/// times.write(&mut text, time);
/// assert_eq!(text.as_bytes(), b"2024-05-06T07:09:10.25Z");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct TimeText {
    /// A day, and `2024-05-06T`.
    day: Option<(i64, [u8; 11])>,
    /// A second, and `2024-05-06T07:09:10`.
    second: Option<(i64, [u8; 19])>,
    text: SmallText,
}

impl TimeText {
    /// Appends a time to a text.
    ///
    /// ```
    /// use asg_core::Timestamp;
    /// let mut out = b"at ".to_vec();
    /// asg_core::time::TimeText::default().push(&mut out, Timestamp::from_nanos(0));
    /// assert_eq!(out, b"at 1970-01-01T00:00:00Z");
    /// ```
    pub fn push(&mut self, out: &mut Vec<u8>, time: Timestamp) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        self.write(&mut text, time);
        out.extend_from_slice(text.as_bytes());
        self.text = text;
    }

    /// Appends a time, of at most 64 bytes, to a small text. See [`TimeText`] for an example.
    #[inline]
    pub fn write(&mut self, out: &mut SmallText, time: Timestamp) {
        let (seconds, nanos) =
            (time.as_nanos().div_euclid(SECOND), time.as_nanos().rem_euclid(SECOND) as u32);
        match &self.second {
            Some((known, text)) if *known == seconds => out.constant(text),
            _ => {
                let text = self.second(time, seconds);
                self.second = Some((seconds, text));
                out.constant(&text);
            }
        }
        if nanos > 0 {
            out.byte(b'.');
            if nanos.is_multiple_of(1_000) {
                out.digits::<6>(nanos / 1_000);
            } else {
                out.digits::<8>(nanos / 10);
                out.digits::<1>(nanos % 10);
            }
            out.trim_zeros();
        }
        out.byte(b'Z');
    }

    fn second(&mut self, time: Timestamp, seconds: i64) -> [u8; 19] {
        let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let date = match self.day {
            Some((known, date)) if known == day => date,
            _ => {
                let text = time.to_string();
                let date = *text.as_bytes().first_chunk().expect("a time begins with its date");
                self.day = Some((day, date));
                date
            }
        };
        let mut text = *b"0000-00-00T00:00:00";
        text[..11].copy_from_slice(&date);
        for (at, number) in [(11, second / 3_600), (14, second / 60 % 60), (17, second % 60)] {
            text[at..at + 2].copy_from_slice(&two(number));
        }
        text
    }
}

const fn two(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_printed_as_timestamps_print_them(
            times in prop::collection::vec(
                (any::<i64>(), prop::sample::select(&[1, 1_000, 1_000_000, SECOND][..])),
                1..9,
            ),
        ) {
            let mut text = TimeText::default();
            for (nanos, unit) in times {
                let time = Timestamp::from_nanos(nanos / unit * unit);
                let mut out = Vec::new();
                text.push(&mut out, time);
                prop_assert_eq!(String::from_utf8(out).unwrap(), time.to_string());
            }
        }
    }
}
