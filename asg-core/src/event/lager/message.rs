//! The messages of ten years, and what each proves about a container's lifecycle.

use crate::event::Moment;
use crate::words::words;

/// The lifecycle event of a container that a line reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RepEventKind {
    /// It is about to be made.
    Creating,
    /// It was made now.
    Created,
    /// It runs now.
    Running,
    /// It exists; the line shows nothing more.
    Seen,
    /// It is being moved to another cell, and still runs.
    Evacuating,
    /// It is asked to stop.
    Stopping,
    /// The process in it has ended.
    Completed,
    /// It could not be made.
    Failed,
    /// It is about to be destroyed.
    Destroying,
    /// It is gone now.
    Destroyed,
    /// It was looked up and does not exist; the line only shows what it was.
    Missing,
}

words! {
    "event" RepEventKind "an event of a container" {
        Creating = "creating", Created = "created", Running = "running", Seen = "seen", Evacuating = "evacuating", Stopping = "stopping", Completed = "completed", Failed = "failed", Destroying = "destroying", Destroyed = "destroyed", Missing = "missing",
    }
}

/// Message endings, and what they prove. The first that fits counts; a message that fits none is
/// `Seen`.
///
/// `Created` and `Destroyed` are only for messages that are written after it has happened.
#[rustfmt::skip]
const MESSAGES: &[(&str, RepEventKind)] = {
    use RepEventKind::{Completed, Created, Creating, Destroyed, Destroying, Evacuating, Failed, Missing, Running, Stopping};
    &[
        // executor, depot/containerstore/storenode.go
        ("created-container-in-garden",                    Created),
        (".creating-container-in-garden",                  Creating),
        ("failed-to-create-container-in-garden",           Failed),
        (".node-create.container-created",                 Created),
        (".destroyed-container-in-garden",                 Destroyed),
        (".container-not-found-in-garden",                 Destroyed),
        (".container-destroy-in-progress",                 Destroying),
        (".failed-to-destroy-container-in-garden",         Destroying),
        (".node-complete",                                 Completed),
        (".containerstore-initialize.starting",            Creating),
        (".containerstore-initialize.complete",            Creating),
        // the same in 2016
        (".failed-creating-container",                     Failed),
        (".failed-creating-container-in-garden",           Failed),
        (".destroyed-garden-container",                    Destroyed),
        (".succeeded-creating-container-in-garden",        Created),
        (".succeeded-running-container-in-garden",         Running),
        // executor, depot/depot.go and containerstore.go
        (".run-container.creating-container",              Creating),
        (".containerstore-create.starting",                Creating),
        // It is also written behind a failure.
        (".containerstore-create.complete",                Creating),
        (".containerstore-reserve.starting",               Creating),
        (".containerstore-reserve.complete",               Creating),
        (".containerstore-run.complete",                   Running),
        // executor, nodemap.go and initializer
        (".reaped-missing-container",                      Destroyed),
        ("rep.executor-destroyed-stray-container",         Destroyed),
        (".container-expired",                             Failed),
        // rep, generator
        (".skipped-because-container-does-not-exist",      Missing),
        (".failed-to-get-container",                       Missing),
        (".failed-fetch-container",                        Missing),
        (".executing-residual-instance-lrp-operation.starting",   Missing),
        (".executing-residual-instance-lrp-operation.finished",   Missing),
        (".executing-residual-evacuating-lrp-operation.starting", Missing),
        (".executing-residual-evacuating-lrp-operation.finished", Missing),
        (".executing-residual-joint-lrp-operation.starting",      Missing),
        (".executing-residual-joint-lrp-operation.finished",      Missing),
        (".executing-residual-task-operation.starting",           Missing),
        (".executing-residual-task-operation.finished",           Missing),
        (".process-reserved-container.running-container",  Creating),
        // It was handed to the container's creator.
        (".process-reserved-container.succeeded-running-container", Creating),
        (".succeeded-running-container",                   Running),
        (".failed-running-container",                      Failed),
        (".bbs-start-actual-lrp",                          Running),
        (".bbs-evacuate-running-actual-lrp",               Evacuating),
        (".deleting-container",                            Destroying),
        (".succeeded-deleting-container",                  Destroying),
        (".starting-task",                                 Creating),
        (".succeeded-starting-task",                       Running),
        (".completing-task",                               Completed),
        (".container-allocation-failure",                  Failed),
        (".stop-container",                                Stopping),
        (".containerstore-stop.starting",                  Stopping),
        (".containerstore-stop.complete",                  Stopping),
        // guardian, gardener/gardener.go; garden, server
        ("guardian.create.start",                          Creating),
        ("guardian.create.created",                        Created),
        (".garden-server.create.creating",                 Creating),
        (".garden-server.create.created",                  Created),
        (".garden-server.destroy.destroying",              Destroying),
        (".garden-server.destroy.destroyed",               Destroyed),
        ("guardian.destroy.start",                         Destroying),
        // It is also written behind a failure.
        ("guardian.destroy.finished",                      Destroying),
        (".create-failed-cleaningup.destroy.started",      Failed),
        (".create-failed-cleaningup.destroy.state-failed-skipping-delete", Failed),
        (".create-failed-cleaningup.destroy.finished",     Failed),
        (".garden-server.create.failed",                   Failed),
        (".acquire.provide-rootfs-failed",                 Failed),
        // bbs, db/sqldb/actual_lrp_db.go
        (".db-claim-actual-lrp.starting",                  Creating),
        (".db-start-actual-lrp.starting",                  Running),
        (".db-claim-actual-lrp.complete",                  Creating),
        (".db-start-actual-lrp.complete",                  Running),
        (".db-evacuate-actual-lrp.starting",               Evacuating),
        (".db-evacuate-actual-lrp.complete",               Evacuating),
        (".db-crash-actual-lrp.starting",                  Completed),
        (".db-crash-actual-lrp.complete",                  Completed),
    ]
};

impl RepEventKind {
    /// Returns what a line of this event shows about the container's life.
    pub(crate) const fn moment(self) -> Moment {
        match self {
            Self::Created => Moment::Created,
            Self::Destroyed => Moment::Destroyed,
            Self::Running | Self::Evacuating => Moment::Running,
            _ => Moment::Seen,
        }
    }

    /// Returns whether the container existed when the line was written.
    pub(crate) const fn was_there(self) -> bool {
        !matches!(self, Self::Missing | Self::Failed)
    }

    /// Returns the word of the output contract.
    ///
    /// ```
    /// use asg_core::event::RepEventKind;
    /// assert_eq!(RepEventKind::Destroyed.word(), "destroyed");
    /// ```
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Seen => "seen",
            Self::Evacuating => "evacuating",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
            Self::Destroying => "destroying",
            Self::Destroyed => "destroyed",
            Self::Missing => "missing",
        }
    }

    /// Returns what a message proves.
    ///
    /// ```
    /// use asg_core::event::RepEventKind;
    /// assert_eq!(RepEventKind::of("guardian.destroy.finished"), RepEventKind::Destroying);
    /// assert_eq!(RepEventKind::of("rep.something.new"), RepEventKind::Seen);
    /// ```
    #[must_use]
    pub fn of(message: &str) -> Self {
        let Some(last) = message.as_bytes().last_chunk() else { return Self::Seen };
        let last = u64::from_le_bytes(*last);
        let starts = BY_LAST.partition_point(|(known, _)| *known < last);
        BY_LAST[starts..]
            .iter()
            .take_while(|(known, _)| *known == last)
            .map(|(_, n)| &MESSAGES[*n])
            .find(|(ending, _)| message.ends_with(ending))
            .map_or(Self::Seen, |(_, kind)| *kind)
    }
}

/// The last eight bytes of each ending, in order, and the index of the ending. They rule out nearly
/// all messages that do not end like this.
const BY_LAST: [(u64, usize); MESSAGES.len()] = {
    let mut all = [(0, 0); MESSAGES.len()];
    let mut n = 0;
    while n < all.len() {
        let last = match MESSAGES[n].0.as_bytes().last_chunk() {
            Some(last) => u64::from_le_bytes(*last),
            None => panic!("an ending of less than eight bytes"),
        };
        // Behind smaller ones, and behind equal ones that come before it in the table.
        let mut at = n;
        while at > 0 && all[at - 1].0 > last {
            all[at] = all[at - 1];
            at -= 1;
        }
        all[at] = (last, n);
        n += 1;
    }
    all
};
