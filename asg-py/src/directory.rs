//! Directories: the classes of this package, and any other Python object with a method `resolve`.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use asg_cc_client::api::Address;
use asg_cc_client::auth::Grant;
use asg_cc_client::client::ApiVersion;
use asg_cc_client::{CfConfig, Credentials, Login, Token};
use asg_cli::error::Error;
use asg_cli::names::{Asked, Names, Settings, Shared};
use asg_core::names::{AppState, Entity, NameHistory};
use asg_core::{Guid, Identity, Timestamp};
use pyo3::exceptions::{PyTypeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping, PyType};
use pyo3::{PyTraverseError, PyVisit};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::callback::{self, PyMonitor, Slot};
use crate::errors::Failure;
use crate::objects;

/// A directory that a caller has passed, with the reference of one owner to it.
#[derive(Debug)]
pub(crate) struct GivenDirectory(pub(crate) Slot);

impl GivenDirectory {
    pub(crate) fn another(&self, py: Python<'_>) -> Self {
        Self(self.0.another(py))
    }

    pub(crate) fn names(&self) -> Arc<dyn Names> {
        Arc::new(AnyDirectory(self.0.clone()))
    }
}

impl FromPyObject<'_, '_> for GivenDirectory {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let is_ours = given.is_instance_of::<CloudController>() || given.is_instance_of::<Export>();
        if given.is_instance_of::<PyType>() {
            return Err(PyTypeError::new_err(format!(
                "a directory is an object, and not a class: call {}(…) first",
                given.getattr("__name__")?
            )));
        }
        if !is_ours && !given.hasattr("resolve")? {
            let kind = kind(&given);
            return Err(PyTypeError::new_err(format!(
                "a directory is asglog.CloudController(…), asglog.Export('apps.json'), or has a \
                 method resolve(guids), and is not {kind}"
            )));
        }
        Ok(Self(Slot::new(given.to_owned().unbind())))
    }
}

#[derive(Debug)]
struct AnyDirectory(Slot);

impl Names for AnyDirectory {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        let ours = callback::call(|py| {
            let given = self.0.get(py)?;
            if let Ok(cc) = given.cast::<CloudController>() {
                return Ok(Some(cc.get().names()));
            }
            if let Ok(export) = given.cast::<Export>() {
                return Ok(Some(export.get().names()));
            }
            Ok(None)
        })?;
        match ours {
            Some(names) => names.identities(guids),
            None => callback::call(|py| custom(&self.0.get(py)?, guids)),
        }
    }
}

/// Asks an object that is written in Python: `resolve(guids)` returns a mapping from GUIDs to
/// identities.
fn custom(directory: &Bound<'_, PyAny>, guids: &[Guid]) -> PyResult<HashMap<Guid, Identity>> {
    let asked: Vec<String> = guids.iter().map(ToString::to_string).collect();
    let found = directory.call_method1("resolve", (asked.clone(),))?;
    let found = found.cast::<PyMapping>().map_err(|_| {
        let what = "resolve() gives a mapping from GUIDs to identities";
        PyTypeError::new_err(format!("{what}, not {}", kind(&found)))
    })?;
    let mut identities = HashMap::new();
    for (guid, text) in guids.iter().zip(&asked) {
        if found.contains(text)? {
            identities.insert(*guid, identity(&found.get_item(text)?)?);
        }
    }
    Ok(identities)
}

/// An export in memory.
#[derive(Debug)]
struct Saved(Arc<asg_cc_client::Export>);

impl Names for Saved {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        Ok(self.0.resolve(guids))
    }
}

/// Converts an `asglog.Identity`, a `dict` like its `to_dict()`, or `None`.
fn identity(given: &Bound<'_, PyAny>) -> PyResult<Identity> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Given {
        app: Option<GivenApp>,
        space: Option<GivenEntity>,
        org: Option<GivenEntity>,
        process_type: Option<String>,
        deleted_at: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct GivenApp {
        guid: Option<String>,
        name: Option<String>,
        state: Option<String>,
        state_reason: Option<String>,
        #[serde(rename = "name_then")]
        _name_then: Option<IgnoredAny>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct GivenEntity {
        guid: Option<String>,
        name: Option<String>,
        #[serde(rename = "name_then")]
        _name_then: Option<IgnoredAny>,
    }
    let entity = |guid: Option<String>, name| guid.map(|guid| Entity { guid, name });
    let bad = |why: &dyn std::fmt::Display| PyValueError::new_err(format!("no identity: {why}"));

    if given.is_none() {
        return Ok(Identity::unknown());
    }
    let py = given.py();
    let plain = if given.is_instance_of::<PyDict>() {
        given.clone()
    } else {
        given.call_method0("to_dict").map_err(|_| {
            let what =
                "resolve() gives an asglog.Identity, or a dict like its to_dict(), for each GUID";
            PyTypeError::new_err(format!("{what}, not {}", kind(given)))
        })?
    };
    let text: String = py.import("json")?.call_method1("dumps", (plain,))?.extract()?;
    let Given { app, space, org, process_type, deleted_at } =
        serde_json::from_str(&text).map_err(|e| bad(&e))?;
    let deleted_at = deleted_at
        .map(|time| Timestamp::parse(time.as_bytes()).map_err(|e| bad(&e)))
        .transpose()?;
    let app = app.unwrap_or_default();
    let state = match app.state.as_deref() {
        Some("live") => AppState::Live,
        Some("deleted") => AppState::Deleted,
        Some("hidden") => AppState::Hidden,
        Some("unknown") => AppState::Unknown,
        Some("not_asked") => AppState::NotAsked,
        Some("unavailable") => AppState::Unavailable,
        Some(other) => return Err(bad(&format_args!("there is no state {other:?}"))),
        None if app.guid.is_some() => AppState::Live,
        None => AppState::Unknown,
    };
    Ok(Identity {
        state,
        state_reason: app.state_reason,
        app: entity(app.guid, app.name),
        space: space.and_then(|it| entity(it.guid, it.name)),
        org: org.and_then(|it| entity(it.guid, it.name)),
        process_type,
        workload: None,
        deleted_at,
        history: NameHistory::NONE,
    })
}

/// Returns the type of an object, as a word of a sentence.
fn kind(object: &Bound<'_, PyAny>) -> String {
    if object.is_none() {
        return "None".to_owned();
    }
    object.get_type().name().map_or_else(|_| "this".to_owned(), |name| name.to_string())
}

/// Returns the GUIDs that a caller lists.
fn texts(guids: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    guids.extract().map_err(|_| {
        let kind = kind(guids);
        PyTypeError::new_err(format!("resolve takes a list of GUIDs, not {kind}"))
    })
}

/// Returns the result of the classes' `resolve`: identities by GUID.
fn resolve<'py>(
    py: Python<'py>,
    names: &dyn Names,
    guids: Vec<String>,
) -> PyResult<Bound<'py, PyDict>> {
    let parse = |text: &String| {
        text.parse::<Guid>().map_err(|_| PyValueError::new_err(format!("no GUID: {text:?}")))
    };
    let parsed: Vec<Guid> = guids.iter().map(parse).collect::<PyResult<_>>()?;
    let mut found = py.detach(|| names.identities(&parsed)).map_err(Failure::from)?;
    let class = py.import("asglog.records")?.getattr("Identity")?;
    let result = PyDict::new(py);
    for (guid, parsed) in guids.iter().zip(&parsed) {
        let found = found.remove(parsed).unwrap_or_else(Identity::unknown);
        let entity = |it: Option<&Entity>| json!({"guid": it.map(|e| &e.guid), "name": it.and_then(|e| e.name.as_ref())});
        let mut app = entity(found.app.as_ref());
        app["state"] = json!(found.state);
        if let Some(reason) = &found.state_reason {
            app["state_reason"] = json!(reason);
        }
        let object = json!({
            "app": app,
            "space": entity(found.space.as_ref()),
            "org": entity(found.org.as_ref()),
            "process_type": found.process_type,
            "deleted_at": found.deleted_at,
        });
        result.set_item(guid, class.call_method1("_from", (objects::object(py, &object)?,))?)?;
    }
    Ok(result)
}

/// A live Cloud Controller, over its API v3 or v2.
///
/// ``url`` is the API's address, as ``cf api`` prints it. One of these authenticates the requests:
///
/// * ``token``: a bearer token, as ``cf oauth-token`` prints it, or a function without arguments
///   that returns the value of the ``Authorization`` header;
/// * ``client_id`` and ``client_secret``: a client of the UAA (best for programs);
/// * ``username`` and ``password`` (with the public client ``cf``, or the one given; ``origin`` is
///   the identity provider, such as ``ldap``), or a one-time ``passcode``;
/// * ``token_file``: a file with a token, which is read again for each request.
///
/// Logins find the UAA through the API, unless ``uaa`` names it, and renew themselves. ``ca`` is a
/// PEM file with the certificates to trust instead of the system's. Proxies are those of the
/// environment (``HTTPS_PROXY``, ``NO_PROXY``). No request is sent before the first flow needs a
/// name, and answers are cached. No secret appears in ``repr`` or an error.
///
/// ``deadline`` is the longest time for one question with all its requests, in seconds. ``budget``
/// is the maximum number of requests in an hour; logins are limited to 30 in an hour. ``version``
/// is ``v2`` or ``v3``; by default the API's root document decides. Ctrl-C ends a question, and the
/// next one is asked as usual.
///
/// Raises :class:`DirectoryError` for an address or token that cannot be used, and :class:`OSError`
/// if ``ca`` cannot be read.
///
/// >>> import asglog
/// >>> asglog.CloudController("https://api.example.org", "bearer sesame")
/// CloudController('https://api.example.org')
#[pyclass(frozen, module = "asglog")]
pub(crate) struct CloudController {
    #[pyo3(get)]
    url: String,
    directory: Arc<asg_cli::names::Shared>,
    /// The function that returns tokens.
    token: Option<Slot>,
}

#[pymethods]
impl CloudController {
    #[new]
    #[pyo3(signature = (
        url, token=None, *, username=None, password=None, origin=None, passcode=None, client_id=None, client_secret=None,
        token_file=None, uaa=None, ca=None, skip_ssl_validation=false, deadline=None, budget=None, version=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn new(
        url: Text,
        token: Option<GivenToken>,
        username: Option<Text>,
        password: Option<Text>,
        origin: Option<Text>,
        passcode: Option<Text>,
        client_id: Option<Text>,
        client_secret: Option<Text>,
        token_file: Option<PathBuf>,
        uaa: Option<Text>,
        ca: Option<PathBuf>,
        skip_ssl_validation: bool,
        deadline: Option<Number>,
        budget: Option<u64>,
        version: Option<Text>,
    ) -> Result<Self, Failure> {
        let given = [&username, &password, &passcode, &client_id, &client_secret, &uaa, &version];
        let [username, password, passcode, client_id, client_secret, uaa, version] =
            given.map(|text| text.as_ref().map(|text| &*text.0));
        let (url, origin) = (&*url.0, origin.map(|text| text.0));
        let mut slot = None;
        let token = token.or(token_file.map(GivenToken::File));
        let credentials = match (token, username, password, passcode, client_id) {
            (Some(GivenToken::Text(token)), None, None, None, None) => Token::new(&token)?.into(),
            (Some(GivenToken::File(path)), None, None, None, None) => {
                Credentials::token_file(&path)?
            }
            (Some(GivenToken::Function(function)), None, None, None, None) => {
                let function = slot.insert(Slot::new(function)).clone();
                Credentials::provider(move || {
                    callback::call(|py| function.get(py)?.call0()?.extract::<String>())
                        .map_err(|error| error.to_string())
                })
            }
            (None, Some(username), Some(password), None, _) => {
                let (username, password) = (username.into(), password.into());
                let grant = Grant::Password { username, password, origin };
                login(grant, client_id, client_secret, uaa)?
            }
            (None, None, None, Some(passcode), _) => {
                login(Grant::Passcode(passcode.into()), client_id, client_secret, uaa)?
            }
            (None, None, None, None, Some(_)) => {
                login(Grant::ClientCredentials, client_id, client_secret, uaa)?
            }
            _ => {
                let what = "give a token, a token_file, client_id and client_secret, username and password, or a passcode";
                return Err(PyTypeError::new_err(what).into());
            }
        };
        let ca_pem = ca
            .map(|path| std::fs::read(&path).map_err(|e| Error::file(path.to_string_lossy(), e)))
            .transpose()?;
        let mut settings = settings(deadline, budget)?;
        settings.http.skip_tls_verification = skip_ssl_validation;
        settings.http.ca_pem = ca_pem;
        settings.version = match version {
            None => None,
            Some("v2") => Some(ApiVersion::V2),
            Some("v3") => Some(ApiVersion::V3),
            Some(_) => return Err(PyValueError::new_err("version is v2 or v3").into()),
        };
        Self::connect(url, credentials, slot, &settings)
    }

    /// Returns the target and token of the cf CLI, from its ``config.json``: by default the one in
    /// ``CF_HOME`` or the home folder.
    ///
    /// The token lives for some minutes, and a later ``cf login`` is noticed. With ``renew=True``
    /// it is renewed by the CLI's refresh token, which is only read: on a foundation that replaces
    /// refresh tokens the CLI must log in again afterwards. ``deadline`` and ``budget`` are those
    /// of the class.
    ///
    /// Raises :class:`DirectoryError` if the file is missing, or nobody is logged in.
    #[staticmethod]
    #[pyo3(signature = (path=None, *, renew=false, deadline=None, budget=None))]
    fn from_cf_cli(
        path: Option<PathBuf>,
        renew: bool,
        deadline: Option<Number>,
        budget: Option<u64>,
    ) -> Result<Self, Failure> {
        let path = path.map_or_else(CfConfig::default_path, Ok)?;
        // A client's secret can be used repeatedly, but a refresh token may end by its use.
        let renew = renew || CfConfig::load(&path)?.refresh_token.is_none();
        let (config, credentials) = Credentials::cf_cli(&path, renew)?;
        let mut settings = settings(deadline, budget)?;
        settings.http.skip_tls_verification = config.ssl_disabled;
        Self::connect(&config.target, credentials, None, &settings)
    }

    /// Returns the identities of these process, app, task or build GUIDs.
    ///
    /// Raises :class:`DirectoryError` if the Cloud Controller cannot answer, and
    /// :class:`ValueError` for a text that is not a GUID.
    #[pyo3(signature = (guids, /))]
    fn resolve<'py>(
        &self,
        py: Python<'py>,
        guids: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        resolve(py, &*self.names(), texts(guids)?)
    }

    /// Saves everything that names and policies need into a folder, for :class:`Export`: all pages,
    /// one file each. A missing folder is created, and an interrupted export is continued. Returns
    /// the number of pages that were saved.
    ///
    /// Raises :class:`DirectoryError` if the Cloud Controller does not answer, or the folder cannot
    /// be used.
    #[pyo3(signature = (folder, /))]
    fn save(&self, py: Python<'_>, folder: PathBuf) -> Result<usize, Failure> {
        let asked = Asked::new(Arc::clone(&self.directory), Arc::new(PyMonitor::QUIET));
        Ok(py.detach(|| asked.save(folder))?.pages)
    }

    fn __repr__(&self) -> String {
        format!("CloudController('{}')", self.url)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.token.as_ref().map_or(Ok(()), |slot| slot.visit(&visit))
    }

    fn __clear__(&self) {
        self.token.iter().for_each(Slot::clear);
    }
}

impl CloudController {
    fn connect(
        url: &str,
        credentials: Credentials,
        token: Option<Slot>,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let directory = Arc::new(Shared::live(url, credentials, settings)?);
        Ok(Self { url: url.to_owned(), directory, token })
    }

    fn names(&self) -> Arc<dyn Names> {
        let monitor = Arc::new(PyMonitor::QUIET);
        Arc::new(Asked::new(Arc::clone(&self.directory), monitor))
    }
}

/// A text argument.
struct Text(String);

impl FromPyObject<'_, '_> for Text {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        given.extract().map(Self).map_err(|_: PyErr| {
            PyTypeError::new_err(format!("this takes a text, not {}", kind(&given)))
        })
    }
}

/// An argument that is a number.
#[derive(Clone, Copy)]
struct Number(f64);

impl FromPyObject<'_, '_> for Number {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        given.extract().map(Self).map_err(|_: PyErr| {
            PyTypeError::new_err(format!("this takes a number, not {}", kind(&given)))
        })
    }
}

/// A token, or a function that returns one.
enum GivenToken {
    Text(String),
    Function(Py<PyAny>),
    /// The path of `token_file`; `token` itself is never extracted as a path.
    File(PathBuf),
}

impl FromPyObject<'_, '_> for GivenToken {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = given.extract() {
            return Ok(Self::Text(text));
        }
        if given.is_callable() {
            return Ok(Self::Function(given.to_owned().unbind()));
        }
        let what = "a token is a text, or a function that gives one";
        Err(PyTypeError::new_err(format!("{what}, not {}", kind(&given))))
    }
}

/// Returns the usual settings with these limits: seconds, and requests in an hour.
fn settings(deadline: Option<Number>, budget: Option<u64>) -> Result<Settings, Failure> {
    let mut settings = Settings::default();
    if let Some(Number(seconds)) = deadline {
        let deadline = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
        let wrong = || PyValueError::new_err("deadline is a number of seconds above 0");
        settings.deadline = deadline.ok_or_else(wrong)?;
    }
    settings.budget = budget.unwrap_or(settings.budget);
    Ok(settings)
}

fn login(
    grant: Grant,
    client: Option<&str>,
    secret: Option<&str>,
    uaa: Option<&str>,
) -> Result<Credentials, Failure> {
    let mut login = Login::new(grant);
    if let Some(client) = client {
        login = login.with_client(client, secret.unwrap_or_default());
    }
    if let Some(uaa) = uaa {
        login = login.with_uaa(Address::parse(uaa)?);
    }
    Ok(login.into())
}

/// A directory without a network: pages saved with ``cf curl /v3/apps`` and its like, or folders of
/// ``asglog export``.
///
/// The files are read when this is made; they may be compressed with gzip. A file that cannot be
/// read, or is not an answer of a Cloud Controller, costs only its own names: a
/// :class:`UserWarning` names it, and so does ``gaps``. If no file can be used, the first one's
/// error is raised: :class:`OSError` or :class:`DirectoryError`.
#[pyclass(frozen, module = "asglog")]
pub(crate) struct Export {
    #[pyo3(get)]
    paths: Vec<PathBuf>,
    export: Arc<asg_cc_client::Export>,
}

#[pymethods]
impl Export {
    #[new]
    fn new(py: Python<'_>, paths: &Bound<'_, PyAny>) -> Result<Self, Failure> {
        let paths = one_or_more(paths)?;
        let export = py.detach(|| load_export(&paths))?;
        for unread in export.unread() {
            let what = unread.to_string().replace('\0', " ");
            let what = CString::new(what).unwrap_or_default();
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &what, 1)?;
        }
        Ok(Self { export: Arc::new(export), paths })
    }

    /// Returns the identities of these process, app, task or build GUIDs, as far as they are in the
    /// files.
    ///
    /// Raises :class:`ValueError` for a text that is not a GUID.
    #[pyo3(signature = (guids, /))]
    fn resolve<'py>(
        &self,
        py: Python<'py>,
        guids: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        resolve(py, &*self.names(), texts(guids)?)
    }

    /// One sentence for each file that could not be read to its end, and for each list that lacks
    /// pages: ``apps.json holds 5,000 of 7,000 apps``. Missing names are ``unavailable`` then.
    #[getter]
    fn gaps(&self) -> Vec<String> {
        let unread = self.export.unread().iter().map(ToString::to_string);
        unread.chain(self.export.gaps().iter().map(ToString::to_string)).collect()
    }

    fn __repr__(&self) -> String {
        format!("Export({:?})", self.paths)
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> (Bound<'py, pyo3::types::PyType>, (Vec<PathBuf>,)) {
        // A worker has another working directory.
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        (slf.get_type(), (slf.get().paths.iter().map(absolute).collect(),))
    }
}

impl Export {
    fn names(&self) -> Arc<dyn Names> {
        Arc::new(Saved(Arc::clone(&self.export)))
    }
}

/// Takes a path, or a sequence of them.
fn one_or_more(given: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    let home = given.py().import("os.path")?.getattr("expanduser")?;
    if let Ok(path) = given.extract::<PathBuf>() {
        return Ok(vec![home.call1((path,))?.extract()?]);
    }
    let wrong = |what: &Bound<'_, PyAny>| -> PyResult<PyErr> {
        let name = kind(what);
        let what = format!("an export is the path of a saved page, or a list of paths, not {name}");
        Ok(PyTypeError::new_err(what))
    };
    let path = |one: &Bound<'_, PyAny>| match one.extract::<PathBuf>() {
        Ok(path) => home.call1((path,))?.extract(),
        Err(_) => Err(wrong(one)?),
    };
    match given.extract::<Vec<Bound<'_, PyAny>>>() {
        // Bytes are a sequence of numbers.
        Ok(several) if !given.is_instance_of::<PyBytes>() => several.iter().map(path).collect(),
        _ => Err(wrong(given)?),
    }
}

fn load_export(paths: &[PathBuf]) -> Result<asg_cc_client::Export, Failure> {
    let mut export = asg_cc_client::Export::new();
    let mut first = None;
    for path in paths {
        // A failure to open is an `OSError`.
        let opened = std::fs::metadata(path)
            .and_then(|file| if file.is_dir() { Ok(()) } else { File::open(path).map(drop) })
            .map_err(|e| Failure::from(Error::file(path.to_string_lossy(), e)));
        let read = export.add_path(path).map_err(Failure::from);
        first = first.or(opened.and(read).err());
    }
    match first {
        Some(failure) if export.is_empty() => Err(failure),
        _ => Ok(export),
    }
}
