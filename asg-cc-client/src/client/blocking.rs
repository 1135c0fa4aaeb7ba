//! The blocking driver.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use asg_core::policy::Snapshot;
use asg_core::{Directory, Guid, Identity};
use http::Response;

use super::discovery::Discovery;
use super::exchange::{Build, Deadline, Exchange, Need};
use super::{ApiVersion, Core, MOST_LANES, Resolution, settings};
use crate::api::{Body, Call, v3};
use crate::auth::Credentials;
use crate::clock::Clock;
use crate::error::Error;
use crate::export::Export;
use crate::resolve::plan::{Found, Plan};
use crate::resolve::query::{Learned, Query};
use crate::save::{Saved, Saving};
use crate::stop::Stop;
use crate::token::Reach;
use crate::transport::Transport;

/// A live Cloud Controller, over any [`Transport`].
///
/// It reads the available APIs from the root document, and prefers v3. For each set of ids it asks,
/// at 200 a request:
///
/// 1. for apps, with their spaces and orgs;
/// 2. for ids that are not apps: for processes, then tasks and builds, and their apps (if most of
///    the first 200 ids are not apps, processes come first for the others);
/// 3. for ids that are still open: for delete requests among the audit events;
/// 4. for ids that are still open: for deployments, by the processes that they made, and audit
///    events of deleted processes. Both must be searched page by page, so there is a limit:
///    [`CloudController::with_search_pages`].
///
/// An id that is not found is [`Unknown`] if the token reads globally, and [`Hidden`] if its scopes
/// show that it does not. With an opaque token ([`Reach::Opaque`](crate::auth::Reach::Opaque)) it
/// is [`Unknown`], because nothing shows that more could be seen.
///
/// It makes each request once. Wrap the transport in [`Retrying`](crate::Retrying) to try again.
///
/// [`Unknown`]: asg_core::names::AppState::Unknown
/// [`Hidden`]: asg_core::names::AppState::Hidden
///
/// # Example
///
/// ```
/// use asg_cc_client::client::ApiVersion;
/// use asg_cc_client::{CloudController, Token, TransportError};
/// use http::{Request, Response};
///
/// let root = br#"{"links":{"cloud_controller_v3":{"href":"https://api.example.org/v3"}}}"#;
/// let canned = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(root.to_vec()));
/// let cc = CloudController::new(canned, "https://api.example.org", Token::new("sesame")?)?;
/// assert_eq!(cc.version()?, ApiVersion::V3);
/// # Ok::<(), asg_cc_client::Error>(())
/// ```
pub struct CloudController<T> {
    transport: T,
    core: Core,
    round: Round<T>,
}

/// Asks several questions: one after another, or with threads if the transport can be shared.
type Round<T> = fn(&CloudController<T>, Vec<Query>, Deadline) -> Vec<Answered>;
type Answered = (Query, Result<Learned, Error>);

impl<T: Transport> CloudController<T> {
    /// Creates a client for the Cloud Controller at `url`, as `cf api` prints it; sends no request
    /// yet.
    ///
    /// # Errors
    ///
    /// [`Error::Address`].
    ///
    /// ```
    /// # use asg_cc_client::{CloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// let cc = CloudController::new(canned, "https://cf.example", token)?;
    /// assert!(CloudController::new(cc.get_ref(), "no address", Token::new("sesame")?).is_err());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn new(
        transport: T,
        url: &str,
        credentials: impl Into<Credentials>,
    ) -> Result<Self, Error> {
        Ok(Self { transport, core: Core::new(url, credentials.into())?, round: Self::in_turn })
    }

    settings!();

    /// Makes up to this many requests at a time, and at most 8. One by default.
    ///
    /// ```
    /// # use asg_cc_client::{CloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// let cc = CloudController::new(canned, "https://cf.example", token)?;
    /// assert_eq!(cc.with_concurrency(4).version()?, asg_cc_client::client::ApiVersion::V3);
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[must_use]
    pub fn with_concurrency(mut self, requests: usize) -> Self
    where
        T: Sync,
    {
        self.core.lanes = requests.clamp(1, MOST_LANES);
        self.round = Self::in_lanes;
        self
    }

    /// Returns the transport.
    pub const fn get_ref(&self) -> &T {
        &self.transport
    }

    /// Returns the API in use; asks for the root document the first time.
    ///
    /// # Errors
    ///
    /// If the server is not a Cloud Controller.
    ///
    /// ```
    /// # use asg_cc_client::{CloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// let cc = CloudController::new(canned, "https://cf.example", token)?;
    /// assert_eq!(cc.version()?, asg_cc_client::client::ApiVersion::V3);
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "discovery sets it or fails")]
    pub fn version(&self) -> Result<ApiVersion, Error> {
        self.know(self.core.deadline())?;
        Ok(*self.core.version.get().expect("discovery sets it or fails"))
    }

    /// Makes one call: see [`api`](crate::api).
    ///
    /// # Errors
    ///
    /// Like [`Call::parse`], or if no answer came.
    ///
    /// ```
    /// # use asg_cc_client::{CloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// let cc = CloudController::new(canned, "https://cf.example", token)?;
    /// let page = cc.call(&asg_cc_client::api::v3::all_apps())?;
    /// assert!(page.resources.is_empty());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn call<B: Body>(&self, call: &Call<B>) -> Result<B, Error> {
        let deadline = self.core.deadline();
        if self.core.needs_uaa() {
            self.discover(deadline)?;
        }
        let address = &self.core.address;
        let build = |header| call.request_with(address, header);
        let response = self.exchange(&build, deadline)?;
        call.parse(&response).map_err(|e| self.core.scrub(e))
    }

    /// Looks up these GUIDs; each of them is in the answer.
    ///
    /// # Errors
    ///
    /// If the Cloud Controller does not answer. Then nothing is known about any of them.
    ///
    /// ```
    /// # use asg_cc_client::{CloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// let cc = CloudController::new(canned, "https://cf.example", token)?;
    /// let seven = asg_core::Guid::from_u128(7);
    /// let found = cc.resolve(&[seven])?;
    /// assert!(found[&seven].app.is_none(), "no list has it");
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn resolve(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        let found = self.resolve_in_full(guids)?;
        Ok(found.into_iter().map(|(guid, found)| (guid, found.identity)).collect())
    }

    /// Looks up these GUIDs, and returns the provenance of each identity, too.
    ///
    /// # Errors
    ///
    /// Like [`resolve`](Self::resolve).
    ///
    /// ```
    /// # use asg_cc_client::{CloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// let cc = CloudController::new(canned, "https://cf.example", token)?;
    /// let seven = asg_core::Guid::from_u128(7);
    /// let found = cc.resolve_in_full(&[seven])?;
    /// assert!(found[&seven].identity.app.is_none(), "no list has it");
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn resolve_in_full(&self, guids: &[Guid]) -> Result<HashMap<Guid, Resolution>, Error> {
        self.look_up(guids)
    }

    /// Loads everything that exists, 5000 apps a request (100 with v2): a directory without
    /// network, for programs that look up most of a foundation. It does not contain apps that are
    /// pushed later: see [`Layered`](crate::Layered).
    ///
    /// # Errors
    ///
    /// Like [`resolve`](Self::resolve).
    ///
    /// ```
    /// # use asg_cc_client::{CloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// let cc = CloudController::new(canned, "https://cf.example", token)?;
    /// assert!(cc.preload()?.security_groups().is_empty());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn preload(&self) -> Result<Export, Error> {
        let deadline = self.core.deadline();
        self.know(deadline)?;
        let found = self.run(self.core.plan_for_all(), deadline)?;
        Ok(Export::from(found.known))
    }

    /// Saves everything that names and policies need into a folder, all pages of it, for
    /// [`Export::add_path`]: apps, processes, tasks, builds, deployments, spaces, orgs, security
    /// groups with their bindings, and audit events. The answers are saved unchanged, and a file
    /// `about-this-export.json` has the time at which the export began.
    ///
    /// A missing folder is created. If it contains an interrupted export, that is continued; any
    /// other content is refused. A deadline is for each page.
    ///
    /// # Errors
    ///
    /// Like [`resolve`](Self::resolve); [`Error::Export`] if the folder cannot be used.
    ///
    /// ```
    /// # use asg_cc_client::{CloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// let cc = CloudController::new(canned, "https://cf.example", token)?;
    /// let folder = tempfile::tempdir()?;
    /// cc.save(&folder.path().join("saved"))?;
    /// let mut export = asg_cc_client::Export::new();
    /// export.add_path(&folder.path().join("saved"))?;
    /// assert!(export.taken_at().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, folder: &Path) -> Result<Saved, Error> {
        if self.version()? == ApiVersion::V2 {
            return Err(Error::NoSuchEndpoint);
        }
        let (address, clock) = (&self.core.address, &self.core.clock);
        let mut saving = Saving::open(folder, address.to_string(), clock.now())?;
        while let Some(call) = saving.next() {
            let build = |header| call.request_with(address, header);
            let response = self.exchange(&build, self.core.deadline())?;
            saving.answer(&response).map_err(|e| self.core.scrub(e))?;
        }
        saving.finish(clock.now(), self.core.credentials.reach())
    }

    /// Returns all security groups with their bindings, in Cloud Controller's order, as of now: the
    /// input of [`Policy`](asg_core::policy::Policy).
    ///
    /// It is complete if the token reads globally, and no group came or went meanwhile. A deadline
    /// is for each page.
    ///
    /// ```
    /// use asg_cc_client::{CloudController, Token, TransportError};
    /// use http::{Request, Response};
    ///
    /// let canned = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
    ///     let body: &[u8] = match request.uri().path() {
    ///         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://api.example.org/v3"}}}"#,
    ///         _ => br#"{"pagination":{"total_results":1,"next":null},"resources":[{
    ///             "guid":"b85a788e-671f-4549-814d-e34cdb2f539a","name":"db","rules":[],
    ///             "globally_enabled":{"running":true,"staging":false}}]}"#,
    ///     };
    ///     Ok(Response::new(body.to_vec()))
    /// };
    /// let cc = CloudController::new(canned, "https://api.example.org", Token::new("sesame")?)?;
    /// let snapshot = cc.security_groups()?;
    /// assert_eq!(snapshot.groups[0].name, "db");
    /// assert!(!snapshot.complete, "the token does not show how far it reaches");
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`resolve`](Self::resolve); [`Error::NoSuchEndpoint`] with v2.
    pub fn security_groups(&self) -> Result<Snapshot, Error> {
        if self.version()? == ApiVersion::V2 {
            return Err(Error::NoSuchEndpoint);
        }
        let (address, taken_at) = (&self.core.address, self.core.clock.now());
        let mut pages = Vec::new();
        let mut next = Some(v3::group_pages());
        while let Some(call) = next {
            let build = |header| call.request_with(address, header);
            let response = self.exchange(&build, self.core.deadline())?;
            let page = call.parse(&response).map_err(|e| self.core.scrub(e))?;
            pages.extend_from_slice(response.body());
            pages.push(b'\n');
            next = call.next(&page)?;
        }
        let malformed = |error: asg_core::Error| Error::Export(format!("security groups: {error}"));
        let mut snapshots = Snapshot::parse(&pages, Some(taken_at)).map_err(malformed)?;
        let mut snapshot = snapshots.pop().ok_or(Error::NoSuchEndpoint)?;
        snapshot.assumed = false;
        snapshot.complete &= self.core.credentials.reach() == Reach::Global;
        Ok(snapshot)
    }

    fn look_up(&self, guids: &[Guid]) -> Result<HashMap<Guid, Resolution>, Error> {
        if guids.is_empty() {
            return Ok(HashMap::new());
        }
        let deadline = self.core.deadline();
        self.know(deadline)?;
        let found = self.run(self.core.plan(guids), deadline)?;
        Ok(self.core.resolutions(guids, found))
    }

    /// Finds out the facts that a plan needs.
    fn know(&self, deadline: Deadline) -> Result<(), Error> {
        if self.core.needs_discovery() { self.discover(deadline) } else { Ok(()) }
    }

    fn discover(&self, deadline: Deadline) -> Result<(), Error> {
        let mut question = Discovery::Root;
        let ask = |question: Discovery| {
            let request = question.request(&self.core.address);
            let response = self.transport.send(self.core.in_time(request, deadline)?)?;
            question.parse(&response)
        };
        loop {
            match ask(question).map_err(|e| self.core.scrub(e))? {
                Ok(root) => return self.core.discovered(&root),
                Err(next) => question = next,
            }
        }
    }

    fn run(&self, mut plan: Plan, deadline: Deadline) -> Result<Found, Error> {
        loop {
            let queries = plan.questions();
            if queries.is_empty() {
                return Ok(plan.finish());
            }
            for (query, answer) in (self.round)(self, queries, deadline) {
                plan.answer(query, answer)?;
            }
        }
    }

    fn in_turn(&self, queries: Vec<Query>, deadline: Deadline) -> Vec<Answered> {
        let mut answered = Vec::new();
        for query in queries {
            let answer = self.ask(&query, deadline);
            let failed = answer.as_ref().is_err_and(|e| !e.is_answer());
            answered.push((query, answer));
            if failed {
                break;
            }
        }
        answered
    }

    fn in_lanes(&self, queries: Vec<Query>, deadline: Deadline) -> Vec<Answered>
    where
        T: Sync,
    {
        let lanes = self.core.lanes.min(queries.len());
        if lanes < 2 {
            return self.in_turn(queries, deadline);
        }
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let slots: Vec<Mutex<Option<Result<Learned, Error>>>> =
            queries.iter().map(|_| Mutex::default()).collect();
        let work = || {
            while !failed.load(Ordering::Relaxed) {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(query) = queries.get(n) else { break };
                let answer = self.ask(query, deadline);
                if answer.as_ref().is_err_and(|e| !e.is_answer()) {
                    failed.store(true, Ordering::Relaxed);
                }
                *slots[n].lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            }
        };
        thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(work);
            }
        });
        let answers =
            slots.into_iter().map(|s| s.into_inner().unwrap_or_else(PoisonError::into_inner));
        queries.into_iter().zip(answers).filter_map(|(query, a)| Some((query, a?))).collect()
    }

    fn ask(&self, query: &Query, deadline: Deadline) -> Result<Learned, Error> {
        let address = &self.core.address;
        let build = |header| query.ask.request(address, header);
        let response = self.exchange(&build, deadline)?;
        query.ask.parse(&response).map_err(|e| self.core.scrub(e))
    }

    fn exchange(&self, build: Build<'_>, deadline: Deadline) -> Result<Response<Vec<u8>>, Error> {
        let mut exchange = Exchange::new(&self.core, build, deadline);
        loop {
            match exchange.next() {
                Need::Send(request) => exchange.answer(self.transport.send(request)),
                Need::Wait(session) => session.wait(),
                Need::Done(result) => return result.map_err(|e| self.core.scrub(e)),
            }
        }
    }
}

impl<T: Transport> Directory for CloudController<T> {
    type Error = Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.resolve(guids)
    }
}

impl<T: Transport> Directory for &CloudController<T> {
    type Error = Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.resolve(guids)
    }
}

impl<T: fmt::Debug> fmt::Debug for CloudController<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudController")
            .field("transport", &self.transport)
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "ureq")]
impl CloudController<crate::adapter::HttpTransport> {
    /// Creates a client for the Cloud Controller that the cf CLI is logged in to, over
    /// [`HttpTransport`](crate::HttpTransport).
    ///
    /// ```no_run
    /// use asg_cc_client::{CfConfig, CloudController};
    ///
    /// let cc = CloudController::from_cf_config(&CfConfig::load(&CfConfig::default_path()?)?)?;
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the target is not a URL, or the access token is missing.
    pub fn from_cf_config(config: &crate::auth::CfConfig) -> Result<Self, Error> {
        let options = crate::adapter::HttpOptions {
            skip_tls_verification: config.ssl_disabled,
            ..crate::adapter::HttpOptions::default()
        };
        let transport = crate::adapter::HttpTransport::with_options(&options)?;
        let token = config.token.clone().ok_or(Error::NotLoggedIn)?;
        Self::new(transport, &config.target, token)
    }
}
