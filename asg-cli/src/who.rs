//! The owner of a handle or an address, and the containers of an app or a process, asked of a
//! ledger.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;

use asg_core::guid::HandlePrefix;
use asg_core::ledger::{Attribution, Lifetime, Reason, Sighting};
use asg_core::names::Entity;
use asg_core::prefix::LogPrefix;
use asg_core::{Certainty, Guid, Identity, Ledger, Origin, Timestamp};
use serde_json::{Value, json};

use crate::answers::{Cell, Grid};
use crate::error::Error;
use crate::origins;
use crate::query::Kind;
use crate::search::{By, find, is_guid};

/// A question by whatever people have: a handle, the beginning of one, a log prefix, an address, a
/// GUID or an app's name.
#[derive(Debug, Clone, Copy)]
pub struct Search<'q> {
    /// A handle, an address, a GUID or a name.
    pub text: &'q str,
    /// The cell on which a packet of it was seen.
    pub cell: Option<&'q str>,
    /// When it was seen.
    pub at: Option<Timestamp>,
    /// The address with which it was seen.
    pub address: Option<&'q str>,
}

/// The result of a [`Search`].
#[derive(Debug)]
pub enum Found<'l> {
    /// The owner of a handle or of an address at a time, as sure as that is.
    Owner(Box<Attribution<'l>>),
    /// The containers that are meant, the oldest first; at least one.
    Containers(By, Vec<Lifetime<'l>>),
    /// No container is meant.
    Nobody(Nobody),
}

/// Why nothing is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nobody {
    /// Containers are meant, and none was there at that time, on that cell or with that address.
    Then(By),
    /// No line shows the address.
    Address,
    /// No app has the name.
    Name,
}

impl Nobody {
    /// Returns the reason of an attribution that is nearest to it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Then(By::Address) | Self::Address => Reason::NoAddressLease,
            Self::Then(_) => Reason::OutsideLifetime,
            Self::Name => Reason::UnknownApp,
        }
    }
}

impl Search<'_> {
    /// Searches a ledger. `names` are a directory's answers about the GUIDs in it.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use asg_cli::who::{Found, Nobody, Search};
    ///
    /// let search = Search { text: "orders", cell: None, at: None, address: None };
    /// let ledger = asg_core::Ledger::new();
    /// let found = search.of(&ledger, &HashMap::new())?;
    /// assert!(matches!(found, Found::Nobody(Nobody::Name)));
    /// # Ok::<(), asg_cli::error::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if the text or the address is malformed.
    pub fn of<'l, S: BuildHasher>(
        &self,
        ledger: &'l Ledger,
        names: &HashMap<Guid, Identity, S>,
    ) -> Result<Found<'l>, Error> {
        let Self { text, cell, at, .. } = *self;
        let ip: Option<IpAddr> = text.parse().ok();
        if let (Some(ip), Some(time)) = (ip, at) {
            let on_cell = cell.and_then(|cell| ledger.holder(ip, &Sighting::at(time).on(cell)));
            if let Some(found) = on_cell {
                return Ok(Found::Containers(By::Address, vec![found]));
            }
            if cell.is_none() {
                return Ok(Found::Owner(Box::new(ledger.peer(ip, &Sighting::at(time)))));
            }
        }
        let found = find(ledger, text, names).map(|(by, mut found)| {
            found.retain(|it| self.is_meant(*it));
            (by, found)
        });
        match found {
            // With one handle, the question is about more than its beginning.
            Some((By::Handle, found)) if !found.is_empty() && same_handle(&found) => {
                let whole = found[0].handle().to_string();
                let mut answer = self.ask(&whole, ledger)?;
                if whole.len() != text.len() && answer.certainty > Certainty::Ambiguous {
                    answer.certainty = Certainty::UniquePrefix;
                    answer.reason = Reason::UniqueHandlePrefix;
                }
                Ok(Found::Owner(Box::new(answer)))
            }
            Some((by, found)) if !found.is_empty() => Ok(Found::Containers(by, found)),
            Some((by, _)) => Ok(Found::Nobody(Nobody::Then(by))),
            None if ip.is_some() => Ok(Found::Nobody(Nobody::Address)),
            None if text.contains('_') || is_guid(text) => {
                let answer = self.ask(text, ledger)?;
                // Nothing begins so, however little it is.
                let is_short = answer.reason == Reason::PrefixTooShort && !text.contains('_');
                let unknown = || Attribution::unknown(Reason::UnknownHandle);
                Ok(Found::Owner(Box::new(if is_short { unknown() } else { answer })))
            }
            None => Ok(Found::Nobody(Nobody::Name)),
        }
    }

    /// Returns the owner of one container that was found.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if the address is malformed.
    pub fn owner<'l>(
        &self,
        of: Lifetime<'_>,
        ledger: &'l Ledger,
    ) -> Result<Attribution<'l>, Error> {
        self.ask(&of.handle().to_string(), ledger)
    }

    fn ask<'l>(&self, handle: &str, ledger: &'l Ledger) -> Result<Attribution<'l>, Error> {
        Ok(Question::new(handle, self.cell, self.at, self.address)?.ask(ledger))
    }

    /// Returns whether a container is of the cell, the time and the address of the question.
    #[must_use]
    pub fn is_meant(&self, it: Lifetime<'_>) -> bool {
        let is_on = |cell: &str| it.cell() == Some(cell) || it.machine() == Some(cell);
        let start = it.created().or_else(|| it.seen().map(|seen| *seen.start()));
        let had = |address: &str| it.addresses().any(|it| it.to_string() == *address);
        self.cell.is_none_or(is_on)
            && self.address.is_none_or(had)
            && self.at.is_none_or(|at| {
                start.is_none_or(|start| start <= at) && it.destroyed().is_none_or(|end| at <= end)
            })
    }
}

/// Returns whether all containers have one handle.
#[must_use]
pub fn same_handle(found: &[Lifetime<'_>]) -> bool {
    found.iter().all(|it| it.handle() == found[0].handle())
}

/// Containers as a table.
#[must_use]
pub fn containers<S: BuildHasher>(
    ledger: &Ledger,
    names: &HashMap<Guid, Identity, S>,
    found: &[Lifetime<'_>],
) -> Grid {
    let text = |text: Option<String>| text.map_or(Cell::Null, |text| Cell::Text(text.into()));
    let row = |it: &Lifetime<'_>| {
        let identity = it.subject().and_then(|guid| names.get(&guid));
        let said = it.app().and_then(|app| Some(ledger.names(app)?.app_name()?.to_owned()));
        let addresses: Vec<_> = it.addresses().map(|address| address.to_string()).collect();
        vec![
            it.created().into(),
            it.destroyed().into(),
            it.seen().map(|seen| *seen.start()).into(),
            it.seen().map(|seen| *seen.end()).into(),
            text(identity.and_then(Identity::path).or(said)),
            text(it.cell().or(it.machine()).map(ToOwned::to_owned)),
            text(Some(addresses.join(" ")).filter(|text| !text.is_empty())),
            text(Some(it.handle().to_string())),
            text(it.process().map(ToString::to_string)),
            it.index().map_or(Cell::Null, |index| Cell::Int(index.into())),
            text(it.app().map(|app| app.to_string())),
        ]
    };
    let columns = vec![
        ("created", Kind::Time),
        ("destroyed", Kind::Time),
        ("first_seen", Kind::Time),
        ("last_seen", Kind::Time),
        ("app", Kind::Text),
        ("cell", Kind::Text),
        ("address", Kind::Text),
        ("handle", Kind::Text),
        ("process_guid", Kind::Text),
        ("index", Kind::Int),
        ("app_guid", Kind::Text),
    ];
    Grid { columns, rows: found.iter().map(row).collect() }
}

/// Adds the names of the owner to an object of [`owner_object`].
pub fn add_names(object: &mut Value, identity: &Identity) {
    let entity = |entity: Option<&Entity>| json!({"guid": entity.map(|it| &it.guid), "name": entity.map(|it| &it.name)});
    let mut app = entity(identity.app.as_ref());
    app["state"] = json!(identity.state);
    if let Some(reason) = &identity.state_reason {
        app["state_reason"] = json!(reason);
    }
    object["app"] = app;
    object["space"] = entity(identity.space.as_ref());
    object["org"] = entity(identity.org.as_ref());
    object["process_type"] = json!(identity.process_type);
}

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
        let parsed = LogPrefix::classify(prefix.as_bytes())
            .map(|parsed| (parsed, None))
            // The beginning of a handle as people copy it can be too short to be one in a log.
            .or_else(|| Some((LogPrefix::classify(b"OK_00000000")?, Some(prefix))));
        let Some((mut prefix, shown)) = parsed else {
            return Err(Error::Value(format!("{prefix:?} is not a log prefix")));
        };
        if let Some(shown) = shown {
            let handle = HandlePrefix::parse(shown.as_bytes()).map_err(|_| {
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

/// Returns the answer as an object, with the members of a flow.
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
