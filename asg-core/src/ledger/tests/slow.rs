//! The slow ledger: it keeps every line, and reads them all for every question.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;

/// The content of an answer, for comparing answers of two ledgers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) certainty: Certainty,
    pub(super) reason: Reason,
    pub(super) owners: Vec<String>,
    pub(super) process: Option<String>,
    pub(super) lease: Option<String>,
}

pub(super) fn said(ledger: &Ledger, prefix: &str, seen: &Sighting<'_>) -> Said {
    let answer = ledger.attribute(&LogPrefix::classify(prefix.as_bytes()).unwrap(), seen);
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

/// The slow ledger: it keeps every line, and reads them all for every question.
pub(super) struct Slow<'e>(pub(super) &'e [Evidence]);

impl<'e> Slow<'e> {
    /// Returns the lines that prove something.
    fn clear(&self) -> impl Iterator<Item = &'e Evidence> {
        self.0.iter().filter(|e| !e.is_contradictory)
    }

    fn about(&self, handle: &str) -> Vec<&'e Evidence> {
        self.clear().filter(|e| e.handle.to_string() == handle).collect()
    }

    fn handles(&self, begin: &str) -> Vec<String> {
        let all: BTreeSet<_> = self.0.iter().map(|e| e.handle.to_string()).collect();
        all.into_iter().filter(|h| h.starts_with(begin)).collect()
    }

    fn process_of(e: &Evidence) -> Option<String> {
        Some(e.process.as_ref()?.guid()?.process.to_string())
    }

    /// Returns each GUID of an app or process that any line shows.
    fn apps(&self, begin: &str) -> Vec<String> {
        let mut all = BTreeSet::new();
        for e in self.0 {
            if !e.is_contradictory {
                all.extend(Self::process_of(e));
                all.extend(e.app.map(|app| app.to_string()));
            }
            if e.handle.guid().is_none() {
                all.extend(e.handle.leading_guid().map(|guid| guid.to_string()));
            }
        }
        all.into_iter().filter(|app| app.starts_with(begin)).collect()
    }

    /// Returns the apps that lines give for a process.
    fn apps_of(&self, process: &str) -> BTreeSet<String> {
        let told = self.clear().filter(|e| Self::process_of(e).as_deref() == Some(process));
        told.filter_map(|e| e.app).map(|app| app.to_string()).filter(|app| app != process).collect()
    }

    fn processes(&self, handle: &str) -> BTreeSet<ProcessName> {
        let lines = self.about(handle);
        let told = lines.iter().filter_map(|e| e.process.clone());
        let embedded =
            Handle::parse(handle.as_bytes()).unwrap().embedded_process().map(ProcessName::Guid);
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
        let addresses = self.addresses(handle);
        let of_family = |is_v4: bool| addresses.iter().filter(|a| a.is_ipv4() == is_v4).count();
        let counts = [processes.len(), apps.len(), cells.len(), indices.len(), of_family(true)];
        if counts.iter().any(|n| *n > 1) || of_family(false) > 1 {
            return true;
        }
        let is_garbled =
            self.0.iter().any(|e| e.is_contradictory && e.handle.to_string() == handle);
        if (is_garbled && lines.is_empty()) || self.has_run_after_its_end(handle) {
            return true;
        }
        if self.has_two_machines(handle) {
            return true;
        }
        let Some(process) = processes.first().and_then(ProcessName::guid) else { return false };
        let told = self.apps_of(&process.process.to_string());
        let outright = apps.first().map(ToString::to_string);
        told.len() > 1
            || matches!((told.first(), outright), (Some(told), Some(app)) if *told != app)
    }

    fn has_run_after_its_end(&self, handle: &str) -> bool {
        let own = || self.about(handle).into_iter().filter(|e| e.is_cells_own);
        let at = |e: &Evidence| e.time.map(|time| time.as_nanos() / SECOND);
        let ended = own().filter(|e| e.moment == Moment::Destroyed).filter_map(at).min();
        let ran = own().filter(|e| matches!(e.moment, Moment::Created | Moment::Running));
        ended.is_some_and(|ended| ran.filter_map(at).any(|ran| ran > ended + 120))
    }

    /// Returns the kinds of name that a name is used as.
    fn kinds(&self, name: &str) -> Vec<NameKind> {
        let used = self.clear().filter(|e| e.machine.as_deref() == Some(name));
        let mut kinds: Vec<_> =
            used.map(|e| e.machine_kind).filter(|kind| *kind != NameKind::Unknown).collect();
        let is_cell = self.clear().any(|e| e.cell.as_deref() == Some(name));
        if is_cell && name.parse::<Guid>().is_ok() {
            kinds.push(NameKind::Instance);
        }
        kinds
    }

    /// Returns whether both are names of one kind, and the first is not a relay's.
    fn differ(&self, name: &str, other: &str, kinds: &[NameKind]) -> bool {
        name != other
            && self.cells_of(name).len() < 2
            && self.kinds(name).iter().any(|kind| kinds.contains(kind))
    }

    fn has_two_machines(&self, handle: &str) -> bool {
        let lines = self.about(handle);
        let machines: BTreeSet<_> = lines.iter().filter_map(|e| e.machine.as_deref()).collect();
        let names = self.names(handle);
        let mut cells: BTreeSet<_> = machines
            .iter()
            .flat_map(|machine| {
                let cells = self.cells_of(machine);
                if cells.len() == 1 { cells } else { BTreeSet::new() }
            })
            .collect();
        cells.extend(lines.iter().filter_map(|e| e.cell.as_deref().map(str::to_owned)));
        let two_names = machines.len() > 1
            && machines.iter().any(|machine| {
                self.cells_of(machine).len() < 2
                    && names.iter().any(|name| self.differ(name, machine, &self.kinds(machine)))
            });
        two_names || cells.len() > 1
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

    /// Returns the cells whose lines come under a machine's name.
    fn cells_of(&self, machine: &str) -> BTreeSet<String> {
        let told = self.clear().filter(|e| e.machine.as_deref() == Some(machine));
        told.filter_map(|e| e.cell.as_deref().map(str::to_owned)).collect()
    }

    fn names(&self, handle: &str) -> BTreeSet<String> {
        let lines = self.about(handle);
        let names = lines.iter().flat_map(|e| [e.cell.as_deref(), e.machine.as_deref()]);
        names.flatten().map(str::to_owned).collect()
    }

    fn is_elsewhere(&self, handle: &str, seen: &Sighting<'_>) -> bool {
        let Some(name) = seen.cell else { return false };
        let cells = self.cells_of(name);
        let names = self.names(handle);
        if cells.len() > 1 || names.contains(name) {
            return false;
        }
        let machines = self.about(handle).into_iter().filter_map(|e| e.machine.as_deref());
        let mut known: BTreeSet<_> = machines
            .map(|machine| self.cells_of(machine))
            .filter(|cells| cells.len() == 1)
            .flatten()
            .collect();
        known
            .extend(self.about(handle).iter().filter_map(|e| e.cell.as_deref().map(str::to_owned)));
        let is_cell = self.clear().any(|e| e.cell.as_deref() == Some(name));
        let cell = cells.first().cloned().or_else(|| is_cell.then(|| name.to_owned()));
        if let Some(cell) = cell
            && !known.is_empty()
        {
            return !known.contains(&cell);
        }
        let mut kinds = self.kinds(name);
        kinds.push(seen.kind);
        names.iter().any(|known| self.differ(known, name, &kinds))
    }

    fn addresses(&self, handle: &str) -> BTreeSet<IpAddr> {
        self.about(handle).iter().filter_map(|e| e.address).collect()
    }

    fn holder(&self, seen: &Sighting<'_>) -> Option<String> {
        if Self::is_forged(seen) {
            return None;
        }
        let of_interface = seen.interface.and_then(Interface::address);
        [seen.address, of_interface].into_iter().flatten().find_map(|ip| self.holder_of(ip, seen))
    }

    fn is_forged(seen: &Sighting<'_>) -> bool {
        matches!((seen.interface, seen.address), (Some(interface), Some(ip)) if !interface.fits(ip))
    }

    fn holder_of(&self, address: IpAddr, seen: &Sighting<'_>) -> Option<String> {
        let (time, cell) = (seen.time?, seen.cell?);
        let cells = self.cells_of(cell);
        if cells.len() > 1 {
            return None;
        }
        let holds = |handle: &String| {
            let names = self.names(handle);
            let here =
                names.contains(cell) || cells.first().is_some_and(|cell| names.contains(cell));
            let lines = self.about(handle);
            let own = || lines.iter().filter(|e| e.is_cells_own);
            let at = |e: &&Evidence| e.time.map(|time| time.as_nanos() / SECOND);
            let told = |e: &&&Evidence| e.moment == Moment::Created || e.address.is_some();
            let held = own().filter(told).filter_map(at).min();
            let others = lines.iter().filter(told).filter_map(at).min();
            let from = held.or_else(|| others.map(|held| held + 120));
            let gone = |e: &&&Evidence| e.moment == Moment::Destroyed;
            let ended = own().filter(gone).filter_map(at).min();
            let elsewhere = lines.iter().filter(gone).filter_map(at).min();
            // Without an end: what the cell shows running had its address until then, and any other
            // line of the cell's may be about its remains.
            let runs = |e: &&&Evidence| matches!(e.moment, Moment::Created | Moment::Running);
            let ran = own().filter(runs).filter_map(at).max();
            let spoken = own().filter_map(at).max().map(|last| last - 120);
            let to = ended
                .or_else(|| elsewhere.map(|ended| ended - 120))
                .or_else(|| ran.max(spoken))
                .or_else(|| lines.iter().filter_map(at).max().map(|last| last - 240));
            here && self.addresses(handle).contains(&address)
                && from.is_some_and(|from| from * SECOND <= time.earliest().as_nanos())
                && to.is_some_and(|to| time.latest().as_nanos() <= to * SECOND)
        };
        let mut holders = self.handles("").into_iter().filter(holds);
        let one = holders.next()?;
        (holders.next().is_none() && !self.is_contradicted(&one)).then_some(one)
    }

    fn had(&self, handle: &str, seen: &Sighting<'_>) -> bool {
        let shown = [seen.address, seen.interface.and_then(Interface::address)];
        self.addresses(handle).into_iter().any(|known| shown.contains(&Some(known)))
    }

    fn had_another(&self, handle: &str, seen: &Sighting<'_>) -> bool {
        let known = self.addresses(handle);
        let v4: Vec<_> = known.iter().filter(|ip| ip.is_ipv4()).collect();
        let v6: Vec<_> = known.iter().filter(|ip| ip.is_ipv6()).collect();
        let lacks = |known: &[&IpAddr], shown| !known.is_empty() && !known.contains(&&shown);
        Self::is_forged(seen)
            || seen.address.is_some_and(|ip| lacks(if ip.is_ipv4() { &v4 } else { &v6 }, ip))
            || seen.interface.is_some_and(|it| !v4.is_empty() && !v4.iter().any(|ip| it.fits(**ip)))
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
        let prefix = LogPrefix::classify(prefix.as_bytes()).unwrap();
        let Some(shown) = prefix.handle_prefix else {
            return match self.holder(seen) {
                Some(one) => {
                    container(Certainty::Inferred, Reason::AddressLease, one.clone(), Some(one))
                }
                None => unknown(Reason::NoOwnerInPrefix),
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
        let plain_guid =
            |h: &String| Handle::parse(h.as_bytes()).unwrap().guid().is_some() || !is_guid;
        let handles: Vec<_> = if is_app {
            Vec::new()
        } else {
            self.handles(shown).into_iter().filter(plain_guid).collect()
        };
        let apps = if is_guid { self.apps(shown) } else { Vec::new() };
        match (handles.as_slice(), apps.as_slice()) {
            ([], []) if is_app => unknown(Reason::UnknownApp),
            ([], []) => unknown(Reason::UnknownHandle),
            ([], [app]) => {
                let contradicted = self.apps_of(app).len() > 1;
                let holder = self.holder(seen).filter(|holder| self.is_of(holder, app));
                let (certainty, reason) = if contradicted {
                    (Certainty::Ambiguous, Reason::ConflictingEvidence)
                } else {
                    (
                        Certainty::UniquePrefix,
                        if is_app { Reason::UniqueAppPrefix } else { Reason::AppGuidPrefix },
                    )
                };
                Said { lease: holder, ..plain(certainty, reason, vec![format!("app {app}")]) }
            }
            ([], apps) => {
                let holder = self.holder(seen);
                let of: Vec<_> = match &holder {
                    Some(holder) => apps.iter().filter(|app| self.is_of(holder, app)).collect(),
                    None => Vec::new(),
                };
                match of[..] {
                    [app] => Said {
                        lease: holder,
                        ..plain(
                            Certainty::Inferred,
                            Reason::AddressLease,
                            vec![format!("app {app}")],
                        )
                    },
                    _ => plain(Certainty::Ambiguous, Reason::AmbiguousAppPrefix, Vec::new()),
                }
            }
            (handles, []) => {
                let alive: Vec<_> = handles.iter().filter(|h| self.may_live(h, seen)).collect();
                let one = if let [one] = handles {
                    Some(one)
                } else if let [one] = alive[..] {
                    // If one had the packet's address, time alone does not exclude it.
                    let rivals = |it: &String| {
                        it != one && self.had(it, seen) && !self.is_elsewhere(it, seen)
                    };
                    let is_rivalled = !self.had(one, seen) && handles.iter().any(rivals);
                    (!is_rivalled).then_some(one)
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
                            Reason::AmbiguousHandlePrefix,
                            handles.to_vec(),
                        ),
                    };
                };
                let doubt = if self.is_contradicted(one) {
                    Reason::ConflictingEvidence
                } else if !self.may_live(one, seen) {
                    Reason::OutsideLifetime
                } else if self.is_elsewhere(one, seen) {
                    Reason::OtherCell
                } else if self.had_another(one, seen) {
                    Reason::ConflictingAddress
                } else if one == shown && handles.len() == 1 {
                    return container(Certainty::Exact, Reason::WholeHandle, one.clone(), None);
                } else {
                    let reason = Reason::UniqueHandlePrefix;
                    return container(Certainty::UniquePrefix, reason, one.clone(), None);
                };
                plain(Certainty::Ambiguous, doubt, vec![one.clone()])
            }
            (handles, _) => {
                plain(Certainty::Ambiguous, Reason::AmbiguousHandlePrefix, handles.to_vec())
            }
        }
    }

    fn is_of(&self, handle: &str, app: &str) -> bool {
        let outright = self.outright(handle).first().map(ToString::to_string);
        let process = self.processes(handle).first().and_then(ProcessName::guid);
        let process = process.map(|guid| guid.process.to_string());
        let told = process.as_deref().and_then(|process| self.apps_of(process).into_iter().next());
        let parsed = Handle::parse(handle.as_bytes()).unwrap();
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
