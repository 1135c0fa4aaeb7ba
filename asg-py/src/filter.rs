//! Filters: which rows are wanted. A row that is not is never built.

use std::net::IpAddr;

use asg_core::Timestamp;

use crate::columns::{COLUMNS, Column, Kind, Row, Value};

/// All conditions must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    conditions: Vec<Condition>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// One of some columns has one of these values.
#[derive(Debug, Clone)]
struct Condition {
    columns: Vec<usize>,
    wanted: Vec<Wanted>,
}

#[derive(Debug, Clone)]
enum Wanted {
    /// No value.
    Missing,
    Text(String),
    /// A text that begins so, or that is the beginning of this: handles are cut wherever they are printed.
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

/// A value as Python gives it.
#[derive(Debug, pyo3::FromPyObject)]
pub(crate) enum Given {
    #[pyo3(annotation = "bool")]
    Bool(bool),
    #[pyo3(annotation = "int")]
    Int(i64),
    /// First and last.
    #[pyo3(annotation = "range")]
    Range((i64, i64)),
    #[pyo3(annotation = "str")]
    Text(Option<String>),
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Range((first, last)) => write!(f, "the range from {first} to {last}"),
            Self::Text(Some(text)) => write!(f, "{text:?}"),
            Self::Text(None) => f.write_str("None"),
        }
    }
}

/// Names for several columns at once: an app is asked for by name or GUID.
const ALIASES: [(&str, &[&str]); 5] = [
    ("app", &["app_guid", "app_name"]),
    ("space", &["space_guid", "space_name"]),
    ("org", &["org_guid", "org_name"]),
    ("address", &["src", "dst"]),
    ("port", &["spt", "dpt"]),
];

impl Filter {
    /// This and the condition that the column with that name has one of these values.
    ///
    /// # Errors
    ///
    /// If there is no such column among `has`, or a value that it cannot have.
    pub(crate) fn and(
        mut self,
        name: &str,
        given: Vec<Given>,
        has: impl Fn(&Column) -> bool,
    ) -> Result<Self, String> {
        let one = [name];
        let names =
            ALIASES.iter().find(|(alias, _)| *alias == name).map_or(&one[..], |(_, names)| names);
        let columns: Vec<usize> = (0..COLUMNS.len())
            .filter(|&n| names.contains(&COLUMNS[n].name) && has(&COLUMNS[n]))
            .collect();
        let Some(column) = columns.first().map(|&n| &COLUMNS[n]) else {
            return Err(format!("there is no column {name:?}"));
        };
        let wanted =
            given.into_iter().map(|given| Wanted::new(column, given)).collect::<Result<_, _>>()?;
        self.conditions.push(Condition { columns, wanted });
        Ok(self)
    }

    /// This and the condition that the row's time is not before `from` and before `until`.
    pub(crate) fn and_between(mut self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        self.from = self.from.max(from);
        self.until = match (self.until, until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }

    pub(crate) const fn needs_time(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.conditions.iter().flat_map(|condition| &condition.columns).map(|&n| &COLUMNS[n])
    }

    /// True if the row is wanted. A row without a time is not between any.
    pub(crate) fn admits(&self, row: &Row<'_>) -> bool {
        let in_time = match row.time {
            Some(time) => {
                self.from.is_none_or(|from| from <= time)
                    && self.until.is_none_or(|until| time < until)
            }
            None => !self.needs_time(),
        };
        in_time
            && self.conditions.iter().all(|condition| {
                condition.columns.iter().any(|&n| {
                    let value = (COLUMNS[n].get)(row);
                    condition.wanted.iter().any(|wanted| wanted.is(&value))
                })
            })
    }
}

impl Wanted {
    fn new(column: &Column, given: Given) -> Result<Self, String> {
        let name = column.name;
        Ok(match (column.kind, given) {
            (_, Given::Text(None)) => Self::Missing,
            (Kind::Bool, Given::Bool(flag)) => Self::Bool(flag),
            (Kind::Int | Kind::Long, Given::Int(n)) => Self::Int(n..=n),
            (Kind::Int | Kind::Long, Given::Range((first, last))) => Self::Int(first..=last),
            (Kind::Text, Given::Text(Some(text))) => match name {
                "src" | "dst" | "nested_src" | "nested_dst" => {
                    Self::net(&text).ok_or_else(|| {
                        format!("{name} is an address or a network like 10.0.0.0/8, not {text:?}")
                    })?
                }
                "handle" | "handle_prefix" => Self::Handle(text),
                _ => Self::Text(text),
            },
            (Kind::Text, given) => return Err(format!("{name} is text, not {given}")),
            (Kind::Int | Kind::Long, given) => {
                return Err(format!("{name} is a number, not {given}"));
            }
            (Kind::Bool, given) => return Err(format!("{name} is True or False, not {given}")),
            (Kind::Time, _) => return Err(format!("use between() for {name}")),
            (Kind::Bytes, _) => return Err(format!("{name} cannot be filtered by")),
        })
    }

    /// `10.0.0.0/8`, `fd00::/8` or one address.
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
            (Self::Int(wanted), Value::Int(n)) => wanted.contains(n),
            (Self::Bool(wanted), Value::Bool(flag)) => wanted == flag,
            (Self::Net { bits: wanted, mask, v4 }, Value::Address(address)) => {
                address.ip().is_some_and(|ip| ip.is_ipv4() == *v4 && bits(ip).0 & mask == *wanted)
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

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(ip) => (u32::from(ip).into(), 32),
        IpAddr::V6(ip) => (ip.into(), 128),
    }
}
