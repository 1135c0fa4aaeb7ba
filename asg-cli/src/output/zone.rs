//! The zone in which people read times.

use asg_core::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::error::Error;
use crate::time::offset;

/// A zone, and what it is called above a table.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

impl Default for Zone {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, name: "UTC".to_owned() }
    }
}

impl Zone {
    /// This machine's zone.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if the machine's zone is unknown.
    pub fn local() -> Result<Self, Error> {
        let zone = TimeZone::try_system().map_err(|error| {
            let what = "this machine does not tell its zone, so give --tz NAME";
            Error::Value(format!("{what} ({error})"))
        })?;
        let name = zone.iana_name().unwrap_or("local").to_owned();
        Ok(Self { zone, name })
    }

    /// Returns the zone with this name, such as `Europe/Berlin`, or this offset, such as `+02:00`.
    ///
    /// ```
    /// use asg_cli::output::zone::Zone;
    ///
    /// assert!(Zone::named("+02:00").is_ok());
    /// assert!(Zone::named("Europe/Nowhere").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if the zone does not exist.
    pub fn named(name: &str) -> Result<Self, Error> {
        if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("z") {
            return Ok(Self::default());
        }
        let fixed = offset(name).and_then(|seconds| Offset::from_seconds(seconds).ok());
        if let Some(fixed) = fixed {
            return Ok(Self { zone: fixed.to_time_zone(), name: format!("UTC{fixed}") });
        }
        let zone = TimeZone::get(name).map_err(|_| {
            let what = "takes a zone of this machine's list, such as Europe/Berlin, or an offset";
            Error::Value(format!("--tz {what}, and not `{name}`"))
        })?;
        Ok(Self { name: zone.iana_name().unwrap_or(name).to_owned(), zone })
    }

    /// Its name, for the head of a table.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Nanoseconds by which its clock is ahead of UTC at a time.
    pub(crate) fn offset_at(&self, time: Timestamp) -> i64 {
        let time = jiff::Timestamp::from_nanosecond(time.as_nanos().into());
        time.map_or(0, |time| i64::from(self.zone.to_offset(time).seconds()) * 1_000_000_000)
    }

    /// Returns the time at which its clock shows so many nanoseconds since 1970. Where the clock
    /// leaves a time out, the time is as long after the gap; where it shows one twice, it is the
    /// first.
    pub(crate) fn at_local(&self, nanos: i64) -> Timestamp {
        let civil =
            jiff::Timestamp::from_nanosecond(nanos.into()).map(|it| Offset::UTC.to_datetime(it));
        let time = civil.and_then(|civil| self.zone.to_timestamp(civil));
        let time = time.ok().and_then(|time| i64::try_from(time.as_nanosecond()).ok());
        Timestamp::from_nanos(time.unwrap_or(nanos))
    }

    /// Returns a time in this zone, to the second, without its year: `05-06 07:09:10`.
    pub(crate) fn short(&self, time: Timestamp) -> String {
        self.whole(time).split_off("2024-".len())
    }

    /// Returns a time in this zone with its year, to the second: `2024-05-06 07:09:10`.
    pub(crate) fn whole(&self, time: Timestamp) -> String {
        let at = self.civil(time);
        let year = at.year().unsigned_abs();
        let [month, day, hour, minute, second] =
            [at.month(), at.day(), at.hour(), at.minute(), at.second()]
                .map(|number| number.unsigned_abs().into());
        let pairs = [year / 100, year % 100, month, day, hour, minute, second];
        let mut text = *b"yyyy-mm-dd hh:mm:ss";
        for (place, number) in [0, 2, 5, 8, 11, 14, 17].into_iter().zip(pairs) {
            text[place] = b'0' + (number / 10 % 10) as u8;
            text[place + 1] = b'0' + (number % 10) as u8;
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Returns the year of a time in this zone.
    pub(crate) fn year(&self, time: Timestamp) -> i16 {
        self.civil(time).year()
    }

    /// A time in nanoseconds is one of the years 1677 to 2262.
    fn civil(&self, time: Timestamp) -> DateTime {
        let time = jiff::Timestamp::from_nanosecond(time.as_nanos().into());
        self.zone.to_datetime(time.unwrap_or_default())
    }

    /// Returns the seconds east of Greenwich at a time.
    pub(crate) fn offset(&self, time: Timestamp) -> i64 {
        let time = jiff::Timestamp::from_nanosecond(time.as_nanos().into());
        time.map_or(0, |time| self.zone.to_offset(time).seconds().into())
    }

    /// Returns the time that this text means in this zone: a date, or a date and a time.
    pub(crate) fn read(&self, text: &str) -> Option<Timestamp> {
        let civil: DateTime = text.parse().ok()?;
        let time = self.zone.to_timestamp(civil).ok()?;
        i64::try_from(time.as_nanosecond()).ok().map(Timestamp::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_and_read_in_its_zone() {
        let time = Timestamp::parse(b"2024-05-06T23:09:10.5Z").unwrap();
        assert_eq!(Zone::default().whole(time), "2024-05-06 23:09:10");
        let east = Zone::named("+02:00").unwrap();
        assert_eq!((east.whole(time), east.name()), ("2024-05-07 01:09:10".into(), "UTC+02"));
        let read = |text: &str| east.read(text).map(|time| time.to_string());
        assert_eq!(read("2024-05-07").as_deref(), Some("2024-05-06T22:00:00Z"));
        assert_eq!(read("2024-05-07 01:09").as_deref(), Some("2024-05-06T23:09:00Z"));
        assert_eq!(read("yesterday"), None);
        assert!(Zone::named("Atlantis").unwrap_err().to_string().contains("`Atlantis`"));
    }
}
