//! An answer about a GUID, and its provenance.

use asg_core::{Identity, Timestamp};

use crate::token::Reach;

/// An identity, and its provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolution {
    /// The identity, with today's names, and those of other times if
    /// [`CloudController::with_history`](crate::CloudController::with_history) asks for them.
    pub identity: Identity,
    /// How it is known, or why it is not.
    pub provenance: Provenance,
    /// The reach of the token. A missing app is unknown only with [`Reach::Global`].
    pub reach: Reach,
    /// Audit events before this time may be gone: an app that was deleted before is unknown.
    pub events_since: Timestamp,
}

/// How an identity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provenance {
    /// Cloud Controller lists the app.
    Listed,
    /// An audit event proves that the app was deleted, at this time.
    Deleted {
        /// The time.
        at: Option<Timestamp>,
    },
    /// It may not be seen, or may exist unseen: the token does not see everything.
    Hidden,
    /// Not found, though everything was searched.
    Unknown,
    /// Not found, which proves nothing: [`Identity::state_reason`] has the reason.
    Unavailable,
}
