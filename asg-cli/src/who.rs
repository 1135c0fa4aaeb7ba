//! The owner of a handle, asked of a ledger.

use std::net::IpAddr;

use asg_core::{
    Attribution, HandlePrefix, Ledger, Lifetime, LogPrefix, Origin, Sighting, Timestamp,
};
use serde_json::{Value, json};

use crate::error::Error;
use crate::origins;

/// A question to a ledger.
#[derive(Debug)]
pub struct Question<'q> {
    prefix: LogPrefix<'q>,
    seen: Sighting<'q>,
}

impl<'q> Question<'q> {
    /// Asks about a handle, the beginning of one, or a log prefix such as
    /// `DENY_d08bb414-cdba-4381`. `cell`, `at` and `address` describe where and when a packet of it
    /// was seen.
    ///
    /// ```
    /// use asg_cli::who::Question;
    ///
    /// let question = Question::new("d08bb414-cdba-4381-412a", None, None, None)?;
    /// let ledger = asg_core::Ledger::new();
    /// let answer = question.ask(&ledger);
    /// assert!(answer.container().is_none());
    /// assert!(Question::new("not a handle!", None, None, None).is_err());
    /// # Ok::<(), asg_cli::error::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if the prefix is not one of these, or the address is not one.
    pub fn new(
        prefix: &'q str,
        cell: Option<&'q str>,
        at: Option<Timestamp>,
        address: Option<&str>,
    ) -> Result<Self, Error> {
        let parsed = LogPrefix::parse(prefix.as_bytes())
            .map(|parsed| (parsed, None))
            // The beginning of a handle as people copy it can be too short to be one in a log.
            .or_else(|| Some((LogPrefix::parse(b"OK_00000000")?, Some(prefix))));
        let Some((mut prefix, shown)) = parsed else {
            return Err(Error::Value(format!("{prefix:?} is not a log prefix")));
        };
        if let Some(shown) = shown {
            let handle = HandlePrefix::parse(shown).ok_or_else(|| {
                let what = "is neither a handle, nor the beginning of one, nor a log prefix";
                Error::Value(format!("{shown:?} {what}"))
            })?;
            prefix.handle_prefix = Some(handle);
        }
        let address: Option<Result<IpAddr, _>> = address.map(str::parse);
        let address = address.transpose();
        let address = address.map_err(|_| Error::Value("address is an IP address".into()))?;
        let mut seen = at.map_or_else(Sighting::default, Sighting::at);
        if let Some(cell) = cell {
            seen = seen.on(cell);
        }
        if let Some(address) = address {
            seen = seen.with_address(address);
        }
        Ok(Self { prefix, seen })
    }

    /// Asks a ledger.
    #[must_use]
    pub fn ask<'l>(&self, ledger: &'l Ledger) -> Attribution<'l> {
        ledger.attribute(&self.prefix, &self.seen)
    }
}

/// The answer as an object, with the members of a flow.
#[must_use]
pub fn owner_object(answer: &Attribution<'_>) -> Value {
    let line = |at: &Origin| json!({"source": origins::name(at.source), "line": at.line});
    let candidate = |c: &Lifetime<'_>| json!({"handle": c.handle(), "process_guid": c.process(), "index": c.index()});
    let container = answer.container();
    json!({
        "attribution": {
            "certainty": answer.certainty,
            "reason": answer.reason,
            "candidates": answer.candidates().iter().map(candidate).collect::<Vec<_>>(),
            "evidence": answer.evidence().iter().map(line).collect::<Vec<_>>(),
        },
        "handle": container.map(Lifetime::handle),
        "process_guid": answer.process(),
        "index": container.and_then(Lifetime::index),
        "subject_guid": answer.subject().map(|guid| guid.to_string()),
        "cell": container.and_then(Lifetime::cell),
        "created": container.and_then(Lifetime::created),
        "destroyed": container.and_then(Lifetime::destroyed),
    })
}
