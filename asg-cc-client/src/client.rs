//! A live Cloud Controller as a directory.

use std::collections::HashSet;
use std::sync::OnceLock;

use asg_core::{Guid, Identity};

use crate::api::{Address, Body, Call, Page, Root, v2, v3};
use crate::resolve;
use crate::text::distinct;
use crate::{Directory, Error, Reach, Token, Transport};

/// A list of more pages than this has no end: 2 million apps at 200 a page.
const MOST_PAGES: usize = 10_000;

/// Which API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiVersion {
    /// For foundations that have nothing else. It finds apps by their own GUIDs only.
    V2,
    /// Finds everything.
    V3,
}

/// A live Cloud Controller, over any [`Transport`].
///
/// It asks the root document which API there is, and prefers v3. What it asks for ids, at 200 a request:
///
/// 1. apps, with their spaces and orgs;
/// 2. for what is no app's GUID: processes, then tasks and builds, and their apps;
/// 3. for what is still open: delete requests among the audit events;
/// 4. for what is still open: deployments, by the processes that they made, and audit events of deleted processes. Both
///    must be searched page by page, so there is a limit: [`CloudController::with_search_pages`].
///
/// What is not found is [`Unknown`] if the token reads globally, and [`Hidden`] if it says that it does not. A token
/// that cannot be read ([`Reach::Opaque`]) leaves it [`Unknown`], since nothing says that there is more to see.
///
/// [`Unknown`]: asg_core::AppState::Unknown
/// [`Hidden`]: asg_core::AppState::Hidden
///
/// # Example
///
/// ```
/// # #[cfg(all(feature = "embedded", feature = "ureq"))] {
/// use asg_cc_client::embedded::{Foundation, Server};
/// use asg_cc_client::{CloudController, Directory, HttpTransport, Token};
///
/// let server = Server::start(
///     Foundation::new()
///         .org("2c279d6c-6f15-4cc0-99ed-72ef76ec50eb", "o")
///         .space("c65add41-d85b-4823-9e2a-545a5e0e5812", "s", "2c279d6c-6f15-4cc0-99ed-72ef76ec50eb")
///         .app("4ccbb24c-268e-421a-9d1b-3678b6eb40d0", "proxy", "c65add41-d85b-4823-9e2a-545a5e0e5812")
///         .token("sesame"),
/// )?;
/// let cc = CloudController::new(HttpTransport::new()?, &server.url(), Token::new("sesame")?)?;
/// let found = cc.resolve(&["4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?])?;
/// assert_eq!(found[0].path().as_deref(), Some("o/s/proxy"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CloudController<T> {
    transport: T,
    address: Address,
    token: Token,
    version: OnceLock<ApiVersion>,
    search_pages: usize,
}

impl<T: Transport> CloudController<T> {
    /// The Cloud Controller at `url`, as `cf api` prints it; nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`Error::Address`].
    pub fn new(transport: T, url: &str, token: Token) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        Ok(Self { transport, address, token, version: OnceLock::new(), search_pages: 10 })
    }

    /// Speaks this API, whatever the root document says.
    #[must_use]
    pub fn with_version(self, version: ApiVersion) -> Self {
        Self { version: OnceLock::from(version), ..self }
    }

    /// Reads at most so many pages (of 1000) of deployments, and as many of events, to find processes that are gone. The
    /// default is 10; 0 switches the search off.
    #[must_use]
    pub fn with_search_pages(self, pages: usize) -> Self {
        Self { search_pages: pages, ..self }
    }

    /// The API that is spoken; asks for the root document the first time.
    ///
    /// # Errors
    ///
    /// If nothing there is a Cloud Controller.
    pub fn version(&self) -> Result<ApiVersion, Error> {
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let version = self.discover()?;
        Ok(*self.version.get_or_init(|| version))
    }

    /// Makes one call: see [`api`](crate::api).
    ///
    /// # Errors
    ///
    /// As [`Call::read`], or if no answer came.
    pub fn call<B: Body>(&self, call: &Call<B>) -> Result<B, Error> {
        self.send(call, Some(&self.token))
    }

    /// Makes these calls, and those for the pages that follow.
    pub(crate) fn each<R: Body>(
        &self,
        calls: Vec<Call<Page<R>>>,
        mut add: impl FnMut(Page<R>),
    ) -> Result<(), Error> {
        for mut call in calls {
            for pages in 0.. {
                let page = self.call(&call)?;
                let next = call.next(&page)?;
                add(page);
                match next {
                    Some(_) if pages == MOST_PAGES => {
                        let why = "its list of pages does not end";
                        return Err(Error::Unreadable { request: call.target(), why });
                    }
                    Some(next) => call = next,
                    None => break,
                }
            }
        }
        Ok(())
    }

    pub(crate) const fn search_pages(&self) -> usize {
        self.search_pages
    }

    fn discover(&self) -> Result<ApiVersion, Error> {
        // The root needs no token, so until it is known to be a Cloud Controller it gets none.
        match self.send(&v3::root(), None) {
            Ok(Root { v3: true, .. }) => Ok(ApiVersion::V3),
            Ok(Root { v2: true, .. }) => Ok(ApiVersion::V2),
            // Before 2017 there was no root document, and only v2 was complete.
            Err(Error::NoSuchEndpoint) => match self.send(&v2::info(), None)?.api_version {
                Some(_) => Ok(ApiVersion::V2),
                None => Err(Error::V2Disabled),
            },
            // JSON of something else, or a root without either API.
            Ok(_) | Err(Error::Unreadable { .. }) => Err(Error::NotCloudController { status: 200 }),
            Err(e) => Err(e),
        }
    }

    fn send<B: Body>(&self, call: &Call<B>, token: Option<&Token>) -> Result<B, Error> {
        let read = || call.read(&self.transport.send(call.request(&self.address, token))?);
        read().map_err(|e| e.scrubbed(self.token.secret()))
    }

    fn missing(&self) -> Identity {
        match self.token.reach() {
            Reach::Limited => Identity::hidden(),
            Reach::Global | Reach::Opaque => Identity::unknown(),
        }
    }
}

impl<T: Transport> Directory for CloudController<T> {
    fn resolve(&self, ids: &[Guid]) -> Result<Vec<Identity>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let unique = distinct(texts.iter().cloned());
        let (known, hidden) = match self.version()? {
            ApiVersion::V3 => (resolve::v3::gather(self, &unique)?, HashSet::new()),
            ApiVersion::V2 => resolve::v2::gather(self, &unique)?,
        };
        let one = |id: &String| match known.identify(id) {
            Some(identity) => identity,
            None if hidden.contains(id) => Identity::hidden(),
            None => self.missing(),
        };
        Ok(texts.iter().map(one).collect())
    }
}

#[cfg(feature = "ureq")]
impl CloudController<crate::HttpTransport> {
    /// The Cloud Controller that the cf CLI is logged in to, over [`HttpTransport`](crate::HttpTransport).
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
    /// If the target is no URL.
    pub fn from_cf_config(config: &crate::CfConfig) -> Result<Self, Error> {
        let options = crate::HttpOptions {
            skip_tls_verification: config.ssl_disabled,
            ..crate::HttpOptions::default()
        };
        let transport = crate::HttpTransport::with_options(&options)?;
        Self::new(transport, &config.target, config.token.clone())
    }
}
