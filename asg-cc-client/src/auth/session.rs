//! A login that lives on: who asks the UAA next, and what is known meanwhile. It sends nothing itself.
//!
//! One at a time asks ("single flight"): refresh tokens may work but once, and a foundation's UAA is everybody's. Whoever
//! comes meanwhile waits, by thread or by future. What the UAA refuses is remembered, since a wrong password that is sent
//! again and again locks its user out.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use asg_core::Timestamp;
use http::{Request, Response};

use super::grant::{Client, Grant, Tokens};
use crate::api::Address;
use crate::clock::{later, until};
use crate::error::Error;
use crate::error::RetryAfter;
use crate::secret::Secret;
use crate::text::encode;
use crate::token::Token;
use crate::transport::TransportError;

/// A token is renewed so long before it ends, or when half of its life is over, if that is later.
const EARLY: Duration = Duration::from_secs(60);
/// After a UAA that could not answer, nobody asks it for so long.
const PEACE: Duration = Duration::from_secs(10);

pub(crate) struct Session {
    client: Client,
    primary: Grant,
    uaa: OnceLock<Address>,
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    refresh: Option<Secret>,
    /// The primary grant was used and works only once.
    spent: bool,
    /// Somebody is asking the UAA.
    asking: bool,
    failure: Option<Failure>,
    /// Tokens so far.
    number: u64,
    waiting: Vec<Waker>,
}

struct Held {
    token: Token,
    number: u64,
    expires: Option<Timestamp>,
    renew: Option<Timestamp>,
}

impl Held {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    fn lives(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

struct Failure {
    error: Error,
    /// `None`: for good.
    until: Option<Timestamp>,
}

/// What to do to have a token.
pub(crate) enum Turn<'a> {
    /// Use this one, which has this number.
    Have(Token, u64),
    /// Send this, and give the answer to the ticket.
    Ask(Ticket<'a>, Box<Request<Vec<u8>>>),
    /// Somebody else is asking: [`Session::wait`], then take another turn.
    Wait,
    /// There is none.
    Failed(Error),
}

/// The right to ask the UAA. Dropped without an answer, it goes to the next.
pub(crate) struct Ticket<'a> {
    session: &'a Session,
    is_refresh: bool,
}

impl Session {
    pub(super) fn new(
        client: Client,
        primary: Grant,
        uaa: Option<Address>,
        held: Option<Token>,
    ) -> Self {
        // A refresh token is a way to renew like any other; as the primary grant it would be tried twice.
        let refresh = match &primary {
            Grant::RefreshToken(token) => Some(token.clone()),
            _ => None,
        };
        let spent = refresh.is_some();
        let held = held.map(|token| {
            let expires = token.expires_at();
            // Nothing tells how long it lives in all.
            let renew = expires.map(|end| Timestamp::from_nanos(end.as_nanos() - nanos(EARLY)));
            Held { token, number: 0, expires, renew }
        });
        let state = State { held, refresh, spent, number: 1, ..State::default() };
        Self {
            client,
            primary,
            uaa: uaa.map(OnceLock::from).unwrap_or_default(),
            state: Mutex::new(state),
            turned: Condvar::new(),
        }
    }

    pub(crate) fn needs_uaa(&self) -> bool {
        self.uaa.get().is_none()
    }

    pub(crate) fn found_uaa(&self, uaa: Address) {
        drop(self.uaa.set(uaa));
    }

    /// What to do now. `rejected` is the number of the token that Cloud Controller has just refused.
    pub(crate) fn turn(&self, now: Timestamp, rejected: Option<u64>) -> Turn<'_> {
        let mut state = self.state();
        if rejected.is_some() && state.held.as_ref().map(|held| held.number) == rejected {
            state.held = None;
        }
        let State { held, refresh, spent, asking, failure, .. } = &mut *state;
        if failure.as_ref().is_some_and(|f| f.until.is_some_and(|until| until <= now)) {
            *failure = None;
        }
        let living = held.as_ref().filter(|held| held.lives(now));
        let use_it = |held: &Held| Turn::Have(held.token.clone(), held.number);
        match (living, failure) {
            (Some(held), _) if held.is_fresh(now) || *asking => return use_it(held),
            (Some(held), Some(_)) => return use_it(held),
            (None, Some(failure)) if !*asking => return Turn::Failed(failure.error.clone()),
            (None, _) if *asking => return Turn::Wait,
            _ => {}
        }
        let (grant, is_refresh) = match refresh {
            Some(token) => (Grant::RefreshToken(token.clone()), true),
            None if !*spent => (self.primary.clone(), false),
            None => return living.map_or(Turn::Failed(Error::TokenRejected), use_it),
        };
        let Some(uaa) = self.uaa.get() else {
            return Turn::Failed(Error::UaaAddress("is not known"));
        };
        *asking = true;
        let request = self.client.request(uaa, &grant);
        Turn::Ask(Ticket { session: self, is_refresh }, Box::new(request))
    }

    /// Blocks until nobody is asking.
    pub(crate) fn wait(&self) {
        drop(self.turned.wait_while(self.state(), |state| state.asking));
    }

    /// Is ready when nobody is asking.
    pub(crate) fn poll_wait(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if !state.asking {
            return Poll::Ready(());
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }

    pub(super) fn token(&self) -> Option<Token> {
        self.state().held.as_ref().map(|held| held.token.clone())
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        let state = self.state();
        let token = state.held.as_ref().map(|held| held.token.secret());
        let refresh = state.refresh.as_ref().map(Secret::expose);
        let grant = self.primary.secret().map(Secret::expose);
        let client = Some(self.client.secret.expose());
        let as_sent = |secret: &str| [secret.to_owned(), encode(secret)];
        let secrets = [token, refresh, grant, client].into_iter().flatten().flat_map(as_sent);
        secrets.chain([self.client.basic()]).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change below is whole before anything could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn let_the_next(&self, mut state: MutexGuard<'_, State>) {
        state.asking = false;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.turned.notify_all();
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Ticket<'_> {
    /// Takes the UAA's answer.
    pub(crate) fn answer(self, now: Timestamp, result: Result<Response<Vec<u8>>, TransportError>) {
        let tokens = result.map_err(Error::from).and_then(|answer| Tokens::read(&answer, now));
        let secrets = self.session.secrets();
        let mut state = self.session.state();
        let once = matches!(self.session.primary, Grant::Passcode(_));
        state.spent |= once && !self.is_refresh;
        match tokens {
            Ok(tokens) => {
                let number = state.number;
                state.number += 1;
                let renew = tokens.expires.map(|end| {
                    let life = until(now, end);
                    later(now, life.saturating_sub(EARLY).max(life / 2))
                });
                let Tokens { access: token, refresh, expires } = tokens;
                state.held = Some(Held { token, number, expires, renew });
                // A refresh token that is not rotated is not repeated either; one of another login is void.
                if refresh.is_some() || !self.is_refresh {
                    state.refresh = refresh;
                }
                state.failure = None;
            }
            // Also if the UAA merely failed: some versions answer 500 to a refresh token that they do not know.
            Err(_) if self.is_refresh && !state.spent => state.refresh = None,
            Err(error) => {
                let until = match &error {
                    Error::RateLimited { retry: Some(RetryAfter::At(time)) } => Some(*time),
                    Error::RateLimited { retry: Some(RetryAfter::Seconds(seconds)) } => {
                        Some(later(now, Duration::from_secs(*seconds)))
                    }
                    Error::Login { .. } => None,
                    _ => Some(later(now, PEACE)),
                };
                if self.is_refresh && until.is_none() {
                    state.refresh = None;
                }
                state.failure = Some(Failure { error: error.scrubbed(&secrets), until });
            }
        }
        drop(state);
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.session.let_the_next(self.session.state());
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("client", &self.client.id)
            .field("uaa", &self.uaa.get())
            .finish_non_exhaustive()
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
