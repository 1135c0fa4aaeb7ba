//! Names of apps: the options that choose a directory, and how a reading asks it.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use asg_cc_client::api::Address;
use asg_cc_client::{
    Cached, CfConfig, CloudController, Error, Export, HttpOptions, HttpTransport, Retrying, Token,
};
use asg_core::policy::Snapshot;
use asg_core::{Directory, Guid, Identity};

use crate::error::Error as ReadError;
use crate::monitor::{Monitor, PERIOD};
use crate::report::Failure;

/// A directory as readings ask it: shared by threads, and free to fail with a callback's error.
pub trait Names: fmt::Debug + Send + Sync {
    /// The identities of these GUIDs. A GUID without an answer is not asked, and may be asked
    /// again.
    ///
    /// # Errors
    ///
    /// If the directory cannot answer.
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, ReadError>;
}

/// The same directory, as the correlation asks it.
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
        Self { directory, monitor }
    }
}

impl Names for Asked {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, ReadError> {
        let (answer, answered) = mpsc::channel();
        let (directory, asked) = (Arc::clone(&self.directory), guids.to_vec());
        thread::spawn(move || drop(answer.send(directory.resolve(&asked))));
        loop {
            match answered.recv_timeout(PERIOD) {
                Ok(found) => return Ok(found?),
                Err(mpsc::RecvTimeoutError::Timeout) => self.monitor.check()?,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(ReadError::Directory("the directory broke off".into()));
                }
            }
        }
    }
}

/// A directory that threads may share.
#[derive(Debug)]
pub enum Shared {
    /// A live Cloud Controller.
    Live(Box<Cached<CloudController<Retrying<HttpTransport>>>>),
    /// Saved pages of one.
    Saved(Box<Export>),
}

impl Shared {
    /// A Cloud Controller behind this transport.
    ///
    /// # Errors
    ///
    /// If the URL is none.
    pub fn live(
        transport: Retrying<HttpTransport>,
        url: &str,
        token: Token,
    ) -> Result<Self, Error> {
        let cc = CloudController::new(transport, url, token)?;
        Ok(Self::Live(Box::new(Cached::new(cc))))
    }

    /// Looks up these GUIDs.
    ///
    /// # Errors
    ///
    /// If the Cloud Controller does not answer.
    pub fn resolve(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        match self {
            Self::Live(cc) => cc.resolve(guids),
            Self::Saved(export) => Ok(export.resolve(guids)),
        }
    }

    /// All security groups of the Cloud Controller, as of now; `None` for saved pages, which
    /// `--groups` takes as they are.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        match self {
            Self::Live(cc) => cc.get_ref().security_groups().map(Some),
            Self::Saved(_) => Ok(None),
        }
    }
}

impl Directory for Shared {
    type Error = Error;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.resolve(guids)
    }
}

/// The options about names.
#[derive(Debug, Default)]
pub struct Options {
    /// `--api`.
    pub api: Option<String>,
    /// `--cf`.
    pub cf: bool,
    /// `--token-file`.
    pub token_file: Option<PathBuf>,
    /// `--ca-cert`.
    pub ca_cert: Option<PathBuf>,
    /// `--skip-ssl-validation`.
    pub skip_ssl_validation: bool,
    /// `--cc-export`.
    pub exports: Vec<PathBuf>,
}

impl Options {
    /// Whether no directory is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.api.is_none() && !self.cf && self.exports.is_empty()
    }

    /// The directory that the options choose; `None` if they choose none. It was not asked yet.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] if the options contradict each other; else the reason why there will be
    /// no names.
    pub fn directory(&self) -> Result<Result<Option<Arc<Shared>>, String>, Failure> {
        let live = self.api.is_some() || self.cf;
        if live && !self.exports.is_empty() {
            let what = "names come from a live API or from --cc-export, not from both";
            return Err(Failure::Usage(what.into()));
        }
        if !live
            && (self.token_file.is_some() || self.ca_cert.is_some() || self.skip_ssl_validation)
        {
            let what = "--token-file, --ca-cert and --skip-ssl-validation go with --api or --cf";
            return Err(Failure::Usage(what.into()));
        }
        Ok(if live {
            self.live().map(Some)
        } else if self.exports.is_empty() {
            Ok(None)
        } else {
            self.export().map(Some)
        })
    }

    fn live(&self) -> Result<Arc<Shared>, String> {
        if let Some(url) = &self.api {
            // Before anything repeats it: there may be a password in it.
            Address::parse(url).map_err(sentence)?;
        }
        let config = || CfConfig::load(&CfConfig::default_path()?);
        let (url, token, skip) = match (&self.api, &self.token_file) {
            (Some(url), Some(file)) => (url.clone(), token(file)?, false),
            (None, Some(file)) => {
                let config = config().map_err(sentence)?;
                (config.target, token(file)?, config.ssl_disabled)
            }
            (None, None) => {
                let config = config().map_err(sentence)?;
                let token = config.token.ok_or(Error::NotLoggedIn).map_err(sentence)?;
                (config.target, token, config.ssl_disabled)
            }
            (Some(url), None) => {
                let config = config().map_err(sentence)?;
                let same = same_origin(url, &config.target);
                // A token is for one foundation. This machine itself may see it: that is how one
                // tries things out.
                if !same && !is_loopback(url) {
                    return Err(format!(
                        "the cf CLI is logged in to {}, and its token is not sent to {url}: log in there with \
                         `cf login -a {url}`, or give another token with --token-file",
                        config.target
                    ));
                }
                let token = config.token.ok_or(Error::NotLoggedIn).map_err(sentence)?;
                (url.clone(), token, same && config.ssl_disabled)
            }
        };
        let ca_pem = self.ca_cert.as_deref().map(fs::read).transpose();
        let ca_pem = ca_pem.map_err(|e| format!("the file of --ca-cert cannot be read: {e}"))?;
        let options = HttpOptions {
            skip_tls_verification: skip || self.skip_ssl_validation,
            ca_pem,
            ..HttpOptions::default()
        };
        let open = || -> Result<Arc<Shared>, Error> {
            let transport = Retrying::new(HttpTransport::with_options(&options)?);
            Ok(Arc::new(Shared::live(transport, &url, token)?))
        };
        open().map_err(sentence)
    }

    fn export(&self) -> Result<Arc<Shared>, String> {
        let mut export = Export::new();
        for path in &self.exports {
            let page = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
            export.add(&page).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        Ok(Arc::new(Shared::Saved(Box::new(export))))
    }
}

/// True if a file that stands behind `--cc-export FILE` on the command line is one more page and
/// not the first log.
///
/// Logs of JSON lines begin like pages, so it is read as one to see.
#[must_use]
pub fn is_saved_page(path: &Path) -> bool {
    let is_json = |head: &[u8]| {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        matches!(head.first(), Some(b'{' | b'[')) && !head.starts_with(b"{\"timestamp\":")
    };
    let head = || {
        let mut head = [0; 512];
        let n = std::io::Read::read(&mut fs::File::open(path).ok()?, &mut head).ok()?;
        Some(is_json(&head[..n]))
    };
    fs::metadata(path).is_ok_and(|m| m.is_file())
        && head() == Some(true)
        && fs::read(path).is_ok_and(|page| Export::new().add(&page).is_ok())
}

fn token(file: &Path) -> Result<Token, String> {
    let text = fs::read_to_string(file)
        .map_err(|e| format!("the file of --token-file cannot be read: {e}"))?;
    Token::new(text.trim()).map_err(sentence)
}

#[expect(clippy::needless_pass_by_value, reason = "it is used where an error is mapped")]
fn sentence(error: Error) -> String {
    error.to_string()
}

/// Scheme, host and port are the same.
fn same_origin(a: &str, b: &str) -> bool {
    origin(a) == origin(b)
}

fn origin(url: &str) -> (String, String) {
    let url = url.to_ascii_lowercase();
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", &url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match scheme {
        "https" => host.strip_suffix(":443").unwrap_or(host),
        _ => host.strip_suffix(":80").unwrap_or(host),
    };
    (scheme.to_owned(), host.to_owned())
}

fn is_loopback(url: &str) -> bool {
    let (_, host) = origin(url);
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_the_foundation_that_it_came_from() {
        for (a, b, same) in [
            ("https://api.example.org", "https://API.example.org/", true),
            ("api.example.org", "https://api.example.org:443", true),
            ("https://api.example.org", "http://api.example.org", false),
            ("https://api.example.org", "https://api.example.org.evil.test", false),
            ("https://api.example.org:8443", "https://api.example.org", false),
        ] {
            assert_eq!(same_origin(a, b), same, "{a} {b}");
        }
        for (url, loopback) in [
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080/", true),
            ("http://localhost", true),
            ("http://localhost.evil.test", false),
            ("http://127.0.0.1.evil.test", false),
            ("http://127.0.0.1@evil.test", false),
        ] {
            assert_eq!(is_loopback(url), loopback, "{url}");
        }
    }
}
