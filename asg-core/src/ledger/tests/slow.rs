//! The slow ledger: every line is kept, and every question reads them all.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;

/// What an answer says, for comparing answers of two ledgers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) certainty: Certainty,
    pub(super) reason: Reason,
    pub(super) owners: Vec<String>,
    pub(super) process: Option<String>,
    pub(super) lease: Option<String>,
}

pub(super) fn said(ledger: &Ledger, prefix: &str, seen: &Sighting<'_>) -> Said {
    let answer = ledger.attribute(&LogPrefix::parse(prefix.as_bytes()).unwrap(), seen);
    let mut owners: Vec<_> = match &answer.owners {
        Owners::None => Vec::new(),
        Owners::Container(it) => vec![it.handle().to_string()],
        Owners::App { app, .. } => vec![format!("app {app}")],
        Owners::Several(all) => all.iter().map(|it| it.handle().to_string()).collect(),
    };
    owners.sort();
    Said {
        certainty: answer.certainty,
        reason: answer.reason,
        owners,
        process: answer.process().map(ToString::to_string),
        lease: answer.lease.map(|it| it.handle().to_string()),
    }
}

/// The slow ledger: every line is kept, and every question reads them all.
pub(super) struct Slow<'e>(pub(super) &'e [Evidence]);

impl<'e> Slow<'e> {
    fn about(&self, handle: &str) -> Vec<&'e Evidence> {
        self.0.iter().filter(|e| e.handle.to_string() == handle).collect()
    }

    fn handles(&self, begin: &str) -> Vec<String> {
        let all: BTreeSet<_> = self.0.iter().map(|e| e.handle.to_string()).collect();
        all.into_iter().filter(|h| h.starts_with(begin)).collect()
    }

    fn process_of(e: &Evidence) -> Option<String> {
        Some(e.process.as_ref()?.guid()?.process.to_string())
    }

    /// Each GUID of an app or process that any line shows.
    fn apps(&self, begin: &str) -> Vec<String> {
        let mut all = BTreeSet::new();
        for e in self.0 {
            all.extend(Self::process_of(e));
            all.extend(e.app.map(|app| app.to_string()));
            if e.handle.guid().is_none() {
                all.extend(e.handle.leading_guid().map(|guid| guid.to_string()));
            }
        }
        all.into_iter().filter(|app| app.starts_with(begin)).collect()
    }

    /// The apps that lines tell for a process.
    fn apps_of(&self, process: &str) -> BTreeSet<String> {
        let told = self.0.iter().filter(|e| Self::process_of(e).as_deref() == Some(process));
        told.filter_map(|e| e.app).map(|app| app.to_string()).filter(|app| app != process).collect()
    }

    fn processes(&self, handle: &str) -> BTreeSet<ProcessName> {
        let lines = self.about(handle);
        let told = lines.iter().filter_map(|e| e.process.clone());
        let embedded = Handle::parse(handle).unwrap().embedded_process().map(ProcessName::Guid);
        told.chain(embedded).collect()
    }

    fn outright(&self, handle: &str) -> BTreeSet<Guid> {
        self.about(handle).iter().filter_map(|e| e.app).collect()
    }

    fn is_contradicted(&self, handle: &str) -> bool {
        let lines = self.about(handle);
        let processes = self.processes(handle);
        let apps = self.outright(handle);
        let cells: BTreeSet<_> = lines.iter().filter_map(|e| e.cell.clone()).collect();
        let indices: BTreeSet<_> = lines.iter().filter_map(|e| e.index).collect();
        if [processes.len(), apps.len(), cells.len(), indices.len()].iter().any(|n| *n > 1) {
            return true;
        }
        let Some(process) = processes.first().and_then(ProcessName::guid) else { return false };
        let told = self.apps_of(&process.process.to_string());
        let outright = apps.first().map(ToString::to_string);
        told.len() > 1
            || matches!((told.first(), outright), (Some(told), Some(app)) if *told != app)
    }

    fn seconds(&self, handle: &str, moment: Option<Moment>) -> Vec<i64> {
        let lines = self.about(handle);
        let of = lines.into_iter().filter(|e| moment.is_none_or(|moment| e.moment == moment));
        of.filter_map(|e| e.time).map(|time| time.as_nanos() / SECOND).collect()
    }

    fn may_live(&self, handle: &str, seen: &Sighting<'_>) -> bool {
        let Some(time) = seen.time else { return true };
        let all = self.seconds(handle, None);
        let early = !self.seconds(handle, Some(Moment::Created)).is_empty()
            && time.latest().as_nanos() / SECOND < all.iter().min().unwrap() - 120;
        let late = !self.seconds(handle, Some(Moment::Destroyed)).is_empty()
            && time.earliest().as_nanos() / SECOND > all.iter().max().unwrap() + 120;
        !early && !late
    }

    /// The cells whose lines come under a machine's name.
    fn cells_of(&self, machine: &str) -> BTreeSet<String> {
        let told = self.0.iter().filter(|e| e.machine.as_deref() == Some(machine));
        told.filter_map(|e| e.cell.as_deref().map(str::to_owned)).collect()
    }

    fn names(&self, handle: &str) -> BTreeSet<String> {
        let lines = self.about(handle);
        let names = lines.iter().flat_map(|e| [e.cell.as_deref(), e.machine.as_deref()]);
        names.flatten().map(str::to_owned).collect()
    }

    fn is_elsewhere(&self, handle: &str, name: &str) -> bool {
        let cells = self.cells_of(name);
        if cells.len() > 1 || self.names(handle).contains(name) {
            return false;
        }
        let own = self.about(handle).iter().find_map(|e| e.cell.as_deref().map(str::to_owned));
        let is_cell = self.0.iter().any(|e| e.cell.as_deref() == Some(name));
        match (own, cells.first()) {
            (None, _) => false,
            (Some(own), Some(cell)) => own != *cell,
            (Some(_), None) => is_cell,
        }
    }

    fn addresses(&self, handle: &str) -> BTreeSet<IpAddr> {
        self.about(handle).iter().filter_map(|e| e.address).collect()
    }

    fn holder(&self, seen: &Sighting<'_>) -> Option<String> {
        let (time, cell, address) = (seen.time?, seen.cell?, seen.address?);
        let cells = self.cells_of(cell);
        if cells.len() > 1 {
            return None;
        }
        let holds = |handle: &String| {
            let names = self.names(handle);
            let here =
                names.contains(cell) || cells.first().is_some_and(|cell| names.contains(cell));
            let lines = self.about(handle);
            let held = lines
                .iter()
                .filter(|e| e.moment == Moment::Created || e.address.is_some())
                .filter_map(|e| e.time)
                .min();
            let ended = self.seconds(handle, Some(Moment::Destroyed));
            let last = ended
                .into_iter()
                .min()
                .or_else(|| self.seconds(handle, None).into_iter().max().map(|last| last - 120));
            here && self.addresses(handle).contains(&address)
                && held.is_some_and(|held| held <= time.earliest())
                && last.is_some_and(|last| time.latest().as_nanos() <= last * SECOND)
        };
        let mut holders = self.handles("").into_iter().filter(holds);
        let one = holders.next()?;
        (holders.next().is_none() && !self.is_contradicted(&one)).then_some(one)
    }

    pub(super) fn answer(&self, prefix: &str, seen: &Sighting<'_>) -> Said {
        let plain = |certainty, reason, owners: Vec<String>| Said {
            certainty,
            reason,
            owners,
            process: None,
            lease: None,
        };
        let unknown = |reason| plain(Certainty::Unknown, reason, Vec::new());
        let container = |certainty, reason, handle: String, lease| Said {
            certainty,
            reason,
            process: self.processes(&handle).first().map(ToString::to_string),
            owners: vec![handle],
            lease,
        };
        let prefix = LogPrefix::parse(prefix.as_bytes()).unwrap();
        let Some(shown) = prefix.handle_prefix else {
            return match self.holder(seen) {
                Some(one) => {
                    container(Certainty::Inferred, Reason::AddressLease, one.clone(), Some(one))
                }
                None => unknown(Reason::NamesNobody),
            };
        };
        let shown = shown.as_str();
        if self.0.is_empty() {
            return unknown(Reason::NoEvidence);
        }
        let is_guid = crate::guid::GuidPrefix::parse(shown.as_bytes()).is_ok();
        if is_guid && shown.len() < 16 {
            return unknown(Reason::PrefixTooShort);
        }
        let is_app = prefix.subject == Subject::App;
        let plain_guid = |h: &String| Handle::parse(h).unwrap().guid().is_some() || !is_guid;
        let handles: Vec<_> = if is_app {
            Vec::new()
        } else {
            self.handles(shown).into_iter().filter(plain_guid).collect()
        };
        let apps = if is_guid { self.apps(shown) } else { Vec::new() };
        match (handles.as_slice(), apps.as_slice()) {
            ([], []) if is_app => unknown(Reason::NoSuchApp),
            ([], []) => unknown(Reason::NoSuchHandle),
            ([], [app]) => {
                let contradicted = self.apps_of(app).len() > 1;
                let holder = self.holder(seen).filter(|holder| self.is_of(holder, app));
                let (certainty, reason) = if contradicted {
                    (Certainty::Ambiguous, Reason::ProcessesContradict)
                } else {
                    (Certainty::UniquePrefix, Reason::OneAppBeginsSo)
                };
                Said { lease: holder, ..plain(certainty, reason, vec![format!("app {app}")]) }
            }
            ([], _) => plain(Certainty::Ambiguous, Reason::SeveralHandlesBeginSo, Vec::new()),
            (handles, []) => {
                let alive: Vec<_> = handles.iter().filter(|h| self.may_live(h, seen)).collect();
                let one = if let [one] = handles {
                    Some(one)
                } else if let [one] = alive[..] {
                    Some(one)
                } else {
                    None
                };
                let Some(one) = one else {
                    return match self.holder(seen).filter(|holder| handles.contains(holder)) {
                        Some(it) => container(
                            Certainty::Inferred,
                            Reason::AddressLease,
                            it.clone(),
                            Some(it),
                        ),
                        None => plain(
                            Certainty::Ambiguous,
                            Reason::SeveralHandlesBeginSo,
                            handles.to_vec(),
                        ),
                    };
                };
                let family =
                    |known: &&IpAddr| Some(known.is_ipv4()) == seen.address.map(|a| a.is_ipv4());
                let addresses = self.addresses(one);
                let known: Vec<_> = addresses.iter().filter(family).collect();
                let doubt = if self.is_contradicted(one) {
                    Reason::ProcessesContradict
                } else if !self.may_live(one, seen) {
                    Reason::OutsideLifetime
                } else if seen.cell.is_some_and(|cell| self.is_elsewhere(one, cell)) {
                    Reason::OnAnotherCell
                } else if !known.is_empty()
                    && !known.iter().any(|known| Some(**known) == seen.address)
                {
                    Reason::AddressContradicts
                } else if one == shown && handles.len() == 1 {
                    return container(Certainty::Exact, Reason::WholeHandle, one.clone(), None);
                } else {
                    let reason = Reason::OneHandleBeginsSo;
                    return container(Certainty::UniquePrefix, reason, one.clone(), None);
                };
                plain(Certainty::Ambiguous, doubt, vec![one.clone()])
            }
            (handles, _) => {
                plain(Certainty::Ambiguous, Reason::SeveralHandlesBeginSo, handles.to_vec())
            }
        }
    }

    fn is_of(&self, handle: &str, app: &str) -> bool {
        let outright = self.outright(handle).first().map(ToString::to_string);
        let process = self.processes(handle).first().and_then(ProcessName::guid);
        let process = process.map(|guid| guid.process.to_string());
        let told = process.as_deref().and_then(|process| self.apps_of(process).into_iter().next());
        let parsed = Handle::parse(handle).unwrap();
        let lead = if parsed.guid().is_none() { parsed.leading_guid() } else { None };
        let is = |known: &Option<String>| known.as_deref() == Some(app);
        let lead = lead.map(|guid| guid.to_string());
        is(&outright)
            || is(&process)
            || (outright.is_none() && is(&told))
            || (outright.is_none() && process.is_none() && is(&lead))
            || (outright.is_none()
                && self.processes(handle).is_empty()
                && parsed
                    .guid()
                    .and_then(crate::guid::GuidPrefix::full)
                    .is_some_and(|guid| !guid.is_rep_made() && guid.to_string() == app))
    }
}
