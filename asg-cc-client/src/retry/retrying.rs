//! Retries, as a transport around a transport.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use asg_core::Timestamp;
use http::{Request, Response};

use super::attempt::{Attempt, Pause};
use super::sleep::Sleep;
use super::trace::{self, Span};
use super::{Counts, Notice, Policy};
use crate::clock::{Clock, Random, later, until};
use crate::stop::{Begun, Stop};
use crate::transport::{AsyncTransport, Sending, TimeLeft};
use crate::transport::{Transport, TransportError, TransportErrorKind};

type Observer = Box<dyn Fn(&Notice<'_>) + Send + Sync>;

/// Tries again after temporary failures: no connection, no whole answer, 429, 5xx, and a router
/// that has lost its route.
///
/// It waits as long as the server asks in `Retry-After` or the reset headers, or else a random time
/// up to half a second, which doubles each time (full jitter). If the server asks for a pause, all
/// requests wait, not only the one that was refused. If it asks for more than the longest wait, its
/// answer is returned at once, and the caller decides. GETs are repeated; a request for a token
/// only if the server surely did not read it.
///
/// It is a [`Transport`] around one, and an [`AsyncTransport`] around one of those, with
/// [`with_async_sleep`](Self::with_async_sleep).
///
/// # Example
///
/// ```
/// use std::cell::{Cell, RefCell};
/// use std::time::Duration;
/// use asg_cc_client::clock::Random;
/// use asg_cc_client::{Retrying, Transport, TransportError};
/// use http::{Request, Response};
///
/// let calls = Cell::new(0);
/// let flaky = |_: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
///     calls.set(calls.get() + 1);
///     let status = if calls.get() < 3 { 503 } else { 200 };
///     Ok(Response::builder().status(status).body(Vec::new()).unwrap())
/// };
/// let waits = RefCell::new(Vec::new());
/// let transport = Retrying::new(flaky)
///     .with_random(Random::new(|| 1.0))
///     .with_sleep(|wait: Duration| waits.borrow_mut().push(wait.as_millis()));
/// assert_eq!(transport.send(Request::new(Vec::new()))?.status(), 200);
/// assert_eq!(transport.counts().retries, 2);
/// assert_eq!(*waits.borrow(), [500, 1000]);
/// # Ok::<(), TransportError>(())
/// ```
pub struct Retrying<T, S = fn(Duration)> {
    inner: T,
    policy: Policy,
    sleep: S,
    clock: Clock,
    random: Random,
    observer: Option<Observer>,
    stop: Stop,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    /// The number of requests that were sent; counted under the lock, so that threads together keep
    /// the budget.
    spent: Spent,
    /// The end of a pause that the server asked for.
    hold: Option<Timestamp>,
}

/// The part of the budgets that is used up.
#[derive(Debug, Default)]
struct Spent {
    requests: u64,
    logins: u64,
    /// The start of the budgets' interval.
    since: Option<Timestamp>,
}

impl Spent {
    /// Takes one request from the budgets; an error if none is left.
    fn take(&mut self, policy: &Policy, is_login: bool, now: Timestamp) -> Result<(), String> {
        let since = *self.since.get_or_insert(now);
        if policy.renewed_every.is_some_and(|every| later(since, every) <= now) {
            *self = Self { since: Some(now), ..Self::default() };
        }
        let over = |budget: Option<u64>, spent: u64| budget.filter(|budget| spent >= *budget);
        if let Some(budget) = over(policy.budget, self.requests) {
            return Err(format!("the budget of {budget} requests is used up"));
        }
        if let Some(budget) = over(policy.logins, self.logins).filter(|_| is_login) {
            return Err(format!("the budget of {budget} logins is used up"));
        }
        self.requests += 1;
        self.logins += u64::from(is_login);
        Ok(())
    }
}

impl<T> Retrying<T> {
    /// Creates it with [`Policy::default`]; the thread sleeps in pauses.
    ///
    /// ```
    /// # use asg_cc_client::{Retrying, Transport, TransportError};
    /// # use http::{Request, Response};
    /// let fine = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(Vec::new()));
    /// let transport = Retrying::new(fine);
    /// assert_eq!(transport.send(Request::new(Vec::new()))?.status(), 200);
    /// # Ok::<(), TransportError>(())
    /// ```
    #[must_use]
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            policy: Policy::default(),
            sleep: std::thread::sleep,
            clock: Clock::system(),
            random: Random::system(),
            observer: None,
            stop: Stop::new(),
            state: Mutex::default(),
        }
    }
}

impl<T, S> Retrying<T, S> {
    /// Sets the policy.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Sets the number of tries, the first included.
    ///
    /// ```
    /// # use asg_cc_client::{Retrying, Transport, TransportError};
    /// # use http::{Request, Response};
    /// let fine = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(Vec::new()));
    /// let transport = Retrying::new(fine);
    /// let once = transport.with_tries(1);
    /// assert_eq!(once.send(Request::new(Vec::new()))?.status(), 200);
    /// # Ok::<(), TransportError>(())
    /// ```
    #[must_use]
    pub fn with_tries(mut self, tries: u32) -> Self {
        self.policy.tries = tries;
        self
    }

    /// Sets the maximum pause.
    #[must_use]
    pub fn with_longest_wait(mut self, longest_wait: Duration) -> Self {
        self.policy.longest_wait = longest_wait;
        self
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Takes the lengths of pauses from these numbers.
    #[must_use]
    pub fn with_random(self, random: Random) -> Self {
        Self { random, ..self }
    }

    /// Passes each event to `observer` as it happens.
    ///
    /// ```
    /// # use asg_cc_client::{Retrying, Transport, TransportError};
    /// # use http::{Request, Response};
    /// let fine = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(Vec::new()));
    /// let transport = Retrying::new(fine);
    /// let transport = transport.with_observer(|notice| eprintln!("{notice:?}"));
    /// assert_eq!(transport.send(Request::new(Vec::new()))?.status(), 200);
    /// # Ok::<(), TransportError>(())
    /// ```
    #[must_use]
    pub fn with_observer(self, observer: impl Fn(&Notice<'_>) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Box::new(observer)), ..self }
    }

    /// Sets how to wait: for tests, or to stop waiting when a program ends.
    ///
    /// ```
    /// # use asg_cc_client::{Retrying, Transport, TransportError};
    /// # use http::{Request, Response};
    /// let fine = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(Vec::new()));
    /// let transport = Retrying::new(fine);
    /// let transport = transport.with_sleep(|_| {});
    /// assert_eq!(transport.send(Request::new(Vec::new()))?.status(), 200);
    /// # Ok::<(), TransportError>(())
    /// ```
    #[must_use]
    pub fn with_sleep<U: Fn(Duration)>(self, sleep: U) -> Retrying<T, U> {
        self.sleeping(sleep)
    }

    /// Sets how to wait, for example by `tokio::time::sleep`: for an [`AsyncTransport`].
    #[must_use]
    pub fn with_async_sleep<U, F>(self, sleep: U) -> Retrying<T, U>
    where
        U: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        self.sleeping(sleep)
    }

    /// Ends pauses and sends nothing more once `stop` is set; requests in progress are not
    /// interrupted. The thread sleeps in pauses.
    ///
    /// ```
    /// use asg_cc_client::transport::TransportErrorKind;
    /// use asg_cc_client::{Retrying, Stop, Transport, TransportError};
    /// use http::{Request, Response};
    ///
    /// let stop = Stop::new();
    /// let from_server = stop.clone();
    /// let failing = move |_: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
    ///     from_server.stop();
    ///     Ok(Response::builder().status(503).body(Vec::new()).unwrap())
    /// };
    /// let transport = Retrying::new(failing).with_stop(&stop);
    /// let error = transport.send(Request::new(Vec::new())).unwrap_err();
    /// assert_eq!(error.kind(), TransportErrorKind::Stopped);
    /// ```
    #[must_use]
    pub fn with_stop(mut self, stop: &Stop) -> Retrying<T, Stop> {
        self.stop = stop.clone();
        self.sleeping(stop.clone())
    }

    /// Returns the inner transport.
    ///
    /// ```
    /// # use asg_cc_client::{Retrying, Transport, TransportError};
    /// # use http::{Request, Response};
    /// let fine = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(Vec::new()));
    /// let transport = Retrying::new(fine);
    /// assert!(transport.get_ref().send(Request::new(Vec::new())).is_ok());
    /// ```
    pub const fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns the numbers of requests and failures so far.
    ///
    /// ```
    /// # use asg_cc_client::{Retrying, Transport, TransportError};
    /// # use http::{Request, Response};
    /// let fine = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(Vec::new()));
    /// let transport = Retrying::new(fine);
    /// transport.send(Request::new(Vec::new()))?;
    /// assert_eq!(transport.counts().retries, 0);
    /// # Ok::<(), TransportError>(())
    /// ```
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    fn sleeping<U>(self, sleep: U) -> Retrying<T, U> {
        let Self { inner, policy, sleep: _, clock, random, observer, stop, state } = self;
        Retrying { inner, policy, sleep, clock, random, observer, stop, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers and a time: consistent wherever a thread could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn course(&self, request: &Request<Vec<u8>>) -> Course<'_, T, S> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        Course {
            retrying: self,
            attempt: Attempt::new(request.method().clone()),
            method: request.method().clone(),
            target: target.to_owned(),
            end: request.extensions().get().map(|TimeLeft(left)| later(self.clock.now(), *left)),
            begun: request.extensions().get().copied().unwrap_or_else(|| self.stop.begin()),
            span: trace::span(request.method(), target),
        }
    }
}

/// One request in progress: everything but sending and sleeping, which differ between the two kinds
/// of transport.
struct Course<'a, T, S> {
    retrying: &'a Retrying<T, S>,
    attempt: Attempt,
    method: http::Method,
    target: String,
    /// The end of the caller's time.
    end: Option<Timestamp>,
    /// The beginning of the caller's question, which an interruption after it ends.
    begun: Begun,
    span: Span,
}

impl<T, S> Course<'_, T, S> {
    /// Returns how long to wait before the first try, because the server asked for a pause.
    fn hold(&self) -> Option<Duration> {
        let until_then = until(self.retrying.clock.now(), self.retrying.state().hold?);
        (!until_then.is_zero()).then_some(until_then.min(self.retrying.policy.longest_wait))
    }

    /// Begins a try.
    fn begin(&mut self, request: &mut Request<Vec<u8>>) -> Result<(), TransportError> {
        if self.retrying.stop.ends(self.begun) {
            let what = "the caller ended the work";
            return Err(TransportError::new(TransportErrorKind::Stopped, what));
        }
        if let Some(end) = self.end {
            let left = until(self.retrying.clock.now(), end);
            request.extensions_mut().insert(TimeLeft(left));
        }
        {
            let Retrying { policy, clock, .. } = self.retrying;
            let is_login = self.method == http::Method::POST;
            let spent = self.retrying.state().spent.take(policy, is_login, clock.now());
            spent.map_err(|what| TransportError::new(TransportErrorKind::Budget, what))?;
        }
        let attempt = self.attempt.begin();
        self.tell(&Notice::Sending { method: &self.method, target: &self.target, attempt });
        Ok(())
    }

    /// Returns after a try how long to wait before the next; `None` if this was the last.
    fn after(&self, result: &Result<Response<Vec<u8>>, TransportError>) -> Option<Duration> {
        let target = self.target.as_str();
        self.tell(&match result {
            Ok(response) => Notice::Answered { target, status: response.status().as_u16() },
            Err(e) => Notice::Lost { target, kind: e.kind() },
        });
        let Retrying { policy, clock, random, .. } = self.retrying;
        let now = clock.now();
        let Pause { length, asked } = self.attempt.after(policy, result, now, random.next())?;
        if self.end.is_some_and(|end| end <= later(now, length)) {
            return None;
        }
        if asked {
            let mut state = self.retrying.state();
            state.hold = state.hold.max(Some(later(now, length)));
        }
        self.tell(&Notice::Waiting { target, pause: length });
        Some(length)
    }

    fn tell(&self, notice: &Notice<'_>) {
        self.retrying.state().counts.add(notice);
        self.span.in_scope(|| trace::notice(notice));
        if let Some(observer) = &self.retrying.observer {
            observer(notice);
        }
    }
}

impl<T: Transport, S: Sleep> Transport for Retrying<T, S> {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        let mut course = self.course(&request);
        if let Some(hold) = course.hold() {
            self.sleep.sleep(hold, course.begun);
        }
        loop {
            let mut request = request.clone();
            course.begin(&mut request)?;
            let result = self.inner.send(request);
            match course.after(&result) {
                Some(pause) => self.sleep.sleep(pause, course.begun),
                None => return result,
            }
        }
    }
}

impl<T, S, F> AsyncTransport for Retrying<T, S>
where
    T: AsyncTransport + Sync,
    S: Fn(Duration) -> F + Sync,
    F: Future<Output = ()> + Send,
{
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_> {
        Box::pin(async move {
            let mut course = self.course(&request);
            if let Some(hold) = course.hold() {
                (self.sleep)(hold).await;
            }
            loop {
                let mut request = request.clone();
                course.begin(&mut request)?;
                let result = self.inner.send(request).await;
                match course.after(&result) {
                    Some(pause) => (self.sleep)(pause).await,
                    None => return result,
                }
            }
        })
    }
}

impl<T: fmt::Debug, S> fmt::Debug for Retrying<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying")
            .field("inner", &self.inner)
            .field("policy", &self.policy)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
