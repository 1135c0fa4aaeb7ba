//! The asynchronous driver: the state machines of the blocking one, on any async runtime.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;

use asg_core::{Guid, Identity};
use http::Response;

use super::discovery::Discovery;
use super::exchange::{Build, Deadline, Exchange, Need};
use super::{ApiVersion, Core, MOST_LANES, Resolution, settings};
use crate::api::{Body, Call};
use crate::auth::Credentials;
use crate::clock::Clock;
use crate::error::Error;
use crate::export::Export;
use crate::resolve::plan::{Found, Plan};
use crate::resolve::query::{Learned, Query};
use crate::save::{Saved, Saving};
use crate::stop::Stop;
use crate::transport::AsyncTransport;

/// A live Cloud Controller, over any [`AsyncTransport`]: the asynchronous twin of
/// [`CloudController`](crate::CloudController), with equal answers.
///
/// # Example
///
/// ```
/// use asg_cc_client::client::ApiVersion;
/// use asg_cc_client::{AsyncCloudController, Token, TransportError};
/// use http::{Request, Response};
///
/// // Any function that gives a future will do; `AsyncHttpTransport` (feature `reqwest`) is the usual one.
/// let canned = |_: Request<Vec<u8>>| {
///     let root = br#"{"links":{"cloud_controller_v3":{"href":"https://api.example.org/v3"}}}"#;
///     std::future::ready(Ok::<_, TransportError>(Response::new(root.to_vec())))
/// };
/// let cc = AsyncCloudController::new(canned, "https://api.example.org", Token::new("sesame")?)?;
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// assert_eq!(cc.version().await?, ApiVersion::V3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A correlator and a follower ask synchronously and do not wait. [`asg_core::names::Deferred`] is
/// the directory between them and this client:
///
/// ```
/// use asg_cc_client::{AsyncCloudController, Token, TransportError};
/// use asg_core::names::{AppState, Deferred};
/// use asg_core::{Directory, Guid};
/// use http::{Request, Response};
///
/// let canned = |request: Request<Vec<u8>>| {
///     let body: &[u8] = match request.uri().path() {
///         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://api.example.org/v3"}}}"#,
///         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
///     };
///     std::future::ready(Ok::<_, TransportError>(Response::new(body.to_vec())))
/// };
/// let cc = AsyncCloudController::new(canned, "https://api.example.org", Token::new("sesame")?)?;
/// let (mut directory, seven) = (Deferred::new(), Guid::from_u128(7));
/// assert!(directory.identities(&[seven]).is_err());
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let asked = directory.questions();
/// directory.answer(&asked, cc.resolve(&asked).await);
/// # });
/// assert_eq!(directory.identities(&[seven])?[&seven].state, AppState::Unavailable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AsyncCloudController<T> {
    transport: T,
    core: Core,
}

impl<T: AsyncTransport + Sync> AsyncCloudController<T> {
    /// Creates a client for the Cloud Controller at `url`, as `cf api` prints it; sends no request
    /// yet.
    ///
    /// # Errors
    ///
    /// [`Error::Address`].
    ///
    /// ```
    /// # use asg_cc_client::{AsyncCloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// # let canned = move |request| std::future::ready(canned(request));
    /// let cc = AsyncCloudController::new(canned, "https://cf.example", token)?;
    /// let token = Token::new("sesame")?;
    /// assert!(AsyncCloudController::new(cc.get_ref(), "no address", token).is_err());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn new(
        transport: T,
        url: &str,
        credentials: impl Into<Credentials>,
    ) -> Result<Self, Error> {
        Ok(Self { transport, core: Core::new(url, credentials.into())? })
    }

    settings!();

    /// Makes up to this many requests at a time, and at most 8. One by default.
    ///
    /// ```
    /// # use asg_cc_client::{AsyncCloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// # let canned = move |request| std::future::ready(canned(request));
    /// let cc = AsyncCloudController::new(canned, "https://cf.example", token)?;
    /// let cc = cc.with_concurrency(4);
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// assert!(cc.version().await.is_ok());
    /// # });
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[must_use]
    pub fn with_concurrency(mut self, requests: usize) -> Self {
        self.core.lanes = requests.clamp(1, MOST_LANES);
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
    /// # use asg_cc_client::{AsyncCloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// # let canned = move |request| std::future::ready(canned(request));
    /// let cc = AsyncCloudController::new(canned, "https://cf.example", token)?;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// assert_eq!(cc.version().await, Ok(asg_cc_client::client::ApiVersion::V3));
    /// # });
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "discovery sets it or fails")]
    pub async fn version(&self) -> Result<ApiVersion, Error> {
        self.know(self.core.deadline()).await?;
        Ok(*self.core.version.get().expect("discovery sets it or fails"))
    }

    /// Makes one call: see [`api`](crate::api).
    ///
    /// # Errors
    ///
    /// Like [`Call::parse`], or if no answer came.
    pub async fn call<B: Body>(&self, call: &Call<B>) -> Result<B, Error> {
        let deadline = self.core.deadline();
        if self.core.needs_uaa() {
            self.discover(deadline).await?;
        }
        let address = &self.core.address;
        let build = |header| call.request_with(address, header);
        let response = self.exchange(&build, deadline).await?;
        call.parse(&response).map_err(|e| self.core.scrub(e))
    }

    /// Looks up these GUIDs; each of them is in the answer.
    ///
    /// # Errors
    ///
    /// If the Cloud Controller does not answer. Then nothing is known about any of them.
    ///
    /// ```
    /// # use asg_cc_client::{AsyncCloudController, Token, TransportError};
    /// # use http::{Request, Response};
    /// # let canned = |request: Request<Vec<u8>>| {
    /// #     let body: &[u8] = match request.uri().path() {
    /// #         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://cf.example/v3"}}}"#,
    /// #         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
    /// #     };
    /// #     Ok::<_, TransportError>(Response::new(body.to_vec()))
    /// # };
    /// let token = Token::new("sesame")?;
    /// # let canned = move |request| std::future::ready(canned(request));
    /// let cc = AsyncCloudController::new(canned, "https://cf.example", token)?;
    /// let seven = asg_core::Guid::from_u128(7);
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// assert!(cc.resolve(&[seven]).await.unwrap()[&seven].app.is_none(), "no list has it");
    /// # });
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub async fn resolve(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        let found = self.resolve_in_full(guids).await?;
        Ok(found.into_iter().map(|(guid, found)| (guid, found.identity)).collect())
    }

    /// Looks up these GUIDs, and returns the provenance of each identity, too.
    ///
    /// # Errors
    ///
    /// Like [`resolve`](Self::resolve).
    pub async fn resolve_in_full(
        &self,
        guids: &[Guid],
    ) -> Result<HashMap<Guid, Resolution>, Error> {
        self.look_up(guids).await
    }

    /// Loads everything that exists, like
    /// [`CloudController::preload`](crate::CloudController::preload).
    ///
    /// # Errors
    ///
    /// Like [`resolve`](Self::resolve).
    pub async fn preload(&self) -> Result<Export, Error> {
        let deadline = self.core.deadline();
        self.know(deadline).await?;
        let found = self.run(self.core.plan_for_all(), deadline).await?;
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
    pub async fn save(&self, folder: &Path) -> Result<Saved, Error> {
        if self.version().await? == ApiVersion::V2 {
            return Err(Error::NoSuchEndpoint);
        }
        let (address, clock) = (&self.core.address, &self.core.clock);
        let mut saving = Saving::open(folder, address.to_string(), clock.now())?;
        while let Some(call) = saving.next() {
            let build = |header| call.request_with(address, header);
            let response = self.exchange(&build, self.core.deadline()).await?;
            saving.answer(&response).map_err(|e| self.core.scrub(e))?;
        }
        saving.finish(clock.now(), self.core.credentials.reach())
    }

    async fn look_up(&self, guids: &[Guid]) -> Result<HashMap<Guid, Resolution>, Error> {
        if guids.is_empty() {
            return Ok(HashMap::new());
        }
        let deadline = self.core.deadline();
        self.know(deadline).await?;
        let found = self.run(self.core.plan(guids), deadline).await?;
        Ok(self.core.resolutions(guids, found))
    }

    /// Finds out the facts that a plan needs.
    async fn know(&self, deadline: Deadline) -> Result<(), Error> {
        if self.core.needs_discovery() { self.discover(deadline).await } else { Ok(()) }
    }

    async fn discover(&self, deadline: Deadline) -> Result<(), Error> {
        let mut question = Discovery::Root;
        loop {
            let request = self.core.in_time(question.request(&self.core.address), deadline)?;
            let sent = self.transport.send(request).await;
            let read = sent.map_err(Error::from).and_then(|response| question.parse(&response));
            match read.map_err(|e| self.core.scrub(e))? {
                Ok(root) => return self.core.discovered(&root),
                Err(next) => question = next,
            }
        }
    }

    async fn run(&self, mut plan: Plan, deadline: Deadline) -> Result<Found, Error> {
        loop {
            let queries = plan.questions();
            if queries.is_empty() {
                return Ok(plan.finish());
            }
            for (query, answer) in self.in_lanes(queries, deadline).await {
                plan.answer(query, answer)?;
            }
        }
    }

    /// Asks these questions, some at a time.
    async fn in_lanes(
        &self,
        queries: Vec<Query>,
        deadline: Deadline,
    ) -> Vec<(Query, Result<Learned, Error>)> {
        type Lane<'a> = Pin<Box<dyn Future<Output = (Query, Result<Learned, Error>)> + Send + 'a>>;
        let mut waiting = queries.into_iter();
        let mut lanes: Vec<Lane<'_>> = Vec::new();
        let mut answered = Vec::new();
        let mut failed = false;
        poll_fn(move |context| {
            loop {
                while lanes.len() < self.core.lanes && !failed {
                    let Some(query) = waiting.next() else { break };
                    lanes.push(Box::pin(async move {
                        let answer = self.ask(&query, deadline).await;
                        (query, answer)
                    }));
                }
                let before = lanes.len();
                lanes.retain_mut(|lane| match lane.as_mut().poll(context) {
                    Poll::Ready((query, answer)) => {
                        failed |= answer.as_ref().is_err_and(|e| !e.is_answer());
                        answered.push((query, answer));
                        false
                    }
                    Poll::Pending => true,
                });
                if lanes.is_empty() && (failed || waiting.len() == 0) {
                    return Poll::Ready(std::mem::take(&mut answered));
                }
                if lanes.len() == before {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    async fn ask(&self, query: &Query, deadline: Deadline) -> Result<Learned, Error> {
        let address = &self.core.address;
        let build = |header| query.ask.request(address, header);
        let response = self.exchange(&build, deadline).await?;
        query.ask.parse(&response).map_err(|e| self.core.scrub(e))
    }

    async fn exchange(
        &self,
        build: Build<'_>,
        deadline: Deadline,
    ) -> Result<Response<Vec<u8>>, Error> {
        let mut exchange = Exchange::new(&self.core, build, deadline);
        loop {
            match exchange.next() {
                Need::Send(request) => {
                    let result = self.transport.send(request).await;
                    exchange.answer(result);
                }
                Need::Wait(session) => poll_fn(|context| session.poll_wait(context)).await,
                Need::Done(result) => return result.map_err(|e| self.core.scrub(e)),
            }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for AsyncCloudController<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncCloudController")
            .field("transport", &self.transport)
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}
