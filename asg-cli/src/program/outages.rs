//! Names for logs that are followed: a directory that fails is asked again.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use asg_core::names::AppState;
use asg_core::{Directory, Flow, Guid, Identity};

use crate::error::Error;
use crate::names::Names;
use crate::report::Report;

/// The pause after the first failure. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Asks a directory, and asks it again after an outage. Reports each outage once, at its beginning
/// and at its end.
pub(super) struct Patient<'d> {
    /// `None` if the options choose no directory.
    names: Option<&'d dyn Names>,
    report: &'d Report,
    unnamed: &'d Unnamed,
    /// How long flows wait for names, from the beginning of an outage.
    wait: Duration,
    outage: Option<Outage>,
    outages: u64,
}

struct Outage {
    why: String,
    began: Instant,
    /// The pause before the next question, and the time of that.
    pause: Duration,
    next: Instant,
}

/// Counts the flows that outages left without names.
#[derive(Debug, Default)]
pub(super) struct Unnamed {
    is_out: Cell<bool>,
    in_outage: Cell<u64>,
    in_all: Cell<u64>,
}

impl Unnamed {
    /// Takes note of a flow that is given.
    pub(super) fn note(&self, flow: &Flow<'_, '_>) {
        let is_unnamed = || match flow.identity {
            Some(identity) => identity.state == AppState::Unavailable,
            None => flow.attribution.subject().is_some(),
        };
        if self.is_out.get() && is_unnamed() {
            self.in_outage.set(self.in_outage.get() + 1);
            self.in_all.set(self.in_all.get() + 1);
        }
    }

    /// Returns the flows of all outages, as a sentence; `None` without any outage.
    pub(super) fn sentence(&self) -> Option<String> {
        Self::told(self.in_all.get())
    }

    fn told(flows: u64) -> Option<String> {
        match flows {
            0 => None,
            1 => Some("1 flow was given without names".into()),
            n => Some(format!("{n} flows were given without names")),
        }
    }
}

/// The directory does not answer, and flows are to wait for it.
#[derive(Debug)]
pub(super) struct Held;

impl<'d> Patient<'d> {
    pub(super) const fn new(
        names: Option<&'d dyn Names>,
        wait: Duration,
        unnamed: &'d Unnamed,
        report: &'d Report,
    ) -> Self {
        Self { names, report, unnamed, wait, outage: None, outages: 0 }
    }

    /// Returns how many outages there were.
    pub(super) const fn outages(&self) -> u64 {
        self.outages
    }

    /// Lets no flow wait for names any more.
    pub(super) const fn hurry(&mut self) {
        self.wait = Duration::ZERO;
    }

    /// Returns whether a question now would only be put off.
    pub(super) fn is_waiting(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| {
            Instant::now() < outage.next && outage.began.elapsed() < self.wait
        })
    }

    /// Takes note that the directory does not answer now.
    pub(super) fn fails(&mut self, why: String) {
        let now = Instant::now();
        if let Some(outage) = &mut self.outage {
            outage.pause = (outage.pause * 2).min(LONGEST_PAUSE);
            outage.next = now + outage.pause;
            return;
        }
        let what = match self.wait.as_secs() {
            0 => String::new(),
            seconds => format!("flows wait for them for {seconds} s, and "),
        };
        self.report.note(format_args!(
            "names are missing from now on: {why}; {what}the Cloud Controller is asked again"
        ));
        let pause = FIRST_PAUSE;
        self.outages += 1;
        self.outage = Some(Outage { why, began: now, pause, next: now + pause });
        self.unnamed.is_out.set(true);
    }

    fn answers(&mut self) {
        let Some(outage) = self.outage.take() else { return };
        let flows = Unnamed::told(self.unnamed.in_outage.replace(0));
        let flows = flows.map_or_else(String::new, |flows| format!("; {flows}"));
        let seconds = outage.began.elapsed().as_secs().max(1);
        self.report.note(format_args!("names are back after {seconds} s{flows}"));
        self.unnamed.is_out.set(false);
    }

    /// Returns the answer during an outage.
    fn open(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Held> {
        let Some(Outage { why, began, .. }) = &self.outage else { return Ok(HashMap::new()) };
        if began.elapsed() < self.wait {
            return Err(Held);
        }
        let identity = Identity::unavailable(why.as_str());
        Ok(guids.iter().map(|guid| (*guid, identity.clone())).collect())
    }
}

impl Directory for Patient<'_> {
    type Error = Held;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Held> {
        let Some(names) = self.names else { return Ok(HashMap::new()) };
        if self.outage.as_ref().is_some_and(|outage| Instant::now() < outage.next) {
            return self.open(guids);
        }
        match names.identities(guids) {
            Ok(found) => {
                self.answers();
                return Ok(found);
            }
            Err(Error::Directory(why)) => self.fails(why),
            // The run ends.
            Err(_) => {
                self.unnamed.is_out.set(true);
                self.hurry();
            }
        }
        self.open(guids)
    }
}
