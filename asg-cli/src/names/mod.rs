//! Names of apps: the directory that a reading asks, and how it asks.

mod live;
mod options;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use asg_cc_client::client::Saved;
use asg_cc_client::{Credentials, Error, Export};
use asg_core::policy::Snapshot;
use asg_core::{Directory, Guid, Identity};

use crate::error::Error as ReadError;
use crate::monitor::{Monitor, PERIOD};

pub use live::{Live, Settings};
pub use options::{Options, is_saved_page};

/// The time of waiting before the first word on standard error.
const SILENCE: Duration = Duration::from_secs(2);
/// The time between two such words.
const AGAIN: Duration = Duration::from_secs(30);

/// A directory as readings ask it: shared by threads, and free to fail with a callback's error.
pub trait Names: fmt::Debug + Send + Sync {
    /// Returns the identities of these GUIDs. A GUID without an answer was not asked about, and may
    /// be asked again.
    ///
    /// # Errors
    ///
    /// If the directory cannot answer.
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, ReadError>;
}

/// A [`Names`] as the correlation's directory.
#[derive(Debug, Clone, Copy)]
pub struct AsDirectory<'n>(pub &'n dyn Names);

impl Directory for AsDirectory<'_> {
    type Error = ReadError;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, ReadError> {
        self.0.identities(guids)
    }
}

/// Asks a directory in a thread of its own, so that a run can end while an answer is outstanding.
pub struct Asked {
    directory: Arc<Shared>,
    monitor: Arc<dyn Monitor>,
    /// Whether the first message about waiting was printed.
    is_told: AtomicBool,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

impl Asked {
    /// Asks this directory.
    #[must_use]
    pub fn new(directory: Arc<Shared>, monitor: Arc<dyn Monitor>) -> Self {
        Self { directory, monitor, is_told: AtomicBool::new(false) }
    }

    /// Saves everything that names and policies need: see [`CloudController::save`].
    ///
    /// [`CloudController::save`]: asg_cc_client::CloudController::save
    ///
    /// # Errors
    ///
    /// If the directory is not a live Cloud Controller or does not answer, if the folder cannot be
    /// used, or if the monitor ends the run.
    pub fn save(&self, folder: PathBuf) -> Result<Saved, ReadError> {
        let save = move |directory: &Shared| directory.save(&folder);
        Ok(supervised(&self.directory, &*self.monitor, &self.is_told, save)??)
    }
}

impl Names for Asked {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, ReadError> {
        let asked = guids.to_vec();
        let ask = move |directory: &Shared| directory.resolve(&asked);
        Ok(supervised(&self.directory, &*self.monitor, &self.is_told, ask)??)
    }
}

/// A live Cloud Controller that cannot be asked yet, because nobody is logged in or a file is
/// missing. Each question tries again until it can.
pub struct Late {
    options: Options,
    monitor: Arc<dyn Monitor>,
    asked: OnceLock<Asked>,
}

impl Late {
    /// Creates the directory of these options' Cloud Controller.
    #[must_use]
    pub const fn new(options: Options, monitor: Arc<dyn Monitor>) -> Self {
        Self { options, monitor, asked: OnceLock::new() }
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Late").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Names for Late {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, ReadError> {
        if let Some(asked) = self.asked.get() {
            return asked.identities(guids);
        }
        let directory = self.options.live().map_err(ReadError::Directory)?;
        let open = || Asked::new(directory, Arc::clone(&self.monitor));
        self.asked.get_or_init(open).identities(guids)
    }
}

/// Asks in a thread of its own. Ends the question if the monitor ends the run, and prints to
/// standard error why an answer takes long.
fn supervised<T: Send + 'static>(
    directory: &Arc<Shared>,
    monitor: &dyn Monitor,
    is_told: &AtomicBool,
    ask: impl FnOnce(&Shared) -> T + Send + 'static,
) -> Result<T, ReadError> {
    let (answer, answered) = mpsc::channel();
    let asked = Arc::clone(directory);
    thread::spawn(move || drop(answer.send(ask(&asked))));
    let first = if is_told.load(Ordering::Relaxed) { AGAIN } else { SILENCE };
    let mut next = Instant::now() + first;
    loop {
        match answered.recv_timeout(PERIOD) {
            Ok(answer) => return Ok(answer),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                monitor.check().inspect_err(|_| directory.interrupt())?;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(ReadError::Directory("the directory broke off".into()));
            }
        }
        if Instant::now() >= next {
            is_told.store(true, Ordering::Relaxed);
            monitor.waiting(&directory.doing());
            next += AGAIN;
        }
    }
}

/// A directory that threads may share.
#[derive(Debug)]
pub enum Shared {
    /// A live Cloud Controller.
    Live(Box<Live>),
    /// Saved pages of one.
    Saved(Box<Export>),
}

impl Shared {
    /// Creates a directory of the Cloud Controller at `url`. It asks nothing yet.
    ///
    /// ```
    /// use asg_cli::names::{Settings, Shared};
    ///
    /// let token = asg_cc_client::Token::new("sesame")?;
    /// Shared::live("https://api.example.org", token, &Settings::default())?;
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the URL or the certificates cannot be used.
    pub fn live(
        url: &str,
        credentials: impl Into<Credentials>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        Ok(Self::Live(Box::new(Live::connect(url, credentials.into(), settings)?)))
    }

    /// Looks up these GUIDs.
    ///
    /// # Errors
    ///
    /// If the Cloud Controller does not answer.
    pub fn resolve(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        match self {
            Self::Live(live) => live.resolve(guids),
            Self::Saved(export) => Ok(export.resolve(guids)),
        }
    }

    /// Returns all security groups of the Cloud Controller, as of now; `None` for saved pages,
    /// which `--groups` takes as they are.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        match self {
            Self::Live(live) => live.snapshot().map(Some),
            Self::Saved(_) => Ok(None),
        }
    }

    fn save(&self, folder: &Path) -> Result<Saved, Error> {
        match self {
            Self::Live(live) => live.save(folder),
            Self::Saved(_) => Err(Error::Export("the directory is an export already".into())),
        }
    }

    /// Returns one sentence for each file of an export that could not be read, and for each list
    /// that lacks pages.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        match self {
            Self::Live(_) => Vec::new(),
            Self::Saved(export) => {
                let unread = export.unread().iter().map(ToString::to_string);
                unread.chain(export.gaps().iter().map(ToString::to_string)).collect()
            }
        }
    }

    /// Ends the questions that are being asked.
    pub fn interrupt(&self) {
        if let Self::Live(live) = self {
            live.interrupt();
        }
    }

    /// Returns a sentence about what is waited for.
    fn doing(&self) -> String {
        match self {
            Self::Live(live) => live.doing(),
            Self::Saved(_) => "waiting for the export".into(),
        }
    }
}

impl Directory for Shared {
    type Error = Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.resolve(guids)
    }
}
