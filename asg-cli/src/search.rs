//! Containers in a ledger, by whatever people have: a handle, an address, a GUID or a name.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;

use asg_core::ledger::Lifetime;
use asg_core::{Guid, Identity, Ledger};

/// The kind of text by which containers were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A handle, or the beginning of one.
    Handle,
    /// A process GUID, or the beginning of one.
    Process,
    /// The GUID of an app, by a line or a directory.
    App,
    /// The name of an app.
    Name,
    /// An address in the network of containers.
    Address,
}

impl By {
    /// Returns the kind in a word or two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handle => "handle",
            Self::Process => "process GUID",
            Self::App => "app GUID",
            Self::Name => "app name",
            Self::Address => "address",
        }
    }
}

/// Chooses containers.
type Test<'t, 'l> = &'t dyn Fn(Lifetime<'l>) -> bool;

/// Returns the containers that a text means, the oldest first; `None` if it means none.
///
/// `names` are a directory's answers about the GUIDs in the ledger.
///
/// ```
/// use std::collections::HashMap;
/// use asg_cli::search::{By, find};
/// use asg_core::event::Moment;
/// use asg_core::evidence::Evidence;
/// use asg_core::guid::{Handle, ProcessName};
/// use asg_core::{Ledger, Origin, SourceId};
///
/// let mut ledger = Ledger::new();
/// let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
/// let origin = Origin { source: SourceId(0), line: 1 };
/// let mut seen = Evidence::new(handle, Moment::Seen, origin);
/// let process = "d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6-5b7d9e1f-0a2c-4e6a-8b0c-2d4e6f8a0b1c";
/// seen.process = Some(ProcessName::new(process));
/// ledger.add(seen);
/// let by = |text: &str| find(&ledger, text, &HashMap::new()).map(|(by, _)| by);
/// assert_eq!(by("bfce786c"), Some(By::Handle));
/// // A process GUID is not an app GUID.
/// assert_eq!(by("d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6"), Some(By::Process));
/// assert_eq!(by("orders"), None);
/// ```
#[must_use]
pub fn find<'l, S: BuildHasher>(
    ledger: &'l Ledger,
    text: &str,
    names: &HashMap<Guid, Identity, S>,
) -> Option<(By, Vec<Lifetime<'l>>)> {
    let address: Option<IpAddr> = text.parse().ok();
    let lower = text.to_ascii_lowercase();
    let is_guid = lower.len() >= 4 && is_guid(&lower);
    let is_app = |it: Lifetime<'l>| {
        let of_directory = it.subject().and_then(|guid| names.get(&guid)?.app.as_ref());
        it.app().is_some_and(|app| app.to_string().starts_with(&lower))
            || of_directory.is_some_and(|app| app.guid.starts_with(&lower))
    };
    let is_process =
        |it: Lifetime<'l>| it.process().is_some_and(|it| it.to_string().starts_with(&lower));
    let is_named = |it: Lifetime<'l>| {
        let said = it.app().and_then(|app| ledger.names(app)?.app_name());
        let identity = it.subject().and_then(|guid| names.get(&guid));
        let name = identity.and_then(|identity| identity.app.as_ref()?.name.as_deref());
        let path = identity.and_then(Identity::path);
        [said, name, path.as_deref()].contains(&Some(text))
    };
    let kinds: [(By, bool, Test<'_, 'l>); 6] = [
        (By::Address, address.is_some(), &|it| it.addresses().any(|it| Some(it) == address)),
        (By::Handle, is_guid, &|it| it.handle().to_string().starts_with(&lower)),
        // Of an original web process, one GUID is both.
        (By::App, is_guid && lower.len() >= 36, &is_app),
        (By::Process, is_guid, &is_process),
        (By::App, is_guid, &is_app),
        (By::Name, address.is_none(), &is_named),
    ];
    kinds.into_iter().filter(|(_, can, _)| *can).find_map(|(by, _, is)| {
        let found = chosen(ledger, is);
        (!found.is_empty()).then_some((by, found))
    })
}

/// Returns all containers in a ledger, the oldest first.
#[must_use]
pub fn all(ledger: &Ledger) -> Vec<Lifetime<'_>> {
    chosen(ledger, &|_| true)
}

fn chosen<'l>(ledger: &'l Ledger, is: Test<'_, 'l>) -> Vec<Lifetime<'l>> {
    let mut found: Vec<_> = ledger.lifetimes().filter(|it| is(*it)).collect();
    found.sort_by_cached_key(|it| (it.created().or(it.seen().map(|it| *it.start())), it.handle()));
    found
}

/// Returns whether a text can be a part of a GUID.
pub(crate) fn is_guid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}
