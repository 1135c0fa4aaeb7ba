//! Filters: which rows are wanted. A row that is not wanted is never built.

use std::net::IpAddr;

use asg_core::Timestamp;
use asg_core::packet::Address;

use super::columns::{COLUMNS, Column};
use super::row::Row;
use super::value::{Kind, Value};
use super::vocabulary;
use crate::nearest::hint;

/// All conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    conditions: Vec<Condition>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// One of these columns has one of these values.
#[derive(Debug, Clone)]
struct Condition {
    columns: Vec<usize>,
    wanted: Vec<Wanted>,
    /// None of the columns has any of the values.
    is_negated: bool,
}

#[derive(Debug, Clone)]
enum Wanted {
    /// No value.
    Missing,
    Text(String),
    /// A text that begins with this, or with which this begins: handles are cut where they are
    /// printed.
    Handle(String),
    /// The addresses whose leading bits are these.
    Net {
        bits: u128,
        mask: u128,
        v4: bool,
    },
    Int(std::ops::RangeInclusive<i64>),
    Bool(bool),
}

/// A value to compare a column with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Given {
    /// No value.
    Missing,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is too large for any column, in digits.
    Huge(String),
    /// The first and the last of a range.
    Range(i64, i64),
    /// The first and the last of a range of seconds, in thousandths.
    Millis(i64, i64),
    /// A text.
    Text(String),
    /// Text of a command line. The column decides whether it is a number, a range, a network or a
    /// word.
    Written(String),
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Huge(digits) => f.write_str(digits),
            Self::Range(first, last) => write!(f, "the range from {first} to {last}"),
            Self::Millis(first, last) => {
                write!(f, "the range from {first} to {last} thousandths")
            }
            Self::Text(text) | Self::Written(text) => write!(f, "{text:?}"),
        }
    }
}

/// Names for several columns at once: an app is given by name or GUID.
pub(crate) const ALIASES: [(&str, &[&str]); 5] = [
    ("app", &["app_guid", "app_name"]),
    ("space", &["space_guid", "space_name"]),
    ("org", &["org_guid", "org_name"]),
    ("address", &["src", "dst"]),
    ("port", &["spt", "dpt"]),
];

impl Filter {
    /// Adds the condition that this column has one of these values. `has` lists the columns.
    ///
    /// # Errors
    ///
    /// A sentence, if the column does not exist, or it cannot have one of the values.
    pub fn and(
        self,
        name: &str,
        given: Vec<Given>,
        has: impl Fn(&Column) -> bool,
    ) -> Result<Self, String> {
        self.add(name, given, has, false)
    }

    /// Adds the condition that this column has none of these values. A missing value differs
    /// from all of them.
    ///
    /// # Errors
    ///
    /// As [`and`](Self::and).
    pub fn and_not(
        self,
        name: &str,
        given: Vec<Given>,
        has: impl Fn(&Column) -> bool,
    ) -> Result<Self, String> {
        self.add(name, given, has, true)
    }

    fn add(
        mut self,
        name: &str,
        given: Vec<Given>,
        has: impl Fn(&Column) -> bool,
        is_negated: bool,
    ) -> Result<Self, String> {
        let one = [name];
        let names =
            ALIASES.iter().find(|(alias, _)| *alias == name).map_or(&one[..], |(_, names)| names);
        let columns: Vec<usize> = (0..COLUMNS.len())
            .filter(|&n| names.contains(&COLUMNS[n].name) && has(&COLUMNS[n]))
            .collect();
        let Some(column) = columns.first().map(|&n| &COLUMNS[n]) else {
            return Err(no_column(name, has));
        };
        let mut wanted = Vec::new();
        for given in given {
            wanted.extend(Wanted::any_of(column, given)?);
        }
        self.conditions.push(Condition { columns, wanted, is_negated });
        Ok(self)
    }

    /// Adds the condition that the row's time is not before `from` and before `until`.
    #[must_use]
    pub fn and_between(mut self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        self.from = self.from.max(from);
        self.until = match (self.until, until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }

    /// Returns whether a condition is about the time.
    #[must_use]
    pub const fn needs_time(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    /// Returns the columns that conditions are about.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.conditions.iter().flat_map(|condition| &condition.columns).map(|&n| &COLUMNS[n])
    }

    /// Returns whether the row is wanted. A row without a time is between no times.
    #[must_use]
    pub fn admits(&self, row: &Row<'_>) -> bool {
        let in_time = match row.time() {
            Some(time) => {
                self.from.is_none_or(|from| from <= time)
                    && self.until.is_none_or(|until| time < until)
            }
            None => !self.needs_time(),
        };
        in_time
            && self.conditions.iter().all(|condition| {
                let is_found = condition.columns.iter().any(|&n| {
                    let value = COLUMNS[n].value(row);
                    condition.wanted.iter().any(|wanted| wanted.is(&value))
                });
                is_found != condition.is_negated
            })
    }
}

/// Returns a sentence about a column that does not exist, with the name that was probably meant.
pub(super) fn no_column(name: &str, has: impl Fn(&Column) -> bool) -> String {
    let known = COLUMNS.iter().filter(|column| has(column)).map(|column| column.name);
    let known = known.chain(ALIASES.iter().map(|(alias, _)| *alias));
    format!("there is no column {name:?}{}", hint(name, known))
}

impl Wanted {
    /// Returns the wanted values for a given one: one, or two for the number of a protocol that has
    /// a name.
    fn any_of(column: &Column, given: Given) -> Result<Vec<Self>, String> {
        let name = column.name;
        match (name, &given) {
            (_, Given::Missing) if !column.nullable => Err(format!("{name} is never missing")),
            (_, Given::Missing) => Ok(vec![Self::Missing]),
            ("proto" | "nested_proto", given) => {
                let found = match given {
                    Given::Text(text) | Given::Written(text) => vocabulary::protocol(text),
                    Given::Int(number) => vocabulary::protocol(&number.to_string()),
                    _ => None,
                };
                let found = found.map(|texts| texts.into_iter().map(Self::Text).collect());
                found.ok_or_else(|| {
                    format!("{name} is {}, not {given}", vocabulary::protocols_in_words())
                })
            }
            _ => Self::one(column, given).map(|wanted| vec![wanted]),
        }
    }

    fn one(column: &Column, given: Given) -> Result<Self, String> {
        let name = column.name;
        match (column.kind, given) {
            (Kind::Text, Given::Text(text) | Given::Written(text)) => Self::text(name, text),
            (Kind::Text, given) => Err(format!("{name} is text, not {given}")),
            (Kind::Int | Kind::Long, given) => Self::numbers(name, &given),
            (Kind::Bool, Given::Bool(flag)) => Ok(Self::Bool(flag)),
            (Kind::Bool, Given::Written(text)) if text.eq_ignore_ascii_case("true") => {
                Ok(Self::Bool(true))
            }
            (Kind::Bool, Given::Written(text)) if text.eq_ignore_ascii_case("false") => {
                Ok(Self::Bool(false))
            }
            (Kind::Bool, given @ Given::Written(_)) => {
                Err(format!("{name} is true or false, not {given}"))
            }
            (Kind::Bool, given) => Err(format!("{name} is True or False, not {given}")),
            (Kind::Time, _) => Err(format!("use between() for {name}")),
            (Kind::Seconds, given) => {
                let seconds = |n: i64| n.saturating_mul(1_000);
                let found = match &given {
                    Given::Int(n) => Some((seconds(*n), seconds(*n))),
                    Given::Range(first, last) => Some((seconds(*first), seconds(*last))),
                    Given::Written(text) => millis(text).map(|n| (n, n)),
                    Given::Millis(first, last) => Some((*first, *last)),
                    _ => None,
                };
                let (first, last) = found.ok_or_else(|| {
                    format!("{name} is a number of seconds, such as 60 or 0.5, not {given}")
                })?;
                Ok(Self::Int(first..=last))
            }
            (Kind::Bytes, _) => Err(format!("{name} cannot be filtered by")),
        }
    }

    fn text(name: &str, text: String) -> Result<Self, String> {
        match (name, vocabulary::words(name)) {
            ("src" | "dst" | "nested_src" | "nested_dst", _) => Self::net(&text).ok_or_else(|| {
                format!("{name} is an address or a network like 10.0.0.0/8, not {text:?}")
            }),
            ("handle" | "handle_prefix", _) => Ok(Self::Handle(text)),
            (_, Some(words)) if !words.contains(&&*text) => {
                let near = hint(&text, words.iter().copied());
                Err(format!("{name} is {}, not {text:?}{near}", vocabulary::listed(&words)))
            }
            _ => Ok(Self::Text(text)),
        }
    }

    /// Parses a range of numbers, and checks that the column can have some of them.
    fn numbers(name: &str, given: &Given) -> Result<Self, String> {
        let can = vocabulary::numbers(name);
        let found = match given {
            Given::Int(n) => Some((*n, *n)),
            Given::Range(first, last) => Some((*first, *last)),
            Given::Written(text) => written_numbers(text),
            _ => None,
        };
        match found {
            Some((first, last)) if first > last => {
                Err(format!("{name}: no number is in {given}; the smaller one comes first"))
            }
            Some((first, last)) if first <= *can.end() && last >= *can.start() => {
                Ok(Self::Int(first..=last))
            }
            _ => Err(format!("{name} is {}, not {given}", vocabulary::numbers_in_words(name))),
        }
    }

    /// Parses `10.0.0.0/8`, `fd00::/8` or one address.
    fn net(text: &str) -> Option<Self> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (bits, width) = bits(address);
        let len = len.unwrap_or(width);
        if len > width {
            return None;
        }
        let host = width - len;
        let mask = if host == 128 { 0 } else { u128::MAX << host };
        Some(Self::Net { bits: bits & mask, mask, v4: address.is_ipv4() })
    }

    fn is(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Missing, value) => matches!(value, Value::Null),
            (Self::Int(wanted), Value::Int(n) | Value::Millis(n)) => wanted.contains(n),
            (Self::Bool(wanted), Value::Bool(flag)) => wanted == flag,
            (Self::Net { bits: wanted, mask, v4 }, Value::Address(address)) => {
                address.ip().is_some_and(|ip| ip.is_ipv4() == *v4 && bits(ip).0 & mask == *wanted)
            }
            // A saved address.
            (Self::Net { .. }, Value::Text(text)) => {
                text.parse().is_ok_and(|ip: IpAddr| self.is(&Value::Address(Address::from(ip))))
            }
            (Self::Text(wanted), Value::Raw(_) | Value::Shown(_) | Value::Mac(_)) => {
                value.text().is_some_and(|text| text == *wanted)
            }
            (Self::Text(wanted), Value::Text(text)) => wanted == text,
            (Self::Text(wanted), Value::Word(text)) => wanted == text,
            (Self::Handle(wanted), Value::Text(text)) => {
                wanted.starts_with(&**text) || text.starts_with(wanted)
            }
            _ => false,
        }
    }
}

/// Parses seconds, with up to three decimals.
pub(super) fn millis(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 3 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let thousandths: i64 = format!("{fraction:0<3}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(thousandths)
}

/// Parses `443` or `1024-65535`: the first and the last.
fn written_numbers(text: &str) -> Option<(i64, i64)> {
    if let Ok(number) = text.parse() {
        return Some((number, number));
    }
    let (first, last) = text.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(ip) => (u32::from(ip).into(), 32),
        IpAddr::V6(ip) => (ip.into(), 128),
    }
}
