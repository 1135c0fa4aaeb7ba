//! One request until its answer, with the handling of tokens: a state machine that neither sends
//! nor waits.

use std::time::Duration;

use asg_core::Timestamp;
use http::{HeaderValue, Request, Response};

use super::Core;
use crate::auth::Kind;
use crate::auth::session::{Session, Ticket, Turn};
use crate::clock::until;
use crate::error::Error;
use crate::stop::Begun;
use crate::transport::{TimeLeft, TransportError};

/// Builds the request with this `Authorization`.
pub(super) type Build<'a> = &'a (dyn Fn(Option<HeaderValue>) -> Request<Vec<u8>> + Sync);

/// The bounds of a question with several requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// The end, and the time that was allowed.
    pub(super) end: Option<(Timestamp, Duration)>,
    pub(super) begun: Begun,
}

/// The driver's next step.
pub(super) enum Need<'a> {
    /// Send this, and pass the answer to [`Exchange::answer`].
    Send(Request<Vec<u8>>),
    /// Wait until somebody else has renewed the token.
    Wait(&'a Session),
    /// The exchange has ended.
    Done(Result<Response<Vec<u8>>, Error>),
}

pub(super) struct Exchange<'a> {
    core: &'a Core,
    build: Build<'a>,
    deadline: Deadline,
    state: State<'a>,
    /// Whether the token was refused once; a second time is final.
    renewed: bool,
}

enum State<'a> {
    /// The request is ready to be sent.
    Ready,
    /// The UAA is asked first.
    AtUaa(Ticket<'a>),
    /// The request was sent.
    Sent(Shown),
    Done(Result<Response<Vec<u8>>, Error>),
}

/// The credentials in a request.
enum Shown {
    /// Credentials that cannot be renewed.
    Fixed,
    Header(HeaderValue),
    Token(u64),
}

impl<'a> Exchange<'a> {
    pub(super) const fn new(core: &'a Core, build: Build<'a>, deadline: Deadline) -> Self {
        Self { core, build, deadline, state: State::Ready, renewed: false }
    }

    pub(super) fn next(&mut self) -> Need<'a> {
        let core = self.core;
        // A driver that asks again instead of answering starts over.
        if let State::Done(result) = std::mem::replace(&mut self.state, State::Ready) {
            return Need::Done(result);
        }
        let in_time = |request| match core.in_time(request, self.deadline) {
            Ok(request) => Need::Send(request),
            Err(e) => Need::Done(Err(e)),
        };
        let (header, shown) = match &core.credentials.0 {
            Kind::Token(token) => (token.header(), Shown::Fixed),
            Kind::Provider(provider) => match provider.header() {
                Ok(header) => (header.clone(), Shown::Header(header)),
                Err(e) => return Need::Done(Err(e)),
            },
            Kind::Login(session) => match session.turn(core.clock.now()) {
                Turn::Have(token, number) => (token.header(), Shown::Token(number)),
                Turn::Ask(ticket, request) => {
                    self.state = State::AtUaa(ticket);
                    return in_time(*request);
                }
                Turn::Wait => return Need::Wait(session),
                Turn::Failed(e) => return Need::Done(Err(e)),
            },
        };
        self.state = State::Sent(shown);
        in_time((self.build)(Some(header)))
    }

    pub(super) fn answer(&mut self, result: Result<Response<Vec<u8>>, TransportError>) {
        let now = self.core.clock.now();
        let shown = match std::mem::replace(&mut self.state, State::Ready) {
            State::AtUaa(ticket) => return ticket.answer(now, result),
            State::Sent(shown) => shown,
            State::Ready | State::Done(_) => Shown::Fixed,
        };
        let is_refused = result.as_ref().is_ok_and(|response| {
            response.status() == 401 && Error::from_response(response) == Error::TokenRejected
        });
        let again = match (shown, &self.core.credentials.0) {
            (Shown::Token(number), Kind::Login(session)) if is_refused => {
                session.refused(number, now).map(|()| true)
            }
            (Shown::Token(number), Kind::Login(session)) => {
                // A router or proxy that fails has not checked the token.
                if result.as_ref().is_ok_and(|response| !response.status().is_server_error()) {
                    session.accepted(number);
                }
                Ok(false)
            }
            // An equal header would be refused again.
            (Shown::Header(old), Kind::Provider(provider)) if is_refused && !self.renewed => {
                provider.header().map(|new| new != old)
            }
            _ => Ok(false),
        };
        self.state = match again {
            Ok(true) if !self.renewed => State::Ready,
            Ok(_) if result.as_ref().is_ok_and(|response| response.status() == 429) => {
                let ended = self.core.credentials.ended(now);
                State::Done(match ended {
                    Some(at) => Err(Error::TokenEnded { at }),
                    None => result.map_err(Error::from),
                })
            }
            Ok(_) => State::Done(result.map_err(Error::from)),
            Err(e) => State::Done(Err(e)),
        };
        self.renewed |= is_refused;
    }
}

impl Core {
    /// Adds the time that is left to a request; an error if no more requests are allowed.
    pub(super) fn in_time(
        &self,
        mut request: Request<Vec<u8>>,
        deadline: Deadline,
    ) -> Result<Request<Vec<u8>>, Error> {
        if self.stop.ends(deadline.begun) {
            return Err(Error::Stopped);
        }
        request.extensions_mut().insert(deadline.begun);
        if let Some((end, allowed)) = deadline.end {
            let left = until(self.clock.now(), end);
            if left.is_zero() {
                return Err(Error::Deadline(allowed));
            }
            request.extensions_mut().insert(TimeLeft(left));
        }
        Ok(request)
    }
}
