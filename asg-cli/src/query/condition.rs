//! Conditions as people write them: `dpt=443`, `verdict!=allowed`, `dpt>1023`.

use asg_core::Timestamp;

use super::filter::{millis, no_column};
use super::{ALIASES, Column, Given, Kind, Query};
use crate::error::Error;
use crate::output::zone::Zone;
use crate::time::moment;

/// A condition about a column, as it was written.
///
/// ```
/// use asg_cli::output::zone::Zone;
/// use asg_cli::query::{Condition, Query};
///
/// let flows = Query::flows_of(["data/foundation.log"]);
/// let utc = Zone::default();
/// let https = flows.meeting(&Condition::parse("dpt>=443")?, &utc)?;
/// assert!(flows.meeting(&Condition::parse("dport=443")?, &utc).is_err());
/// assert!(Condition::parse("dpt").is_err());
/// # Ok::<(), asg_cli::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Condition {
    column: String,
    relation: Relation,
    values: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Is,
    IsNot,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// The signs, the longer ones first.
const RELATIONS: [(&str, Relation); 7] = [
    ("!=", Relation::IsNot),
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("==", Relation::Is),
    ("=", Relation::Is),
    ("<", Relation::Below),
    (">", Relation::Above),
];

impl Condition {
    /// Reads a condition. Whether there is such a column is asked later.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for any other text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let no_condition = || {
            let what = "--where takes COLUMN=VALUE, or !=, <, <=, > or >= between them, and not";
            Error::Value(format!("{what} `{text}`"))
        };
        let at = text.find(['=', '<', '>', '!']).filter(|at| *at > 0).ok_or_else(no_condition)?;
        let (column, rest) = text.split_at(at);
        let found = RELATIONS
            .iter()
            .find_map(|(sign, relation)| Some((*relation, rest.strip_prefix(sign)?)));
        let (relation, values) = found.ok_or_else(no_condition)?;
        let (column, values) = (column.trim().to_owned(), values.trim().to_owned());
        Ok(Self { column, relation, values })
    }

    fn given(&self) -> Vec<Given> {
        self.values.split(',').map(|text| Given::Written(text.trim().to_owned())).collect()
    }
}

impl Query {
    /// Returns the rows that meet a condition. Times without a zone are in `zone`.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a column that does not exist, or a value that it cannot have.
    pub fn meeting(&self, condition: &Condition, zone: &Zone) -> Result<Self, Error> {
        let Condition { column: name, relation, values } = condition;
        let first =
            ALIASES.iter().find(|(alias, _)| alias == name).map_or(&**name, |(_, all)| all[0]);
        let column = Column::named(first).filter(|column| self.has(column));
        let column =
            column.ok_or_else(|| Error::Value(no_column(name, |column| self.has(column))))?;
        match (column.kind, relation) {
            (Kind::Time, Relation::Is | Relation::IsNot) => {
                Err(Error::Value(format!("{name} is a time: compare it with <, <=, > or >=")))
            }
            (Kind::Time, relation) if column.name == "time" => {
                let time = moment(values, zone).ok_or_else(|| {
                    let what = "is a time such as 2024-05-06T07:09:10Z or 2024-05-06, and not";
                    Error::Value(format!("{name} {what} `{values}`"))
                })?;
                let behind = Timestamp::from_nanos(time.as_nanos().saturating_add(1));
                Ok(match relation {
                    Relation::Below => self.between(None, Some(time)),
                    Relation::AtMost => self.between(None, Some(behind)),
                    Relation::Above => self.between(Some(behind), None),
                    _ => self.between(Some(time), None),
                })
            }
            (_, Relation::Is) => self.filter(name, condition.given()),
            (_, Relation::IsNot) => self.filter_not(name, condition.given()),
            (Kind::Int | Kind::Long, relation) => {
                let number: i64 = values
                    .parse()
                    .map_err(|_| Error::Value(format!("{name} is a number, and not `{values}`")))?;
                let (first, last) = match relation {
                    Relation::Below => (0, number.saturating_sub(1)),
                    Relation::AtMost => (0, number),
                    Relation::Above => (number.saturating_add(1), i64::MAX),
                    _ => (number, i64::MAX),
                };
                self.filter(name, vec![Given::Range(first, last)])
            }
            (Kind::Seconds, relation) => {
                let limit = millis(values).ok_or_else(|| {
                    let what = "is a number of seconds, such as 60 or 0.5, and not";
                    Error::Value(format!("{name} {what} `{values}`"))
                })?;
                let (first, last) = match relation {
                    Relation::Below => (0, limit - 1),
                    Relation::AtMost => (0, limit),
                    Relation::Above => (limit.saturating_add(1), i64::MAX),
                    _ => (limit, i64::MAX),
                };
                self.filter(name, vec![Given::Millis(first, last)])
            }
            _ => Err(Error::Value(format!("{name} is no number: compare it with = or !="))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(condition: &str) -> Result<usize, String> {
        let flows = Query::flows_of([concat!(env!("CARGO_MANIFEST_DIR"), "/data/foundation.log")]);
        let found = Condition::parse(condition)
            .and_then(|condition| flows.meeting(&condition, &Zone::default()))
            .map_err(|error| error.to_string())?;
        let mut batches = found.batches();
        let mut rows = 0;
        while let Some(batch) = batches.next_batch().unwrap() {
            rows += batch.num_rows();
        }
        Ok(rows)
    }

    #[test]
    fn a_condition_and_its_contrary_share_all_rows() {
        let all = rows("line>0").unwrap();
        assert_eq!(all, 9);
        for (one, other) in [
            ("dpt=443", "dpt!=443"),
            ("verdict=denied", "verdict != denied"),
            ("time<2024-05-06T07:09:16Z", "time>=2024-05-06T07:09:16Z"),
            ("line<=15", "line>15"),
        ] {
            let (found, others) = (rows(one).unwrap(), rows(other).unwrap());
            assert_eq!(found + others, all, "{one}");
            assert!(found > 0 && others > 0, "{one}: {found}");
        }
        // Nothing in these lines shows the time better than to a second.
        for (condition, expected) in [("time_error<1.1", all), ("time_error>=1.1", 0)] {
            assert_eq!(rows(condition).unwrap(), expected, "{condition}");
        }
        // ICMP has no ports.
        assert!(rows("dpt<1024").unwrap() + rows("dpt>=1024").unwrap() < all);
    }

    #[test]
    fn what_is_no_condition_is_said_with_what_was_meant() {
        for (written, said) in [
            ("dpt", "COLUMN=VALUE"),
            ("=80", "COLUMN=VALUE"),
            ("dport=80", "there is no column \"dport\"; did you mean `dpt`?"),
            ("verdict=deny", "did you mean `denied`?"),
            ("verdict>allowed", "verdict is no number: compare it with = or !="),
            ("dpt>http", "dpt is a number, and not `http`"),
            ("dpt>70000", "from 0 to 65535"),
            ("time=2024-05-06", "compare it with <"),
            ("time_error<soon", "a number of seconds, such as 60 or 0.5, and not `soon`"),
            ("time>yesterday", "and not `yesterday`"),
        ] {
            let why = rows(written).unwrap_err();
            assert!(why.contains(said), "{written}: {why}");
        }
    }
}
