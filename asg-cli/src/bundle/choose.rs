//! Which containers the answers need: whole, or without their owners.

use std::collections::{BTreeMap, HashMap, HashSet};

use asg_core::guid::HandlePrefix;
use asg_core::ledger::Lifetime;
use asg_core::{Guid, Identity, Ledger};

use super::answers::{Rests, Wanted};

/// The containers that answers need, by handle.
#[derive(Debug, Default)]
pub(super) struct Containers {
    /// Those that are in the answers or in question.
    pub(super) whole: HashSet<String>,
    /// Those that others could be taken for: their handles begin alike, or they had the same
    /// address, or may have had it; and those that show the names of a cell. Some are whole, too.
    pub(super) rivals: HashSet<String>,
}

/// So many characters of a handle lead to the prefixes that it may have.
const LEAD: usize = 4;

/// Returns the containers that answers need.
pub(super) fn containers(
    ledger: &Ledger,
    rests: &Rests,
    wanted: &Wanted,
    names: &HashMap<Guid, Identity>,
    is_explained: bool,
) -> Containers {
    let mut by_lead: BTreeMap<&str, Vec<HandlePrefix<'_>>> = BTreeMap::new();
    for text in &rests.handle_prefixes {
        if let Ok(prefix) = HandlePrefix::parse(text.as_bytes()) {
            by_lead.entry(text.get(..LEAD).unwrap_or("")).or_default().push(prefix);
        }
    }
    let begins = |lifetime: Lifetime<'_>| {
        let handle = lifetime.handle();
        let text = handle.to_string();
        let leads = [text.get(..LEAD).unwrap_or(""), ""];
        let mut prefixes = leads.into_iter().filter_map(|lead| by_lead.get(lead)).flatten();
        prefixes.any(|prefix| prefix.matches(&handle))
    };
    let is_of_app = |lifetime: Lifetime<'_>| {
        let named = lifetime.subject().and_then(|guid| names.get(&guid)?.app.as_ref());
        let texts = [
            lifetime.app().map(|app| app.to_string()),
            lifetime.process().map(ToString::to_string),
            named.map(|app| app.guid.clone()),
        ];
        let mut texts = texts.into_iter().flatten();
        texts.any(|text| rests.app_prefixes.iter().any(|prefix| text.starts_with(&**prefix)))
    };
    let mut found = Containers::default();
    let mut cells = HashSet::new();
    for lifetime in ledger.lifetimes() {
        let handle = lifetime.handle().to_string();
        // Rules date from the first container of a process version.
        let is_version = || {
            let process = lifetime.process().map(ToString::to_string);
            is_explained && process.is_some_and(|process| rests.processes.contains(&process))
        };
        if rests.handles.contains(&handle)
            || wanted.is_about(&handle)
            || is_of_app(lifetime)
            || is_version()
        {
            found.whole.insert(handle);
            continue;
        }
        let names = names_of_cell(lifetime);
        let shows_cell = names.into_iter().flatten().any(|name| rests.cells.contains(name))
            && cells.insert(names);
        if begins(lifetime)
            || lifetime.addresses().any(|address| rests.addresses.contains(&address))
            || shows_cell
        {
            found.rivals.insert(handle);
        }
    }
    found.rivals.extend(unaddressed(ledger, rests));
    found
}

fn names_of_cell(lifetime: Lifetime<'_>) -> [Option<&str>; 2] {
    [lifetime.cell(), lifetime.machine()]
}

/// Returns the containers of which no line shows an address, on the cells of those that had an
/// address in question: any of them may have had it before or after.
fn unaddressed(ledger: &Ledger, rests: &Rests) -> Vec<String> {
    let had_one = |it: &Lifetime<'_>| it.addresses().any(|ip| rests.addresses.contains(&ip));
    let mut holders = ledger.lifetimes().filter(had_one).peekable();
    // A container that no line gives a cell may be of any.
    let has_holders = holders.peek().is_some();
    let cells: HashSet<_> = holders.flat_map(names_of_cell).flatten().collect();
    let rivals = ledger.lifetimes().filter(|it| {
        let mut names = names_of_cell(*it).into_iter().flatten().peekable();
        let is_there = match names.peek() {
            Some(_) => names.any(|name| cells.contains(name)),
            None => has_holders,
        };
        is_there && it.addresses().next().is_none()
    });
    rivals.map(|it| it.handle().to_string()).collect()
}
