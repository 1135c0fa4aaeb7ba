//! The data of an embedded UAA: clients and users.

use serde::Deserialize;

/// The data of an embedded [`Uaa`](super::Uaa): plain data, to be filled freely.
///
/// ```
/// use asg_cc_client::embedded::Realm;
///
/// let realm = Realm::new()
///     .client("cf", "")
///     .user("marissa", "koala", &["cloud_controller.read"], &["c65add41-d85b-4823-9e2a-545a5e0e5812"])
///     .robot("reader", "secret", &["cloud_controller.global_auditor"]);
/// assert_eq!((realm.clients.len(), realm.users.len()), (2, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Realm {
    /// The OAuth clients: programs that ask for tokens.
    pub clients: Vec<Client>,
    /// The users.
    pub users: Vec<User>,
    /// The lifetime of access tokens; cf-deployment's `cf` client has 1200 s.
    pub access_seconds: u64,
    /// The lifetime of refresh tokens; cf-deployment's `cf` client has 30 days.
    pub refresh_seconds: u64,
    /// Whether a refresh token works once, and each answer brings the next.
    pub rotates_refresh_tokens: bool,
    /// Whether access tokens are 32 hexadecimal digits instead of JSON Web Tokens.
    pub opaque: bool,
}

/// An OAuth client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Client {
    /// Its name, such as `cf`.
    pub id: String,
    /// Its secret; that of `cf` is empty.
    pub secret: String,
    /// The grants that it may ask for, by their names in the protocol.
    pub grants: Vec<String>,
    /// The scopes of its own tokens (`client_credentials`).
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The GUIDs of the spaces that its own tokens show, if no scope shows all.
    #[serde(default)]
    pub spaces: Vec<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The scopes of the tokens.
    pub scopes: Vec<String>,
    /// The GUIDs of the spaces that the tokens show, if no scope shows all.
    #[serde(default)]
    pub spaces: Vec<String>,
    /// One-time passcodes that are still good (`cf login --sso`).
    #[serde(default)]
    pub passcodes: Vec<String>,
    /// Assertions of an identity provider for this user (`jwt-bearer`).
    #[serde(default)]
    pub assertions: Vec<String>,
}

/// `jwt-bearer` by its name in the protocol (RFC 7523).
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl Default for Realm {
    fn default() -> Self {
        Self::new()
    }
}

impl Realm {
    /// Creates an empty realm, with the lifetimes of cf-deployment.
    ///
    /// ```
    /// use asg_cc_client::embedded::Realm;
    /// assert!(Realm::new().clients.is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            clients: Vec::new(),
            users: Vec::new(),
            access_seconds: 1200,
            refresh_seconds: 2_592_000,
            rotates_refresh_tokens: false,
            opaque: false,
        }
    }

    /// Adds a client through which users get tokens.
    ///
    /// ```
    /// use asg_cc_client::embedded::Realm;
    /// assert_eq!(Realm::new().client("cf", "").clients.len(), 1);
    /// ```
    #[must_use]
    pub fn client(mut self, id: &str, secret: &str) -> Self {
        self.clients.push(Client {
            id: id.to_owned(),
            secret: secret.to_owned(),
            grants: owned(&["password", "refresh_token", JWT_BEARER]),
            scopes: Vec::new(),
            spaces: Vec::new(),
        });
        self
    }

    /// Adds a client that gets tokens for itself, by `client_credentials`.
    ///
    /// ```
    /// use asg_cc_client::embedded::Realm;
    /// let realm = Realm::new().robot("reader", "secret", &["cloud_controller.global_auditor"]);
    /// assert_eq!(realm.clients.len(), 1);
    /// ```
    #[must_use]
    pub fn robot(mut self, id: &str, secret: &str, scopes: &[&str]) -> Self {
        self.clients.push(Client {
            id: id.to_owned(),
            secret: secret.to_owned(),
            grants: owned(&["client_credentials"]),
            scopes: owned(scopes),
            spaces: Vec::new(),
        });
        self
    }

    /// Adds a user.
    ///
    /// ```
    /// use asg_cc_client::embedded::Realm;
    /// let realm = Realm::new().user("marissa", "koala", &["cloud_controller.read"], &[]);
    /// assert_eq!(realm.users.len(), 1);
    /// ```
    #[must_use]
    pub fn user(mut self, name: &str, password: &str, scopes: &[&str], spaces: &[&str]) -> Self {
        self.users.push(User {
            name: name.to_owned(),
            password: password.to_owned(),
            scopes: owned(scopes),
            spaces: owned(spaces),
            passcodes: Vec::new(),
            assertions: Vec::new(),
        });
        self
    }

    /// Gives the last user a one-time passcode.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Realm;
    /// let realm = Realm::new().client("cf", "").user("marissa", "koala", &[], &[]);
    /// assert_ne!(realm.clone().passcode("123456"), realm);
    /// ```
    #[must_use]
    pub fn passcode(mut self, passcode: &str) -> Self {
        if let Some(user) = self.users.last_mut() {
            user.passcodes.push(passcode.to_owned());
        }
        self
    }

    /// Adds an assertion for the last user.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Realm;
    /// let realm = Realm::new().client("cf", "").user("marissa", "koala", &[], &[]);
    /// assert_ne!(realm.clone().assertion("a.b.c"), realm);
    /// ```
    #[must_use]
    pub fn assertion(mut self, assertion: &str) -> Self {
        if let Some(user) = self.users.last_mut() {
            user.assertions.push(assertion.to_owned());
        }
        self
    }

    /// Makes refresh tokens work once.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Realm;
    /// let realm = Realm::new().client("cf", "").user("marissa", "koala", &[], &[]);
    /// assert_ne!(realm.clone().rotating(), realm);
    /// ```
    #[must_use]
    pub fn rotating(self) -> Self {
        Self { rotates_refresh_tokens: true, ..self }
    }

    /// Makes access tokens opaque.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Realm;
    /// let realm = Realm::new().client("cf", "").user("marissa", "koala", &[], &[]);
    /// assert_ne!(realm.clone().opaque(), realm);
    /// ```
    #[must_use]
    pub fn opaque(self) -> Self {
        Self { opaque: true, ..self }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}
