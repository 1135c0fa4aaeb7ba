//! The embedded Cloud Controller as a server: a foundation, its limits and its outages.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use http::{Request, Response};

use super::answer::{Grant, Unauthorized, version_of};
use super::clock::Clock;
use super::desk::{Desk, Logged, Reply};
use super::foundation::Foundation;
use super::limiter::{self, Limiter};
use super::listen::{Host, Port, Unserved};
use super::lock;
use super::outage::Outage;
use super::realm::Realm;
use super::trouble::{Limit, too_many_requests};
use super::uaa::Uaa;

/// An embedded Cloud Controller that listens until it is dropped.
#[derive(Debug)]
pub struct Server {
    port: Port,
    controller: Arc<Controller>,
    uaa: Option<(Port, Uaa)>,
}

impl Server {
    /// Starts one on a free port of 127.0.0.1, without a UAA: its tokens are those of the
    /// foundation.
    ///
    /// # Errors
    ///
    /// If the system gives no port or thread.
    pub fn start(foundation: Foundation) -> io::Result<Self> {
        let port = Unserved::open()?;
        let controller = Arc::new(Controller::new(foundation, None, Clock::system()));
        Ok(Self { port: port.serve(Arc::clone(&controller))?, controller, uaa: None })
    }

    /// Starts one on a free port of 127.0.0.1, and on another a UAA, whose tokens it accepts beside
    /// the foundation's.
    ///
    /// # Errors
    ///
    /// If the system gives no port or thread.
    pub fn start_with_uaa(foundation: Foundation, realm: Realm, clock: Clock) -> io::Result<Self> {
        let (port, beside) = (Unserved::open()?, Unserved::open()?);
        let uaa = Uaa::new(realm, beside.url(), clock.clone());
        let controller = Arc::new(Controller::new(foundation, Some(uaa.clone()), clock));
        Ok(Self {
            port: port.serve(Arc::clone(&controller))?,
            controller,
            uaa: Some((beside.serve(uaa.host())?, uaa)),
        })
    }

    /// Returns `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        self.port.url()
    }

    /// Returns the UAA, if it was started with one.
    #[must_use]
    pub fn uaa(&self) -> Option<Uaa> {
        self.uaa.as_ref().map(|(_, uaa)| uaa.clone())
    }

    /// Returns the requests so far, in order; those of the UAA are [its own](Uaa::requests).
    #[must_use]
    pub fn requests(&self) -> Vec<Logged> {
        self.controller.desk.requests()
    }

    /// Changes the foundation: from the next request on, answers show it.
    pub fn update(&self, change: impl FnOnce(&mut Foundation)) {
        change(&mut lock(&self.controller.foundation));
    }

    /// Changes the foundation once, right after the `number`th answer whose path begins with
    /// `path`, counted from 1.
    ///
    /// For events between two pages: an app is deleted, a token revoked.
    pub fn after(
        &self,
        number: u64,
        path: &str,
        change: impl FnOnce(&mut Foundation) + Send + 'static,
    ) {
        let path = path.to_owned();
        lock(&self.controller.later).push(Later { path, left: number, change: Box::new(change) });
    }

    /// Injects trouble from now on.
    pub fn outage(&self, outage: Outage) {
        self.controller.desk.script(outage);
    }

    /// Calls `answer` first with each request; its answer, if any, is sent in place of the
    /// foundation's own.
    ///
    /// For cases beyond [`Outage`]: other servers' pages, wrong answers.
    pub fn intercept(
        &self,
        answer: impl Fn(&Request<Vec<u8>>) -> Option<Response<Vec<u8>>> + Send + 'static,
    ) {
        self.controller.desk.intercept(Box::new(answer));
    }
}

/// The state behind the port.
struct Controller {
    foundation: Mutex<Foundation>,
    uaa: Option<Uaa>,
    clock: Clock,
    desk: Desk,
    general: Mutex<Limiter>,
    v2: Mutex<Limiter>,
    later: Mutex<Vec<Later>>,
}

struct Later {
    path: String,
    /// The number of answers until then.
    left: u64,
    change: Box<dyn FnOnce(&mut Foundation) + Send>,
}

impl Host for Controller {
    fn reply(&self, request: &Request<Vec<u8>>) -> Reply {
        let reply = self.desk.reply(request, || self.answer(request));
        self.change_after(request.uri().path());
        reply
    }
}

impl Controller {
    fn new(foundation: Foundation, uaa: Option<Uaa>, clock: Clock) -> Self {
        Self {
            foundation: Mutex::new(foundation),
            uaa,
            clock,
            desk: Desk::default(),
            general: Mutex::default(),
            v2: Mutex::default(),
            later: Mutex::default(),
        }
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let foundation = lock(&self.foundation);
        let issued = |token: &str| self.uaa.as_ref().and_then(|uaa| uaa.grant(token));
        let open = self.uaa.is_none();
        let caller = foundation.caller(request, open, issued);
        let uaa_url = self.uaa.as_ref().map(Uaa::url);
        self.limited(&foundation, request, &caller, || {
            foundation.answer_to(request, caller.clone(), uaa_url.as_deref())
        })
    }

    /// Returns the answer under the foundation's limits.
    fn limited(
        &self,
        foundation: &Foundation,
        request: &Request<Vec<u8>>,
        caller: &Result<Grant, Unauthorized>,
        answer: impl FnOnce() -> Response<Vec<u8>>,
    ) -> Response<Vec<u8>> {
        let path = request.uri().path();
        // An invalid token gets its 401 even if the holder's limit is used up.
        let exempt = match caller {
            Ok(grant) => grant.is_admin(),
            Err(unauthorized) => *unauthorized == Unauthorized::BadToken,
        };
        if exempt || ["/", "/v3", "/v2/info", "/healthz"].contains(&path) {
            return answer();
        }
        let holder = caller.as_ref().map_or("", |grant| &grant.holder);
        let version = version_of(path);
        let now = self.clock.now().as_secs();
        let limits = [
            (foundation.rate_limit, &self.general, limiter::GENERAL),
            (foundation.v2_rate_limit.filter(|_| version == Some("v2")), &self.v2, limiter::V2),
        ];
        let mut counted = Vec::new();
        for (limit, limiter, names) in limits {
            let Some(limit) = limit else { continue };
            let left = lock(limiter).count(limit, holder, now);
            if left.exceeded {
                let limit = match version {
                    Some("v2") if names == limiter::V2 => Limit::V2(left.wait),
                    Some("v2" | "v3") => Limit::Seconds(left.wait),
                    _ => Limit::Null(left.wait),
                };
                let mut answer = too_many_requests(version, limit);
                left.write(answer.headers_mut(), names);
                return answer;
            }
            counted.push((left, names));
        }
        let mut answer = answer();
        for (left, names) in counted {
            left.write(answer.headers_mut(), names);
        }
        answer
    }

    fn change_after(&self, path: &str) {
        let due: Vec<Later> = {
            let mut later = lock(&self.later);
            for one in later.iter_mut().filter(|one| path.starts_with(&one.path)) {
                one.left = one.left.saturating_sub(1);
            }
            let (due, rest) = later.drain(..).partition(|one| one.left == 0);
            *later = rest;
            due
        };
        for one in due {
            (one.change)(&mut lock(&self.foundation));
        }
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").finish_non_exhaustive()
    }
}
