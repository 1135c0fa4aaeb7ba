//! What is known of an id, and how.

use asg_core::{Guid, Identity, Timestamp};

use crate::token::Reach;

/// An identity, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Who it is.
    pub identity: Identity,
    /// How that is known, or why it is not.
    pub provenance: Provenance,
    /// What the token may see. Only with [`Reach::Global`] it would have seen what was not found.
    pub reach: Reach,
    /// The app's name at the time that was asked for, if something proves it: see
    /// [`CloudController::resolve_at`](crate::CloudController::resolve_at).
    pub name_then: Option<String>,
}

/// How an identity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provenance {
    /// Cloud Controller lists the app.
    Listed,
    /// An audit event proves that the app was deleted, at this time.
    Deleted {
        /// When.
        at: Option<Timestamp>,
    },
    /// It is there and may not be seen, or may be: the token does not see everything.
    Hidden,
    /// Not found. It was asked for at a time of which audit events are not kept any more, so it may have been deleted.
    Expired,
    /// Not found.
    Unknown,
}

/// An id, and when it was seen.
pub(super) type Sighting = (Guid, Option<Timestamp>);
