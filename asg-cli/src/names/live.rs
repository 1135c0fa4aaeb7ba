//! A live Cloud Controller: how it is connected, and what it is doing.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asg_cc_client::client::{ApiVersion, Saved};
use asg_cc_client::retry::Notice;
use asg_cc_client::{
    Cached, CloudController, Credentials, Error, HttpOptions, HttpTransport, Policy, Retrying,
    Stop, Transport,
};
use asg_core::policy::Snapshot;
use asg_core::{Guid, Identity};

/// How a Cloud Controller is asked.
///
/// ```
/// use asg_cli::names::Settings;
///
/// let settings = Settings::default();
/// assert_eq!((settings.deadline.as_secs(), settings.budget, settings.logins), (300, 20_000, 30));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Certificates and time-outs of single requests.
    pub http: HttpOptions,
    /// The longest time for one question with all its requests and pauses. Five minutes.
    pub deadline: Duration,
    /// Requests in an hour, repetitions included. 20,000.
    pub budget: u64,
    /// Requests for tokens in an hour. 30.
    pub logins: u64,
    /// The API to speak; the root document decides if `None`.
    pub version: Option<ApiVersion>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: HttpOptions::default(),
            deadline: Duration::from_secs(300),
            budget: 20_000,
            logins: 30,
            version: None,
        }
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

type Wire = Box<dyn Transport + Send + Sync>;

/// A live Cloud Controller that remembers its answers.
pub struct Live {
    cached: Cached<CloudController<Wire>>,
    stop: Stop,
    activity: Arc<Mutex<Activity>>,
}

/// Counts requests, and keeps the last trouble.
#[derive(Debug, Default)]
struct Activity {
    requests: u64,
    /// The last request was a login.
    is_login: bool,
    /// Why the last request is made again.
    trouble: Option<String>,
}

impl Activity {
    fn note(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Sending { method, .. } => {
                self.requests += 1;
                self.is_login = method.as_str() == "POST";
            }
            Notice::Answered { status: 429, .. } => {
                self.trouble = Some("it asks for fewer requests".into());
            }
            Notice::Answered { status: status @ 500.., .. } => {
                self.trouble = Some(format!("it answered with HTTP {status}"));
            }
            Notice::Answered { .. } => self.trouble = None,
            Notice::Lost { .. } => self.trouble = Some("no whole answer came".into()),
            _ => {}
        }
    }
}

impl Live {
    /// Connects nothing yet; the first question does.
    ///
    /// # Errors
    ///
    /// If the URL or the certificates cannot be used.
    pub fn connect(
        url: &str,
        credentials: Credentials,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let (stop, activity) = (Stop::new(), Arc::<Mutex<Activity>>::default());
        let policy = Policy {
            budget: Some(settings.budget),
            logins: Some(settings.logins),
            renewed_every: Some(HOUR),
            ..Policy::default()
        };
        let watched = Arc::clone(&activity);
        let transport = Retrying::new(HttpTransport::with_options(&settings.http)?)
            .with_policy(policy)
            .with_observer(move |notice| {
                watched.lock().unwrap_or_else(PoisonError::into_inner).note(notice);
            })
            .with_stop(&stop);
        let wire: Wire = Box::new(transport);
        let mut cc = CloudController::new(wire, url, credentials)?
            .with_deadline(settings.deadline)
            .with_history()
            .with_stop(stop.clone());
        if let Some(version) = settings.version {
            cc = cc.with_version(version);
        }
        Ok(Self { cached: Cached::new(cc), stop, activity })
    }

    /// Looks up these GUIDs.
    ///
    /// # Errors
    ///
    /// If the Cloud Controller does not answer.
    pub fn resolve(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.cached.resolve(guids)
    }

    /// Saves everything that names and policies need: see [`CloudController::save`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn save(&self, folder: &Path) -> Result<Saved, Error> {
        self.cached.get_ref().save(folder)
    }

    /// Returns all security groups, as of now.
    ///
    /// # Errors
    ///
    /// If the Cloud Controller does not answer.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        self.cached.get_ref().security_groups()
    }

    /// Ends the questions that are being asked. Later ones are asked as usual.
    pub fn interrupt(&self) {
        self.stop.interrupt();
    }

    /// Returns a sentence about what is waited for.
    pub(crate) fn doing(&self) -> String {
        let Activity { requests, is_login, trouble } =
            &*self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = match requests {
            1 => "1 request so far".into(),
            n => format!("{n} requests so far"),
        };
        let whom = if *is_login { "the UAA" } else { "the Cloud Controller" };
        match trouble {
            Some(trouble) => format!("waiting for {whom}: {trouble}; {so_far}"),
            None => format!("waiting for {whom}: {so_far}"),
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}
