//! The time between the phases: all evidence is known, and names are looked up.

use std::collections::HashSet;
use std::net::IpAddr;

use super::Counts;
use super::correlation::Correlation;
use super::facts::{Answer, Answers, Facts};
use super::gather::{Cell, Cells, Group, Groups};
use super::state::State;
use crate::clock::UptimeClocks;
use crate::completeness::Completeness;
use crate::guid::Guid;
use crate::ledger::attribution::Reason;
use crate::ledger::{Ledger, Lifetime};
use crate::names::directory::Directory;
use crate::prefix::Subject;
use crate::record::outcome::Outcomes;

/// All evidence of a set of logs, between the phases: the time to look names up.
///
/// ```
/// use asg_core::names::{AppState, Entity, directory_fn};
/// use asg_core::{Directory, Gathering, Guid, Identity, Line, Origin, SourceId};
///
/// let rep = br#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting",
///     "log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4","lrp-key":{"process_guid":
///     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11","index":0,"domain":"cf-apps"}}}"#;
/// let packet = b"[1122561.945562] d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 SRC=10.254.0.10 \
///     DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 \
///     SYN URGP=0 ";
/// let at = |line| Origin { source: SourceId(0), line };
///
/// let mut gathering = Gathering::new();
/// gathering.ingest(at(1), rep);
/// gathering.ingest(at(2), packet);
/// let mut gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
/// gathered.resolve(&mut directory_fn(|guids: &[Guid]| {
///     let named = |guid: &Guid| Identity {
///         state: AppState::Live,
///         app: Some(Entity::named(guid.to_string(), "proxy")),
///         ..Identity::unknown()
///     };
///     Ok::<_, std::convert::Infallible>(guids.iter().map(|guid| (*guid, named(guid))).collect())
/// }))?;
///
/// let correlation = gathered.correlate();
/// let line = Line::new(packet);
/// let flow = correlation.reader().flow(at(2), &line).unwrap();
/// assert_eq!(flow.identity.unwrap().app.as_ref().unwrap().name.as_deref(), Some("proxy"));
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug)]
#[must_use = "flows come from `correlate`"]
pub struct Gathered {
    facts: Facts,
    peers: HashSet<IpAddr>,
    text_keys: Vec<u64>,
}
impl Gathered {
    pub(super) fn new(
        state: State,
        cells: Cells,
        machines: Vec<Cell>,
        groups: Groups,
        counted: Vec<Group>,
        peers: HashSet<IpAddr>,
        text_keys: Vec<u64>,
    ) -> Self {
        let times = state.clocks.clone().into_complete(&state.policy);
        Self { facts: Facts { state, times, cells, machines, groups, counted }, peers, text_keys }
    }

    /// Returns the text keys of packet lines, if they were
    /// [kept](super::Gathering::keeping_text_keys), in the order of the lines.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.text_keys().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub fn text_keys(&self) -> &[u64] {
        &self.text_keys
    }

    /// Returns the lines of each source by outcome.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.outcomes().sum(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn outcomes(&self) -> &Outcomes {
        &self.facts.state.outcomes
    }

    /// Returns the counts of lines.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.counts().lines, 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.facts.state.counts
    }

    /// All evidence.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.ledger().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.facts.state.ledger
    }

    /// All evidence, to be kept.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.into_ledger().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.facts.state.ledger
    }

    /// Returns the machines' uptimes beside their times.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.clocks().boots_known(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn clocks(&self) -> &UptimeClocks {
        &self.facts.state.clocks
    }

    /// Returns what is missing from the logs, as far as they show it.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.completeness().report().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub const fn completeness(&self) -> &Completeness {
        &self.facts.state.completeness
    }

    /// Asks a directory once for the names of all owners that packets may have. It may be called
    /// again for those that the directory left open, and for another directory.
    ///
    /// # Errors
    ///
    /// Those of the directory. Names that are known stay known.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let mut gathered = gathered;
    /// let mut asked = 0;
    /// gathered.resolve(&mut asg_core::names::directory_fn(|guids: &[asg_core::Guid]| {
    ///     asked += guids.len();
    ///     Ok::<_, Infallible>(std::collections::HashMap::new())
    /// }))?;
    /// assert_eq!(asked, 0, "no packet has a known owner");
    /// # Ok::<(), Infallible>(())
    /// ```
    pub fn resolve<D: Directory>(&mut self, directory: &mut D) -> Result<(), D::Error> {
        let owners = self.owners();
        self.facts.state.resolve(owners, directory)
    }

    /// Asks a directory about these GUIDs, too, whether or not a packet needs them.
    ///
    /// ```
    /// use asg_core::{Gathering, Guid, NoDirectory};
    ///
    /// let gathering = Gathering::new();
    /// let mut gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    /// let app: Guid = "7e3b9c54-0d6f-4f7a-9b21-6a5c4d3e2f10".parse().unwrap();
    /// gathered.resolve_about(&[app], &mut NoDirectory)?;
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the directory.
    pub fn resolve_about<D: Directory>(
        &mut self,
        guids: &[Guid],
        directory: &mut D,
    ) -> Result<(), D::Error> {
        self.facts.state.resolve(guids.to_vec(), directory)
    }

    /// Returns the GUIDs of all owners that packets may have, each once, in order.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// let gathered = asg_core::Gathering::new().finish(|_| Ok::<(), Infallible>(()))?;
    /// assert_eq!(gathered.owners().len(), 0, "no line was read");
    /// # Ok::<(), Infallible>(())
    /// ```
    #[must_use]
    pub fn owners(&self) -> Vec<Guid> {
        let facts = &self.facts;
        let mut wanted = Vec::new();
        let mut names_apps = false;
        for (name, group) in facts.groups() {
            let Some(cf) = name.cf() else { continue };
            match facts.answer(name, group) {
                Answer::OfAll(time) => {
                    let answer = facts.attribute(name, time);
                    wanted.extend(answer.subject());
                    names_apps |= answer.reason == Reason::UnknownApp;
                }
                Answer::PerPacket => names_apps |= facts.add_candidates(&cf, name, &mut wanted),
            }
            if cf.subject == Subject::App {
                facts.add_candidates(&cf, name, &mut wanted);
            }
        }
        for peer in &self.peers {
            wanted.extend(facts.state.ledger.had_address(*peer).filter_map(Lifetime::subject));
        }
        if names_apps {
            facts.state.add_all_owners(&mut wanted);
        }
        let of_loggers = facts.state.reports.containers_of_loggers();
        if !of_loggers.is_empty() {
            let all = facts.state.ledger.lifetimes();
            let named =
                all.filter(|it| it.handle().guid().is_some_and(|it| of_loggers.contains(&it)));
            wanted.extend(named.filter_map(Lifetime::subject));
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Ends the time for names, and answers from now on. Apps for which no directory has answered
    /// have the names that lines show.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// let correlation = gathered.correlate();
    /// assert_eq!(correlation.counts().packets, 1);
    /// ```
    #[must_use]
    pub fn correlate(self) -> Correlation {
        let Self { mut facts, .. } = self;
        facts.state.spell_out();
        Correlation::new(Answers::new(facts))
    }
}
