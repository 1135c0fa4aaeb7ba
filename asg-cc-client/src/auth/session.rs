//! The state of a login: it decides who asks the UAA next, and keeps the current tokens. It sends
//! nothing itself.
//!
//! One thread or future asks at a time ("single flight"), and the others wait: a refresh token may
//! work only once, and a foundation's UAA serves everybody. A refusal by the UAA is remembered,
//! because repeated wrong passwords lock the user out.
//!
//! Clocks differ. So a token's lifetime is counted from its arrival, a token that was just issued
//! is used at least once, and Cloud Controller's 401 decides. If it refuses two such tokens in a
//! row, the UAA is not asked for ten minutes.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use asg_core::Timestamp;
use http::{Request, Response};

use super::grant::{Client, Grant, Tokens};
use crate::api::Address;
use crate::clock::later;
use crate::error::{Error, RetryAfter};
use crate::secret::Secret;
use crate::text::encode;
use crate::token::Token;
use crate::transport::{TransportError, TransportErrorKind};

/// A token is renewed this long before it ends, or when half of its life is over, if that is later.
const EARLY: Duration = Duration::from_secs(60);
/// A shorter lifetime is ignored: such a token is used until it is refused.
const SHORTEST: Duration = Duration::from_secs(10);
/// After the UAA could not answer, it is not asked for this long.
const PEACE: Duration = Duration::from_secs(10);
/// If Cloud Controller refuses so many new tokens in a row, another login does not help.
const FRUITLESS: u32 = 2;
const SECOND: i64 = 1_000_000_000;
/// Then the UAA is not asked for this long.
const LONG_PEACE: Duration = Duration::from_secs(600);

/// Reads a token again from its source.
pub(super) type Reread = Box<dyn Fn() -> Result<Token, Error> + Send + Sync>;

pub(crate) struct Session {
    client: Client,
    primary: Grant,
    uaa: OnceLock<Address>,
    reread: Option<Reread>,
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// The last token that expired or was refused.
    over: Option<Token>,
    refresh: Option<Secret>,
    /// Whether the primary grant was used and works only once.
    spent: bool,
    /// Whether somebody is asking the UAA.
    asking: bool,
    failure: Option<Failure>,
    /// The number of tokens so far.
    number: u64,
    /// The number of issued tokens in a row that Cloud Controller refused before accepting any.
    fruitless: u32,
    /// How far this clock was ahead of the UAA's at the last login, in seconds.
    ahead: Option<i64>,
    waiting: Vec<Waker>,
}

struct Held {
    token: Token,
    number: u64,
    /// Whether the UAA issued it to this session, and Cloud Controller has not accepted it yet.
    is_new: bool,
    expires: Option<Timestamp>,
    renew: Option<Timestamp>,
}

impl Held {
    /// Takes a token from elsewhere: its life began earlier, so only its own claims show its end.
    fn given(token: Token, number: u64) -> Self {
        let expires = token.expires_at();
        let renew = expires.map(|end| {
            let early = i64::try_from(EARLY.as_nanos()).unwrap_or(i64::MAX);
            Timestamp::from_nanos(end.as_nanos().saturating_sub(early))
        });
        Self { token, number, is_new: false, expires, renew }
    }

    fn issued(token: Token, number: u64, lifetime: Option<Duration>, now: Timestamp) -> Self {
        let lifetime = lifetime.filter(|life| *life >= SHORTEST);
        let expires = lifetime.map(|life| later(now, life));
        let renew = lifetime.map(|life| later(now, life.saturating_sub(EARLY).max(life / 2)));
        Self { token, number, is_new: true, expires, renew }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.is_new || self.renew.is_none_or(|renew| now < renew)
    }

    fn lives(&self, now: Timestamp) -> bool {
        self.is_new || self.expires.is_none_or(|expires| now < expires)
    }
}

struct Failure {
    error: Error,
    /// `None` means for good.
    until: Option<Timestamp>,
}

/// The next step towards a token.
pub(crate) enum Turn<'a> {
    /// Use this one, which has this number.
    Have(Token, u64),
    /// Send this, and pass the answer to the ticket.
    Ask(Ticket<'a>, Box<Request<Vec<u8>>>),
    /// Somebody else is asking: call [`Session::wait`], then take another turn.
    Wait,
    /// No token can be had.
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
        reread: Option<Reread>,
    ) -> Self {
        // A refresh token is a way to renew like any other; as the primary grant it would be tried
        // twice.
        let refresh = match &primary {
            Grant::RefreshToken(token) => Some(token.clone()),
            _ => None,
        };
        let spent = refresh.is_some();
        let held = held.map(|token| Held::given(token, 0));
        let state = State { held, refresh, spent, number: 1, ..State::default() };
        Self {
            client,
            primary,
            uaa: uaa.map(OnceLock::from).unwrap_or_default(),
            reread,
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

    /// Notes that Cloud Controller has accepted the token with this number.
    pub(crate) fn accepted(&self, number: u64) {
        let mut state = self.state();
        let State { held, fruitless, .. } = &mut *state;
        if let Some(held) = held.as_mut().filter(|held| held.number == number && held.is_new) {
            held.is_new = false;
            *fruitless = 0;
        }
    }

    /// Notes that Cloud Controller has refused the token with this number, which someone else may
    /// have renewed since. Returns an error if no further login would help.
    pub(crate) fn refused(&self, number: u64, now: Timestamp) -> Result<(), Error> {
        let mut state = self.state();
        let Some(held) = state.held.take_if(|held| held.number == number) else { return Ok(()) };
        state.over = Some(held.token);
        if self.read_again(&mut state, now) || !held.is_new {
            return Ok(());
        }
        state.fruitless += 1;
        if state.fruitless < FRUITLESS {
            return Ok(());
        }
        let error = Error::FreshTokenRefused { ahead: state.ahead };
        let until = Some(later(now, LONG_PEACE));
        state.failure = Some(Failure { error: error.clone(), until });
        Err(error)
    }

    /// Takes the token that its source has now, if that is a new and living one.
    fn read_again(&self, state: &mut State, now: Timestamp) -> bool {
        let Some(Ok(token)) = self.reread.as_ref().map(|reread| reread()) else { return false };
        let held = Held::given(token, state.number);
        if Some(&held.token) == state.over.as_ref() || !held.lives(now) {
            return false;
        }
        state.number += 1;
        state.held = Some(held);
        true
    }

    /// Decides the next step.
    pub(crate) fn turn(&self, now: Timestamp) -> Turn<'_> {
        let mut state = self.state();
        if let Some(held) = state.held.take_if(|held| !held.lives(now)) {
            state.over = Some(held.token);
        }
        if state.held.is_none() && !state.asking {
            self.read_again(&mut state, now);
        }
        let State { held, refresh, spent, asking, failure, .. } = &mut *state;
        if failure.as_ref().is_some_and(|f| f.until.is_some_and(|until| until <= now)) {
            *failure = None;
        }
        let use_it = |held: &Held| Turn::Have(held.token.clone(), held.number);
        match (&held, failure) {
            (Some(held), _) if held.is_fresh(now) || *asking => return use_it(held),
            (Some(held), Some(_)) => return use_it(held),
            (None, Some(failure)) if !*asking => return Turn::Failed(failure.error.clone()),
            (None, _) if *asking => return Turn::Wait,
            _ => {}
        }
        let (grant, is_refresh) = match refresh {
            Some(token) => (Grant::RefreshToken(token.clone()), true),
            None if !*spent => (self.primary.clone(), false),
            None => return held.as_ref().map_or(Turn::Failed(Error::TokenRejected), use_it),
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

    /// Returns ready when nobody is asking.
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
        let over = state.over.as_ref().map(Token::secret);
        let secrets = [token, over, refresh, grant, client].into_iter().flatten().flat_map(as_sent);
        secrets.chain([self.client.basic()]).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change below is complete before any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the error of a login, with the UAA's address where it would read like the API's.
    fn of_uaa(&self, error: Error) -> Error {
        let is_of_uaa = match &error {
            Error::Transport(error) => {
                !matches!(error.kind(), TransportErrorKind::Stopped | TransportErrorKind::Budget)
            }
            Error::Redirect { .. }
            | Error::NoRoute
            | Error::NotUaa { .. }
            | Error::RateLimited { .. }
            | Error::Unavailable { .. } => true,
            _ => false,
        };
        match self.uaa.get().filter(|_| is_of_uaa) {
            Some(uaa) => Error::Uaa { address: uaa.to_string(), error: Box::new(error) },
            None => error,
        }
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
        let tokens = result.map_err(Error::from).and_then(|answer| Tokens::parse(&answer));
        let secrets = self.session.secrets();
        let mut state = self.session.state();
        let once = matches!(self.session.primary, Grant::Passcode(_));
        state.spent |= once && !self.is_refresh;
        match tokens {
            Ok(Tokens { access, refresh, lifetime }) => {
                let ahead = |at: Timestamp| now.as_nanos().saturating_sub(at.as_nanos()) / SECOND;
                state.ahead = access.issued_at().map(ahead);
                state.held = Some(Held::issued(access, state.number, lifetime, now));
                state.number += 1;
                // An answer without a refresh token keeps the old one, unless that came from
                // another login.
                if refresh.is_some() || !self.is_refresh {
                    state.refresh = refresh;
                }
                state.failure = None;
            }
            // Also if the UAA merely failed: some versions answer 500 to an unknown refresh token.
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
                let error = self.session.of_uaa(error.scrubbed(&secrets));
                state.failure = Some(Failure { error, until });
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
