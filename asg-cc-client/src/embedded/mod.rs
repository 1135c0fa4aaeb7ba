//! A small Cloud Controller: real HTTP on loopback, real statuses, headers and bodies, and a [`Foundation`] of your
//! making behind it.
//!
//! It serves what this crate asks for, over v3 and v2: root and info, apps, processes, tasks, builds, deployments,
//! spaces, orgs and audit events, with their filters, pages and errors. It is for tests, examples and demonstrations; it
//! only reads, and holds everything in memory.
//!
//! # Example
//!
//! ```
//! use asg_cc_client::embedded::{Foundation, Server};
//! # #[cfg(feature = "ureq")] {
//! use asg_cc_client::{CloudController, Directory, HttpTransport, Token};
//! use asg_core::{AppState, Guid};
//!
//! let (org, space, app) = (
//!     "2c279d6c-6f15-4cc0-99ed-72ef76ec50eb",
//!     "c65add41-d85b-4823-9e2a-545a5e0e5812",
//!     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0",
//! );
//! let foundation =
//!     Foundation::new().org(org, "o").space(space, "s", org).app(app, "proxy", space).token("sesame");
//! let server = Server::start(foundation)?;
//! let cc = CloudController::new(HttpTransport::new()?, &server.url(), Token::new("sesame")?)?;
//! let ids: [Guid; 1] = [app.parse()?];
//! assert_eq!(cc.resolve(&ids)?[0].state, AppState::Live);
//!
//! server.update(|foundation| foundation.delete_app(app, "2017-06-23T10:00:00Z"));
//! assert_eq!(cc.resolve(&ids)?[0].state, AppState::Deleted);
//! assert!(server.requests().iter().any(|r| r.target.starts_with("/v3/audit_events?target_guids=")));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod foundation;
mod query;
mod v2;
mod v3;
mod wire;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use http::{Request, Response};

pub use foundation::{Access, App, Deployment, Event, Foundation, Org, Process, Space, Work};

/// An embedded Cloud Controller that listens until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If the system gives no port or thread.
    pub fn start(foundation: Foundation) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            foundation: Mutex::new(foundation),
            log: Mutex::default(),
            interceptor: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::Builder::new().name("embedded-cc".into()).spawn(move || {
            for stream in listener.incoming() {
                if accepting.is_stopped() {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let serving = Arc::clone(&accepting);
                // It ends by itself: with its connection, after a while of silence, or when the server stops.
                thread::spawn(move || wire::serve(&stream, &serving));
            }
        })?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Logged> {
        lock(&self.shared.log).clone()
    }

    /// Changes the foundation: from the next request on, answers show it.
    pub fn update(&self, change: impl FnOnce(&mut Foundation)) {
        change(&mut lock(&self.shared.foundation));
    }

    /// Lets `answer` see each request first; what it gives is sent in place of the foundation's own answer.
    ///
    /// For what a foundation does on bad days: limits, maintenance, other servers' pages.
    pub fn intercept(
        &self,
        answer: impl Fn(&Request<Vec<u8>>) -> Option<Response<Vec<u8>>> + Send + 'static,
    ) {
        *lock(&self.shared.interceptor) = Some(Box::new(answer));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // The acceptor waits for a connection, so give it one.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

/// A request that a [`Server`] got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logged {
    /// Such as `GET`.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// True if a token came with it.
    pub authorized: bool,
}

type Interceptor = Box<dyn Fn(&Request<Vec<u8>>) -> Option<Response<Vec<u8>>> + Send>;

struct Shared {
    foundation: Mutex<Foundation>,
    log: Mutex<Vec<Logged>>,
    interceptor: Mutex<Option<Interceptor>>,
    stop: AtomicBool,
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        lock(&self.log).push(Logged {
            method: request.method().to_string(),
            target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            authorized: request.headers().contains_key(http::header::AUTHORIZATION),
        });
        let intercepted = lock(&self.interceptor).as_ref().and_then(|answer| answer(request));
        intercepted.unwrap_or_else(|| lock(&self.foundation).answer(request))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
