//! The file of the cf CLI after `cf login`. It is never written: the CLI rewrites the file without
//! a lock.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Grant, Login};
use crate::api::Address;
use crate::error::Error;
use crate::secret::Secret;
use crate::text::to_utf8;
use crate::token::Token;

/// The target and token of the cf CLI, from its `config.json`.
///
/// # Example
///
/// ```
/// use asg_cc_client::CfConfig;
///
/// let config = CfConfig::parse(br#"{
///     "ConfigVersion": 4, "Target": "https://api.example.org", "AccessToken": "bearer sesame", "SSLDisabled": true
/// }"#)?;
/// assert_eq!(config.target, "https://api.example.org");
/// assert!(config.ssl_disabled && config.token.is_some());
/// assert!(!format!("{config:?}").contains("sesame"));
/// # Ok::<(), asg_cc_client::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CfConfig {
    /// The address of the API.
    pub target: String,
    /// The access token, if any; it lives for some minutes, and `cf oauth-token` renews it.
    pub token: Option<Token>,
    /// Whether `cf login --skip-ssl-validation` was used.
    pub ssl_disabled: bool,
    /// The refresh token, if any: see [`CfConfig::login`].
    pub refresh_token: Option<Secret>,
    /// The UAA's address; empty if the file lacks it.
    pub uaa: String,
    client: (String, Secret),
    /// Whether the CLI logged in as a client of the UAA.
    is_client: bool,
}

impl CfConfig {
    /// Parses the text of a `config.json`.
    ///
    /// # Errors
    ///
    /// [`Error::CfConfig`] if it is another file, or of another version than 4, or has no target;
    /// [`Error::NotLoggedIn`] if it has neither a token nor a way to get one.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let bad = |why: &str| Error::CfConfig(why.into());
        // serde_json's messages may quote the text, and the text contains tokens.
        let text = to_utf8(json);
        let json: Value =
            serde_json::from_str(&text).map_err(|_| bad("it is not JSON: log in again"))?;
        match json["ConfigVersion"].as_i64() {
            Some(4) => {}
            Some(version) => {
                let how = if version > 4 {
                    "a newer cf CLI wrote it; give the API's address and a token file"
                } else {
                    "log in with cf CLI v7 or later"
                };
                let what = format!("it is of version {version}, and only 4 is known: {how}");
                return Err(Error::CfConfig(what));
            }
            None => return Err(bad("it has no `ConfigVersion`: it is not the cf CLI's")),
        }
        let text = |key: &str| json[key].as_str().unwrap_or_default().trim();
        if text("Target").is_empty() {
            return Err(bad("it has no target: set one with `cf api`, then `cf login`"));
        }
        let is_client = text("UAAGrantType") == "client_credentials";
        let some = |key: &str| Some(text(key)).filter(|text| !text.is_empty());
        let is_renewable = some("RefreshToken").is_some()
            || is_client && some("UAAOAuthClient").and(some("UAAOAuthClientSecret")).is_some();
        let token = some("AccessToken").map(Token::new).transpose()?;
        if token.is_none() && !is_renewable {
            return Err(Error::NotLoggedIn);
        }
        Ok(Self {
            target: text("Target").to_owned(),
            token,
            is_client,
            ssl_disabled: json["SSLDisabled"].as_bool().unwrap_or(false),
            refresh_token: some("RefreshToken").map(Secret::new),
            uaa: text("UaaEndpoint").to_owned(),
            client: match text("UAAOAuthClient") {
                "" => ("cf".into(), "".into()),
                id => (id.to_owned(), text("UAAOAuthClientSecret").into()),
            },
        })
    }

    /// Returns a login that outlives the access token, by the CLI's refresh token or, after `cf
    /// auth --client-credentials`, by its client's secret; `None` without either.
    ///
    /// The file is not changed. If the foundation's UAA replaces refresh tokens at each use
    /// (cf-deployment's does not), the CLI must log in again afterwards. So this is only done on
    /// request.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if the UAA's address is not one.
    pub fn login(&self) -> Result<Option<Login>, Error> {
        let (id, secret) = self.client.clone();
        let grant = match self.refresh_token.clone() {
            Some(refresh) => Grant::RefreshToken(refresh),
            None if self.is_client && !secret.expose().is_empty() => Grant::ClientCredentials,
            None => return Ok(None),
        };
        let login = Login::new(grant).with_client(id, secret);
        let login = match self.token.clone() {
            Some(token) => login.with_token(token),
            None => login,
        };
        Ok(Some(match self.uaa.as_str() {
            "" => login,
            uaa => login.with_uaa(Address::parse(uaa)?),
        }))
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// Like [`CfConfig::parse`]; also [`Error::CfConfig`], with the path in it, if the file cannot
    /// be read.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let json = fs::read(path).map_err(|e| {
            Error::CfConfig(format!("{}: {e}: log in with `cf login`", path.display()))
        })?;
        Self::parse(&json)
    }

    /// Returns the cf CLI's own path: `.cf/config.json` in `CF_HOME`, or else in the user's folder,
    /// which is `HOME`, or on Windows `HOMEDRIVE` and `HOMEPATH`, or else `USERPROFILE`.
    ///
    /// # Errors
    ///
    /// [`Error::CfConfig`] if none of the variables is set.
    pub fn default_path() -> Result<PathBuf, Error> {
        Self::path_from(cfg!(windows), |name| env::var_os(name).map(PathBuf::from))
    }

    fn path_from(windows: bool, var: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, Error> {
        let set = |name| var(name).filter(|dir| !dir.as_os_str().is_empty());
        let home = || {
            if !windows {
                return set("HOME");
            }
            let drive = set("HOMEDRIVE").zip(set("HOMEPATH")).map(|(mut drive, path)| {
                // Not `join`: the path begins with a backslash, and follows the drive unchanged.
                drive.as_mut_os_string().push(path);
                drive
            });
            drive.or_else(|| set("USERPROFILE"))
        };
        set("CF_HOME")
            .or_else(home)
            .map(|home| home.join(".cf").join("config.json"))
            .ok_or_else(|| Error::CfConfig("neither CF_HOME nor HOME is set".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_login_says_what_to_do() {
        for (json, message) in [
            ("bearer sesame", "it is not JSON"),
            ("{}", "no `ConfigVersion`"),
            (r#"{"ConfigVersion":3,"Target":"t","AccessToken":"sesame"}"#, "v7 or later"),
            (r#"{"ConfigVersion":5,"Target":"t","AccessToken":"sesame"}"#, "a newer cf CLI"),
            (r#"{"ConfigVersion":4,"Target":"","AccessToken":"sesame"}"#, "`cf api`"),
            (r#"{"ConfigVersion":4,"Target":"https://t","AccessToken":""}"#, "not logged in"),
            (r#"{"ConfigVersion":4,"Target":"https://t","AccessToken":"ses ame"}"#, "token"),
        ] {
            let err = CfConfig::parse(json.as_bytes()).unwrap_err();
            let text = err.to_string();
            assert!(text.contains(message), "{json}: {text}");
            assert!(!format!("{text} {err:?}").contains("sesame"), "{text}");
        }
    }

    #[test]
    fn a_login_without_an_access_token_needs_a_way_to_get_one() {
        let config = |more: &str| {
            let text =
                format!(r#"{{"ConfigVersion":4,"Target":"https://t","AccessToken":""{more}}}"#);
            CfConfig::parse(format!("\u{feff}{text}").as_bytes())
        };
        let login = |more: &str| config(more).unwrap().login().unwrap();
        assert!(login(r#","RefreshToken":"r""#).is_some());
        let client = r#","UAAGrantType":"client_credentials","UAAOAuthClient":"c","UAAOAuthClientSecret":"s""#;
        assert!(login(client).is_some());
        assert_eq!(config(r#","UAAGrantType":"client_credentials""#), Err(Error::NotLoggedIn));
        let password = r#","UAAOAuthClient":"c","UAAOAuthClientSecret":"s""#;
        assert_eq!(config(password), Err(Error::NotLoggedIn));
    }

    #[test]
    fn cf_home_comes_before_home() {
        let both = |name: &str| Some(PathBuf::from(if name == "CF_HOME" { "/cf" } else { "/me" }));
        assert_eq!(CfConfig::path_from(false, both).unwrap(), Path::new("/cf/.cf/config.json"));
        let home = |name: &str| match name {
            "HOME" => Some("/me".into()),
            _ => Some(PathBuf::new()),
        };
        assert_eq!(CfConfig::path_from(false, home).unwrap(), Path::new("/me/.cf/config.json"));
        assert!(CfConfig::path_from(false, |_| None).is_err());
    }

    #[test]
    fn windows_has_a_drive_and_a_path_or_a_profile() {
        let path = |set: &[(&str, &str)]| {
            let var = |name: &str| {
                set.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value))
            };
            CfConfig::path_from(true, var).unwrap().to_string_lossy().into_owned()
        };
        let profile = ("USERPROFILE", "C:/Users/me");
        assert_eq!(path(&[profile]), "C:/Users/me/.cf/config.json");
        let drive = [profile, ("HOMEDRIVE", "H:"), ("HOMEPATH", "/home")];
        assert_eq!(path(&drive), "H:/home/.cf/config.json");
        assert_eq!(path(&[profile, ("HOME", "/me")]), "C:/Users/me/.cf/config.json");
    }
}
