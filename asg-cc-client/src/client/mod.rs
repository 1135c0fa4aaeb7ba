//! A live Cloud Controller as a directory: what both drivers share, and the drivers.

mod blocking;
mod discovery;
mod exchange;
mod future;
mod resolution;

use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use asg_core::{AppState, Identity, Timestamp};

use crate::api::{Address, Root};
use crate::auth::Credentials;
use crate::auth::Kind;
use crate::clock::Clock;
use crate::error::Error;
use crate::resolve::Knowledge;
use crate::resolve::plan::Plan;
use crate::text::distinct;
use crate::token::Reach;

pub use blocking::CloudController;
pub use future::AsyncCloudController;
use resolution::Sighting;
pub use resolution::{Provenance, Resolution};

/// Cloud Controller's workers are few: more requests at a time would only wait there, in the way of others.
const MOST_LANES: usize = 8;

/// Which API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiVersion {
    /// For foundations that have nothing else. It finds apps by their own GUIDs only.
    V2,
    /// Finds everything.
    V3,
}

/// Everything but the transport.
pub(crate) struct Core {
    address: Address,
    credentials: Credentials,
    clock: Clock,
    version: OnceLock<ApiVersion>,
    search_pages: usize,
    retention: Duration,
    lanes: usize,
}

impl Core {
    fn new(url: &str, credentials: Credentials) -> Result<Self, Error> {
        Ok(Self {
            address: Address::parse(url)?,
            credentials,
            clock: Clock::system(),
            version: OnceLock::new(),
            search_pages: 10,
            retention: Duration::from_secs(31 * 24 * 60 * 60),
            lanes: 1,
        })
    }

    /// Before a call can be made.
    fn needs_uaa(&self) -> bool {
        matches!(&self.credentials.0, Kind::Login(session) if session.needs_uaa())
    }

    /// Before a plan can be made.
    fn needs_discovery(&self) -> bool {
        self.version.get().is_none() || self.needs_uaa()
    }

    fn discovered(&self, root: &Root) -> Result<(), Error> {
        let version = if root.v3 { ApiVersion::V3 } else { ApiVersion::V2 };
        self.version.get_or_init(|| version);
        let Kind::Login(session) = &self.credentials.0 else { return Ok(()) };
        if !session.needs_uaa() {
            return Ok(());
        }
        let link = root.uaa.as_ref().or(root.login.as_ref());
        let link = link.ok_or(Error::UaaAddress("is not in the API's root document"))?;
        let uaa = Address::parse(link)
            .map_err(|_| Error::UaaAddress("in the API's root document is no address"))?;
        // Passwords go there; what came by a safe way must not lead to an unsafe one.
        if self.address.is_https() && !uaa.is_https() {
            return Err(Error::UaaAddress("in the API's root document is without TLS"));
        }
        session.found_uaa(uaa);
        Ok(())
    }

    fn plan(&self, sightings: &[Sighting]) -> Plan {
        let unique = distinct(sightings.iter().map(|(id, _)| id.to_string()));
        let timed = sightings.iter().any(|(_, time)| time.is_some());
        match self.version.get() {
            Some(ApiVersion::V2) => Plan::v2(unique),
            _ if timed => Plan::v3_with_history(unique, self.search_pages),
            _ => Plan::v3(unique, self.search_pages),
        }
    }

    fn plan_for_all(&self) -> Plan {
        match self.version.get() {
            Some(ApiVersion::V2) => Plan::v2_all(),
            _ => Plan::v3_all(),
        }
    }

    fn resolutions(
        &self,
        sightings: &[Sighting],
        (known, hidden): &(Knowledge, HashSet<String>),
    ) -> Vec<(Sighting, Resolution)> {
        let reach = self.credentials.reach();
        let now = self.clock.now();
        let kept = i64::try_from(self.retention.as_nanos()).unwrap_or(i64::MAX);
        let kept = Timestamp::from_nanos(now.as_nanos().saturating_sub(kept));
        let one = |sighting: &Sighting| {
            let (id, time) = (sighting.0.to_string(), sighting.1);
            let found = known.identify(&id);
            let provenance = match &found {
                Some(Identity { state: AppState::Deleted, deleted_at, .. }) => {
                    Provenance::Deleted { at: *deleted_at }
                }
                Some(_) => Provenance::Listed,
                None if hidden.contains(&id) || reach == Reach::Limited => Provenance::Hidden,
                None if time.is_some_and(|time| time < kept) => Provenance::Expired,
                None => Provenance::Unknown,
            };
            let app = found.as_ref().and_then(|identity| identity.app.as_ref()).zip(time);
            let name_then = app
                .and_then(|(app, time)| known.name_at(&app.guid, app.name.as_deref(), time, kept));
            let identity = found.unwrap_or_else(|| match provenance {
                Provenance::Hidden => Identity::hidden(),
                _ => Identity::unknown(),
            });
            (*sighting, Resolution { identity, provenance, reach, name_then })
        };
        sightings.iter().map(one).collect()
    }

    fn scrub(&self, error: Error) -> Error {
        error.scrubbed(&self.credentials.secrets())
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("address", &self.address)
            .field("credentials", &self.credentials)
            .field("version", &self.version.get())
            .finish_non_exhaustive()
    }
}

/// The settings that both drivers have.
macro_rules! settings {
    () => {
        /// Speaks this API, whatever the root document says.
        #[must_use]
        pub fn with_version(mut self, version: ApiVersion) -> Self {
            self.core.version = OnceLock::from(version);
            self
        }

        /// Reads at most so many pages (of 1000) of deployments, and as many of events, to find processes that are gone.
        /// The default is 10; 0 switches the search off.
        #[must_use]
        pub const fn with_search_pages(mut self, pages: usize) -> Self {
            self.core.search_pages = pages;
            self
        }

        /// How long the foundation keeps audit events: what was not found and is older is
        /// [`Provenance::Expired`](crate::Provenance::Expired). The default is Cloud Controller's, 31 days.
        #[must_use]
        pub const fn with_retention(mut self, retention: Duration) -> Self {
            self.core.retention = retention;
            self
        }

        /// Reads the time there, to renew tokens in time.
        #[must_use]
        pub fn with_clock(mut self, clock: Clock) -> Self {
            self.core.clock = clock;
            self
        }
    };
}
use settings;
