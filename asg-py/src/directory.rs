//! Who is asked for names: the directories, as Python classes.

use std::path::PathBuf;
use std::sync::Arc;

use asg_cc_client::{Cached, CfConfig, Directory, HttpOptions, HttpTransport, Retrying, Token};
use pyo3::prelude::*;

use crate::errors::Failure;

/// Any directory, shared between threads.
pub(crate) type Shared = Arc<dyn Directory + Send + Sync>;

/// A directory that a caller handed in.
#[derive(FromPyObject)]
pub(crate) enum AnyDirectory {
    CloudController(Py<CloudController>),
    Export(Py<Export>),
}

impl AnyDirectory {
    pub(crate) fn shared(&self) -> Shared {
        match self {
            Self::CloudController(cc) => Arc::clone(&cc.get().directory),
            Self::Export(export) => Arc::clone(&export.get().directory),
        }
    }
}

/// A live Cloud Controller, over its API v3 or v2.
///
/// ``url`` is the API's address and ``token`` a bearer token, as ``cf oauth-token`` prints it; the token never appears in
/// ``repr`` or an error. Nothing is asked before the first flow needs a name, and nothing is asked twice.
///
/// >>> import asglog
/// >>> asglog.CloudController("https://api.example.org", "bearer sesame")
/// CloudController('https://api.example.org')
#[pyclass(frozen, module = "asglog")]
pub(crate) struct CloudController {
    #[pyo3(get)]
    url: String,
    directory: Shared,
}

#[pymethods]
impl CloudController {
    #[new]
    #[pyo3(signature = (url, token, *, skip_ssl_validation=false))]
    fn new(url: &str, token: &str, skip_ssl_validation: bool) -> Result<Self, Failure> {
        Self::connect(url, Token::new(token)?, skip_ssl_validation)
    }

    /// The target and token of the cf CLI, from its ``config.json``: by default the one in ``CF_HOME`` or the home folder.
    ///
    /// Raises :class:`DirectoryError` if there is none, or nobody is logged in.
    #[staticmethod]
    #[pyo3(signature = (path=None))]
    fn from_cf_cli(path: Option<PathBuf>) -> Result<Self, Failure> {
        let path = path.map_or_else(CfConfig::default_path, Ok)?;
        let config = CfConfig::load(&path)?;
        Self::connect(&config.target, config.token, config.ssl_disabled)
    }

    fn __repr__(&self) -> String {
        format!("CloudController('{}')", self.url)
    }
}

impl CloudController {
    fn connect(url: &str, token: Token, skip_tls_verification: bool) -> Result<Self, Failure> {
        let options = HttpOptions { skip_tls_verification, ..HttpOptions::default() };
        let transport =
            HttpTransport::with_options(&options).map_err(asg_cc_client::Error::from)?;
        let cc = asg_cc_client::CloudController::new(Retrying::new(transport), url, token)?;
        Ok(Self { url: url.to_owned(), directory: Arc::new(Cached::new(cc)) })
    }
}

/// Pages saved with ``cf curl /v3/apps`` and its like: a directory without a network.
///
/// The files are read when this is made. Raises :class:`OSError` if one cannot be read, and :class:`DirectoryError` if one
/// is no answer of a Cloud Controller.
#[pyclass(frozen, module = "asglog")]
pub(crate) struct Export {
    #[pyo3(get)]
    paths: Vec<PathBuf>,
    directory: Shared,
}

#[pymethods]
impl Export {
    #[new]
    fn new(py: Python<'_>, paths: OneOrMore) -> Result<Self, Failure> {
        let paths = paths.into_vec();
        let export = py.detach(|| read_export(&paths))?;
        Ok(Self { directory: Arc::new(export), paths })
    }

    fn __repr__(&self) -> String {
        format!("Export({:?})", self.paths)
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> (Bound<'py, pyo3::types::PyType>, (Vec<PathBuf>,)) {
        (slf.get_type(), (slf.get().paths.clone(),))
    }
}

/// A path, or a sequence of them.
#[derive(FromPyObject)]
enum OneOrMore {
    One(PathBuf),
    More(Vec<PathBuf>),
}

impl OneOrMore {
    fn into_vec(self) -> Vec<PathBuf> {
        match self {
            Self::One(path) => vec![path],
            Self::More(paths) => paths,
        }
    }
}

fn read_export(paths: &[PathBuf]) -> Result<asg_cc_client::Export, Failure> {
    let mut export = asg_cc_client::Export::new();
    for path in paths {
        let page = std::fs::read(path).map_err(|e| Failure::read(path, e))?;
        export.add(&page).map_err(|e| Failure::Directory(format!("{}: {e}", path.display())))?;
    }
    Ok(export)
}
