//! Helpers of several test files.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::HashMap;
use std::fs;
use std::hash::Hash;
use std::path::{Path, PathBuf};

use asg_cc_client::client::ApiVersion;
use asg_cc_client::clock::Clock;
use asg_cc_client::embedded::{Foundation, Server};
use asg_cc_client::{CloudController, Error, HttpTransport, Token};
use asg_core::{Directory, Guid, Identity, Timestamp};

// The article's case.
pub(crate) const ORG: &str = "2c279d6c-6f15-4cc0-99ed-72ef76ec50eb";
pub(crate) const SPACE: &str = "c65add41-d85b-4823-9e2a-545a5e0e5812";
pub(crate) const APP: &str = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0";
pub(crate) const WORKER: &str = "0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11";
pub(crate) const TASK: &str = "d5cc22ec-99a3-4e6a-af91-a44b4ab7b6fa";
pub(crate) const BUILD: &str = "585bc3c1-3743-497d-88b0-403ad6b56d16";
pub(crate) const SECOND_WEB: &str = "fd5d3e60-f88c-4c37-b1ae-667cfc65a856";
pub(crate) const THIRD_WEB: &str = "6a901b7c-9417-4dc1-8189-d3234aa0ab82";
pub(crate) const STRANGER: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const DELETED_AT: &str = "2017-06-23T10:00:00Z";

// Unsigned tokens: `{"scope":["cloud_controller.read","cloud_controller.global_auditor"]}` and
// `{"scope":["cloud_controller.read"]}`.
pub(crate) const GLOBAL: &str = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6WyJjbG91ZF9jb250cm9sbGVyLnJlYWQiLCJjbG91ZF9jb250cm9sbGVyLmdsb2JhbF9hdWRpdG9yIl19.none";
pub(crate) const LIMITED: &str =
    "eyJhbGciOiJub25lIn0.eyJzY29wZSI6WyJjbG91ZF9jb250cm9sbGVyLnJlYWQiXX0.none";

/// Returns the article's org, space and app; a worker, a task and a build beside its web process.
pub(crate) fn article() -> Foundation {
    Foundation::new()
        .org(ORG, "o")
        .space(SPACE, "s", ORG)
        .app(APP, "proxy", SPACE)
        .process(WORKER, "worker", APP)
        .task(TASK, APP)
        .build(BUILD, APP)
        .token(GLOBAL)
        .token_for_spaces(LIMITED, &[])
}

pub(crate) fn start(foundation: Foundation) -> Server {
    Server::start(foundation).expect("a port on loopback")
}

pub(crate) fn connect(server: &Server, token: &str) -> CloudController<HttpTransport> {
    let transport = HttpTransport::new().unwrap();
    CloudController::new(transport, &server.url(), Token::new(token).unwrap()).unwrap()
}

pub(crate) fn over(server: &Server, version: ApiVersion) -> CloudController<HttpTransport> {
    connect(server, GLOBAL).with_version(version)
}

/// Returns a clock that always shows one time of the article's day.
pub(crate) fn stopped() -> Clock {
    Clock::new(|| Timestamp::from_nanos(1_498_212_000_000_000_000))
}

pub(crate) fn guid(text: &str) -> Guid {
    text.parse().unwrap()
}

pub(crate) fn one<D>(mut directory: D, id: &str) -> Result<Identity, Error>
where
    D: Directory<Error: Into<Error>>,
{
    let found = directory.identities(&[guid(id)]).map_err(Into::into)?;
    Ok(found[&guid(id)].clone())
}

/// Returns the values of these keys, in their order.
pub(crate) fn listed<K: Hash + Eq, T: Clone>(keys: &[K], found: &HashMap<K, T>) -> Vec<T> {
    keys.iter().map(|key| found[key].clone()).collect()
}

/// Returns state and path, such as `Live o/s/proxy`.
pub(crate) fn told<D>(directory: D, id: &str) -> String
where
    D: Directory<Error: Into<Error>>,
{
    match one(directory, id) {
        Ok(Identity { state, app: None, .. }) => format!("{state:?}"),
        Ok(identity) => {
            let app = identity.app.as_ref().unwrap();
            assert!(app.guid.parse::<Guid>().is_ok(), "{identity:?}");
            format!("{:?} {}", identity.state, identity.path().unwrap())
        }
        Err(e) => format!("error: {e}"),
    }
}

/// Returns a body in the shape of Cloud Controller's or the UAA's.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// Returns the files of a folder of bodies by name, sorted.
pub(crate) fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(fixture(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Waits for a future, on a runtime of its own.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
