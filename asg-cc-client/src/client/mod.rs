//! A live Cloud Controller as a directory.
//!
//! [`CloudController`] blocks, and [`AsyncCloudController`] is its asynchronous twin. Both choose
//! an [`ApiVersion`] and give identities, or a [`Resolution`] with the [`Provenance`] of each.
//! [`Saved`] tells what an export has that was written by [`CloudController::save`].
//!
//! ```
//! use asg_cc_client::client::ApiVersion;
//! use asg_cc_client::{CloudController, Token, TransportError};
//! use http::{Request, Response};
//!
//! let root = br#"{"links":{"cloud_controller_v3":{"href":"https://api.example.org/v3"}}}"#;
//! let canned = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(root.to_vec()));
//! let cc = CloudController::new(canned, "https://api.example.org", Token::new("sesame")?)?;
//! assert_eq!(cc.version()?, ApiVersion::V3);
//! # Ok::<(), asg_cc_client::Error>(())
//! ```

// The two drivers are `blocking` and `future`; what they have in common is here and in `exchange`.

mod blocking;
mod discovery;
mod exchange;
mod future;
mod resolution;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use asg_core::names::AppState;
use asg_core::{Guid, Identity, Timestamp};

use crate::api::{Address, Root};
use crate::auth::Credentials;
use crate::auth::Kind;
use crate::clock::{Clock, later};
use crate::error::Error;
use crate::resolve::plan::{Found, Plan, Terms};
use crate::resolve::search::Searches;
use crate::stop::Stop;
use crate::text::distinct;
use crate::token::Reach;

pub use blocking::CloudController;
use exchange::Deadline;
pub use future::AsyncCloudController;
pub use resolution::{Provenance, Resolution};

pub use crate::save::Saved;

/// The maximum number of requests at a time. Cloud Controller's workers are few: more requests
/// would only wait there, in the way of others.
const MOST_LANES: usize = 8;

/// The API in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiVersion {
    /// For foundations without v3. It finds apps by their own GUIDs only.
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
    searches: Mutex<Arc<Searches>>,
    retention: Duration,
    lanes: usize,
    with_history: bool,
    time: Option<Duration>,
    stop: Stop,
}

impl Core {
    fn new(url: &str, credentials: Credentials) -> Result<Self, Error> {
        Ok(Self {
            address: Address::parse(url)?,
            credentials,
            clock: Clock::system(),
            version: OnceLock::new(),
            search_pages: 10,
            searches: Mutex::default(),
            retention: Duration::from_secs(31 * 24 * 60 * 60),
            lanes: 1,
            with_history: false,
            time: None,
            stop: Stop::new(),
        })
    }

    /// Returns the bounds of a question that begins now.
    fn deadline(&self) -> Deadline {
        let end = self.time.map(|allowed| (later(self.clock.now(), allowed), allowed));
        Deadline { end, begun: self.stop.begin() }
    }

    /// Returns whether a call must find the UAA first.
    fn needs_uaa(&self) -> bool {
        matches!(&self.credentials.0, Kind::Login(session) if session.needs_uaa())
    }

    /// Returns whether a plan must discover the API first.
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
        // Passwords are sent there, so a secure connection must not lead to an insecure one.
        if self.address.is_https() && !uaa.is_https() {
            return Err(Error::UaaAddress("in the API's root document is without TLS"));
        }
        session.found_uaa(uaa);
        Ok(())
    }

    fn plan(&self, guids: &[Guid]) -> Plan {
        let terms = Terms {
            ids: distinct(guids.iter().copied()),
            search_pages: self.search_pages,
            searches: Arc::clone(&self.searches()),
            now: self.clock.now(),
            with_history: self.with_history,
        };
        match self.version.get() {
            Some(ApiVersion::V2) => Plan::v2(terms),
            _ => Plan::v3(terms),
        }
    }

    fn plan_for_all(&self) -> Plan {
        match self.version.get() {
            Some(ApiVersion::V2) => Plan::v2_all(self.clock.now()),
            _ => Plan::v3_all(self.clock.now()),
        }
    }

    /// Returns the result of a plan for these GUIDs, and keeps its searches.
    fn resolutions(&self, guids: &[Guid], found: Found) -> HashMap<Guid, Resolution> {
        let reach = self.credentials.reach();
        let kept = i64::try_from(self.retention.as_nanos()).unwrap_or(i64::MAX);
        let now = self.clock.now().as_nanos();
        let events_since = Timestamp::from_nanos(now.saturating_sub(kept));
        let one = |guid: &Guid| {
            let (mut identity, provenance) = match found.known.identify(*guid) {
                Some(identity) => {
                    let provenance = match identity.state {
                        AppState::Deleted => Provenance::Deleted { at: identity.deleted_at },
                        _ => Provenance::Listed,
                    };
                    (identity, provenance)
                }
                None if found.hidden.contains(guid) || reach == Reach::Limited => {
                    (Identity::hidden(), Provenance::Hidden)
                }
                None => {
                    let opaque = || "the token does not show how much it may see".to_owned();
                    let doubt = found.doubt.clone();
                    match doubt.or_else(|| (reach == Reach::Opaque).then(opaque)) {
                        Some(why) => (Identity::unavailable(why), Provenance::Unavailable),
                        None => (Identity::unknown(), Provenance::Unknown),
                    }
                }
            };
            if self.with_history && identity.app.is_some() {
                identity.history = found.known.history(&identity, events_since);
            }
            (*guid, Resolution { identity, provenance, reach, events_since })
        };
        let resolutions = guids.iter().map(one).collect();
        let mut searches = self.searches();
        if found.searches.is_ahead_of(&searches) {
            *searches = found.searches;
        }
        resolutions
    }

    fn searches(&self) -> MutexGuard<'_, Arc<Searches>> {
        // A pointer is consistent wherever a thread could panic.
        self.searches.lock().unwrap_or_else(PoisonError::into_inner)
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
        /// Uses this API, whatever the root document shows.
        ///
        /// ```
        /// # use asg_cc_client::{CloudController, Token, TransportError};
        /// # use http::{Request, Response};
        /// # let canned = |request: Request<Vec<u8>>| {
        /// #     let body: &[u8] = match request.uri().path() {
        /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.test/v3"}}}"#,
        /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
        /// #     };
        /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
        /// # };
        /// let token = Token::new("sesame")?;
        /// let cc = CloudController::new(canned, "https://cf.test", token)?;
        /// let cc = cc.with_version(asg_cc_client::client::ApiVersion::V2);
        /// assert_eq!(cc.version()?, asg_cc_client::client::ApiVersion::V2);
        /// # Ok::<(), asg_cc_client::Error>(())
        /// ```
        #[must_use]
        pub fn with_version(mut self, version: ApiVersion) -> Self {
            self.core.version = OnceLock::from(version);
            self
        }

        /// Reads at most this many pages (of 1000) of deployments, and twice as many of events, to
        /// find processes, tasks and builds that are gone. The default is 10; 0 switches the search
        /// off. The pages are read once, and kept.
        ///
        /// ```
        /// # use asg_cc_client::{CloudController, Token, TransportError};
        /// # use http::{Request, Response};
        /// # let canned = |request: Request<Vec<u8>>| {
        /// #     let body: &[u8] = match request.uri().path() {
        /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.test/v3"}}}"#,
        /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
        /// #     };
        /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
        /// # };
        /// let token = Token::new("sesame")?;
        /// let cc = CloudController::new(canned, "https://cf.test", token)?;
        /// let seven = asg_core::Guid::from_u128(7);
        /// assert!(cc.with_search_pages(0).resolve(&[seven])?[&seven].app.is_none());
        /// # Ok::<(), asg_cc_client::Error>(())
        /// ```
        #[must_use]
        pub const fn with_search_pages(mut self, pages: usize) -> Self {
            self.core.search_pages = pages;
            self
        }

        /// Also asks for the names that apps, spaces and orgs had at other times, as far as audit
        /// events prove them ([`Identity::history`]). This costs at least one more request per 200
        /// GUIDs. With v2, only today's names are known.
        ///
        /// ```
        /// # use asg_cc_client::{CloudController, Token, TransportError};
        /// # use http::{Request, Response};
        /// # let canned = |request: Request<Vec<u8>>| {
        /// #     let body: &[u8] = match request.uri().path() {
        /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.test/v3"}}}"#,
        /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
        /// #     };
        /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
        /// # };
        /// let token = Token::new("sesame")?;
        /// let cc = CloudController::new(canned, "https://cf.test", token)?;
        /// let seven = asg_core::Guid::from_u128(7);
        /// assert!(cc.with_history().resolve(&[seven])?[&seven].app.is_none());
        /// # Ok::<(), asg_cc_client::Error>(())
        /// ```
        #[must_use]
        pub const fn with_history(mut self) -> Self {
            self.core.with_history = true;
            self
        }

        /// Sets how long the foundation keeps audit events: see
        /// [`Resolution::events_since`](crate::client::Resolution::events_since). The default is
        /// Cloud Controller's, 31 days.
        ///
        /// ```
        /// # use asg_cc_client::{CloudController, Token, TransportError};
        /// # use http::{Request, Response};
        /// # let canned = |request: Request<Vec<u8>>| {
        /// #     let body: &[u8] = match request.uri().path() {
        /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.test/v3"}}}"#,
        /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
        /// #     };
        /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
        /// # };
        /// let token = Token::new("sesame")?;
        /// let cc = CloudController::new(canned, "https://cf.test", token)?;
        /// let cc = cc.with_retention(std::time::Duration::from_secs(90 * 86_400));
        /// assert_eq!(cc.version()?, asg_cc_client::client::ApiVersion::V3);
        /// # Ok::<(), asg_cc_client::Error>(())
        /// ```
        #[must_use]
        pub const fn with_retention(mut self, retention: Duration) -> Self {
            self.core.retention = retention;
            self
        }

        /// Fails with [`Error::Deadline`] if a whole question, with all its requests, takes longer
        /// than this. Without a limit by default.
        ///
        /// ```
        /// # use asg_cc_client::{CloudController, Token, TransportError};
        /// # use http::{Request, Response};
        /// # let canned = |request: Request<Vec<u8>>| {
        /// #     let body: &[u8] = match request.uri().path() {
        /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.test/v3"}}}"#,
        /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
        /// #     };
        /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
        /// # };
        /// let token = Token::new("sesame")?;
        /// let cc = CloudController::new(canned, "https://cf.test", token)?;
        /// let cc = cc.with_deadline(std::time::Duration::from_secs(30));
        /// assert_eq!(cc.version()?, asg_cc_client::client::ApiVersion::V3);
        /// # Ok::<(), asg_cc_client::Error>(())
        /// ```
        #[must_use]
        pub const fn with_deadline(mut self, time: Duration) -> Self {
            self.core.time = Some(time);
            self
        }

        /// Sends no more requests once `stop` is set, and fails with [`Error::Stopped`]. An
        /// interruption by `stop` ends the questions that have begun before it in the same way.
        ///
        /// ```
        /// # use asg_cc_client::{CloudController, Token, TransportError};
        /// # use http::{Request, Response};
        /// # let canned = |request: Request<Vec<u8>>| {
        /// #     let body: &[u8] = match request.uri().path() {
        /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.test/v3"}}}"#,
        /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
        /// #     };
        /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
        /// # };
        /// let token = Token::new("sesame")?;
        /// let cc = CloudController::new(canned, "https://cf.test", token)?;
        /// let stop = asg_cc_client::Stop::new();
        /// let cc = cc.with_stop(stop.clone());
        /// stop.stop();
        /// let stopped = cc.resolve(&[asg_core::Guid::from_u128(7)]);
        /// assert!(matches!(stopped, Err(asg_cc_client::Error::Stopped)));
        /// # Ok::<(), asg_cc_client::Error>(())
        /// ```
        #[must_use]
        pub fn with_stop(mut self, stop: Stop) -> Self {
            self.core.stop = stop;
            self
        }

        /// Takes the time from this clock, to renew tokens in time.
        #[must_use]
        pub fn with_clock(mut self, clock: Clock) -> Self {
            self.core.clock = clock;
            self
        }
    };
}
use settings;
