//! Times as text, at the pace of a log.

use std::io::Write as _;

use asg_core::Timestamp;

const DAY: i64 = 86_400;
const SECOND: i64 = 1_000_000_000;

/// Prints times as [`Timestamp`] does; the date of a day is worked out once.
#[derive(Debug, Default)]
pub(crate) struct TimeText {
    /// A day, and `2024-05-06T`.
    day: Option<(i64, Vec<u8>)>,
}

impl TimeText {
    /// Writes a time.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, time: Timestamp) {
        let (seconds, nanos) =
            (time.as_nanos().div_euclid(SECOND), time.as_nanos().rem_euclid(SECOND));
        let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let date = match &self.day {
            Some((known, date)) if *known == day => date,
            _ => {
                let text = time.to_string();
                let date = text.split_inclusive('T').next().unwrap_or_default();
                &self.day.insert((day, date.as_bytes().to_vec())).1
            }
        };
        out.extend_from_slice(date);
        let [hour, minute, second] = [second / 3_600, second / 60 % 60, second % 60].map(two);
        out.extend_from_slice(&[
            hour[0], hour[1], b':', minute[0], minute[1], b':', second[0], second[1],
        ]);
        if nanos > 0 {
            let mut digits = [b'0'; 10];
            digits[0] = b'.';
            let mut rest = nanos;
            for digit in digits[1..].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            let len = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
            let written = out.write_all(&digits[..len]);
            debug_assert!(written.is_ok());
        }
        out.push(b'Z');
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
