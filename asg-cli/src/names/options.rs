//! The options that choose a directory.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use asg_cc_client::api::Address;
use asg_cc_client::auth::Grant;
use asg_cc_client::client::ApiVersion;
use asg_cc_client::{CfConfig, Credentials, Error, Export, Login, Token};

use super::{Settings, Shared};
use crate::report::Failure;

/// The environment variable that may hold the secret of `--client`. A command line can be read by
/// everybody on a machine, so no option takes a secret.
const SECRET: &str = "ASGLOG_CLIENT_SECRET";

/// The options about names.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--api`.
    pub api: Option<String>,
    /// `--cf`.
    pub cf: bool,
    /// `--renew`.
    pub renew: bool,
    /// `--token-file`.
    pub token_file: Option<PathBuf>,
    /// `--client`.
    pub client: Option<String>,
    /// `--client-secret-file`.
    pub client_secret_file: Option<PathBuf>,
    /// `--ca-cert`.
    pub ca_cert: Option<PathBuf>,
    /// `--skip-ssl-validation`.
    pub skip_ssl_validation: bool,
    /// `--cc-v2`.
    pub v2: bool,
    /// `--cc-deadline`.
    pub deadline: Option<Duration>,
    /// `--cc-budget`.
    pub budget: Option<u64>,
    /// `--cc-export`.
    pub exports: Vec<PathBuf>,
}

/// The Cloud Controller that the options name.
struct Target {
    url: String,
    credentials: Credentials,
    skip_tls_verification: bool,
}

impl Options {
    /// Returns whether no directory is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.api.is_none() && !self.cf && self.exports.is_empty()
    }

    /// Returns the directory that the options choose; `None` if they choose none. It was not asked
    /// yet.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] if the options contradict each other; else the reason why there will be
    /// no names.
    pub fn directory(&self) -> Result<Result<Option<Arc<Shared>>, String>, Failure> {
        self.contradiction().map_or(Ok(()), |what| Err(Failure::Usage(what)))?;
        Ok(if self.is_live() {
            self.live().map(Some)
        } else if self.exports.is_empty() {
            Ok(None)
        } else {
            self.export().map(Some)
        })
    }

    /// Returns whether a Cloud Controller that cannot be asked may be asked later, as after a
    /// login.
    ///
    /// Standard input and pipes have their text only once.
    #[must_use]
    pub fn may_open_later(&self) -> bool {
        let is_lasting = |file: &Path| {
            file != Path::new("-") && fs::metadata(file).map_or(true, |file| file.is_file())
        };
        self.is_live() && self.token_file.as_deref().is_none_or(is_lasting)
    }

    const fn is_live(&self) -> bool {
        self.api.is_some() || self.cf
    }

    /// Returns a sentence about options that do not go together.
    fn contradiction(&self) -> Option<String> {
        if self.is_live() && !self.exports.is_empty() {
            let what = "names come from a live API or from --cc-export, not from both";
            return Some(what.into());
        }
        let of_live = [
            ("--renew", self.renew),
            ("--token-file", self.token_file.is_some()),
            ("--client", self.client.is_some()),
            ("--ca-cert", self.ca_cert.is_some()),
            ("--skip-ssl-validation", self.skip_ssl_validation),
            ("--cc-v2", self.v2),
            ("--cc-deadline", self.deadline.is_some()),
            ("--cc-budget", self.budget.is_some()),
        ];
        if let Some((name, _)) = of_live.iter().find(|(_, is_given)| *is_given && !self.is_live()) {
            return Some(format!("{name} goes with --api or --cf"));
        }
        let logins = [
            ("--token-file", self.token_file.is_some()),
            ("--client", self.client.is_some()),
            ("--renew", self.renew),
        ];
        let mut given = logins.iter().filter(|(_, is_given)| *is_given);
        if let (Some((one, _)), Some((other, _))) = (given.next(), given.next()) {
            return Some(format!("{one} and {other} are two ways to log in: give one"));
        }
        match (&self.client, &self.client_secret_file) {
            (None, Some(_)) => Some("--client-secret-file goes with --client".into()),
            (Some(_), None) if secret_of_environment().is_none() => {
                Some(format!("--client needs a secret: give --client-secret-file, or set {SECRET}"))
            }
            _ => None,
        }
    }

    pub(super) fn live(&self) -> Result<Arc<Shared>, String> {
        if let Some(url) = &self.api {
            // Before anything repeats it: there may be a password in it.
            Address::parse(url).map_err(sentence)?;
        }
        let Target { url, credentials, skip_tls_verification } = self.target()?;
        let mut settings = Settings::default();
        let ca_pem = self.ca_cert.as_deref().map(fs::read).transpose();
        settings.http.ca_pem =
            ca_pem.map_err(|e| format!("the file of --ca-cert cannot be read: {e}"))?;
        settings.http.skip_tls_verification = skip_tls_verification || self.skip_ssl_validation;
        settings.version = self.v2.then_some(ApiVersion::V2);
        settings.deadline = self.deadline.unwrap_or(settings.deadline);
        settings.budget = self.budget.unwrap_or(settings.budget);
        let shared = Shared::live(&url, credentials, &settings).map_err(sentence)?;
        Ok(Arc::new(shared))
    }

    fn target(&self) -> Result<Target, String> {
        let path = || CfConfig::default_path().map_err(sentence);
        let given = match (&self.token_file, &self.client) {
            (Some(file), _) => Some(token(file)?),
            (None, Some(client)) => Some(self.client_login(client)?),
            (None, None) => None,
        };
        let (config, credentials) = match (&self.api, given) {
            (Some(url), Some(credentials)) => {
                let url = url.clone();
                return Ok(Target { url, credentials, skip_tls_verification: false });
            }
            (None, Some(credentials)) => (CfConfig::load(&path()?).map_err(sentence)?, credentials),
            // A client's secret can be used again and again, and a refresh token may end by it.
            (_, None) => {
                let path = path()?;
                let config = CfConfig::load(&path).map_err(sentence)?;
                let renew = self.renew || config.refresh_token.is_none();
                Credentials::cf_cli(&path, renew).map_err(sentence)?
            }
        };
        let Some(url) = self.api.clone() else {
            let skip_tls_verification = config.ssl_disabled;
            return Ok(Target { url: config.target, credentials, skip_tls_verification });
        };
        let is_same = same_origin(&url, &config.target);
        // A token is for one foundation. This machine itself may see it: that is how one tries
        // things out.
        if !is_same && !is_loopback(&url) {
            return Err(format!(
                "the cf CLI is logged in to {}, and its token is not sent to {url}: log in there with \
                 `cf login -a {url}`, or give another token with --token-file",
                config.target
            ));
        }
        Ok(Target { url, credentials, skip_tls_verification: is_same && config.ssl_disabled })
    }

    fn client_login(&self, client: &str) -> Result<Credentials, String> {
        let secret = match &self.client_secret_file {
            Some(file) => fs::read_to_string(file)
                .map_err(|e| format!("the file of --client-secret-file cannot be read: {e}"))?,
            None => secret_of_environment().unwrap_or_default(),
        };
        let secret = secret.trim_end_matches(['\n', '\r']);
        Ok(Login::new(Grant::ClientCredentials).with_client(client, secret).into())
    }

    fn export(&self) -> Result<Arc<Shared>, String> {
        let mut export = Export::new();
        let mut failure = None;
        for path in &self.exports {
            // `Shared::gaps` has the sentence.
            failure = failure.or(export.add_path(path).err());
        }
        if let Some(error) = failure.filter(|_| export.is_empty()) {
            return Err(sentence(error));
        }
        Ok(Arc::new(Shared::Saved(Box::new(export))))
    }
}

fn secret_of_environment() -> Option<String> {
    env::var(SECRET).ok().filter(|secret| !secret.is_empty())
}

/// Returns whether a file or folder behind `--cc-export FILE` on the command line belongs to the
/// export and is not the first log.
///
/// Logs of JSON lines begin like pages, so a file is read as one to see.
#[must_use]
pub fn is_saved_page(path: &Path) -> bool {
    if path.is_dir() {
        return Export::is_saved_folder(path);
    }
    let is_json = |head: &[u8]| {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let other = [0x1f, 0xff, 0xfe, b'R', b'\0'];
        head.first().is_some_and(|first| b"{[".contains(first) || other.contains(first))
            && !head.starts_with(b"{\"timestamp\":")
    };
    let head = || {
        let mut head = [0; 512];
        let n = File::open(path).ok()?.read(&mut head).ok()?;
        Some(is_json(&head[..n]))
    };
    let is_page = || {
        let mut export = Export::new();
        // A page that breaks off is one, too.
        export.add_path(path).is_ok() || !export.is_empty()
    };
    path.is_file() && head() == Some(true) && is_page()
}

/// Returns the token in a file, which is read again for each request; `-` is standard input. A pipe
/// is read once.
fn token(file: &Path) -> Result<Credentials, String> {
    let once = if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else if fs::metadata(file).is_ok_and(|file| !file.is_file()) {
        // A pipe has its text only once.
        fs::read_to_string(file)
    } else {
        return Credentials::token_file(file).map_err(sentence);
    };
    let text = once.map_err(|e| format!("the token of --token-file cannot be read: {e}"))?;
    Ok(Token::new(&text).map_err(sentence)?.into())
}

#[expect(clippy::needless_pass_by_value, reason = "it is used where an error is mapped")]
fn sentence(error: Error) -> String {
    error.to_string()
}

/// Returns whether scheme, host and port are the same.
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
