//! One request until its answer, with everything that tokens need: a machine that neither sends nor waits.

use http::{HeaderValue, Request, Response};

use super::Core;
use crate::auth::Kind;
use crate::auth::session::{Session, Ticket, Turn};
use crate::error::Error;
use crate::transport::TransportError;

/// Builds the request with this `Authorization`.
pub(super) type Build<'a> = &'a (dyn Fn(Option<HeaderValue>) -> Request<Vec<u8>> + Sync);

/// What the driver has to do next.
pub(super) enum Need<'a> {
    /// Send this, and give the answer to [`Exchange::answer`].
    Send(Request<Vec<u8>>),
    /// Wait until somebody else has renewed the token.
    Wait(&'a Session),
    /// Nothing more.
    Done(Result<Response<Vec<u8>>, Error>),
}

pub(super) struct Exchange<'a> {
    core: &'a Core,
    build: Build<'a>,
    state: State<'a>,
    /// The token was refused once, and a second time is final.
    renewed: bool,
}

enum State<'a> {
    /// The request is to be made. The login's token with this number was refused.
    Ready(Option<u64>),
    /// The UAA is asked first.
    AtUaa(Ticket<'a>),
    /// The request is on its way.
    Sent(Shown),
    Done(Result<Response<Vec<u8>>, Error>),
}

/// What the request showed of who asks.
enum Shown {
    /// Nothing that could be renewed.
    Fixed,
    Header(HeaderValue),
    Token(u64),
}

impl<'a> Exchange<'a> {
    pub(super) const fn new(core: &'a Core, build: Build<'a>) -> Self {
        Self { core, build, state: State::Ready(None), renewed: false }
    }

    pub(super) fn next(&mut self) -> Need<'a> {
        let core = self.core;
        let rejected = match std::mem::replace(&mut self.state, State::Ready(None)) {
            State::Ready(rejected) => rejected,
            State::Done(result) => return Need::Done(result),
            // A driver that asks again instead of answering; it begins again.
            State::AtUaa(_) | State::Sent(_) => None,
        };
        match &core.credentials.0 {
            Kind::Token(token) => self.send(token.header(), Shown::Fixed),
            Kind::Provider(provider) => match provider.header() {
                Ok(header) => self.send(header.clone(), Shown::Header(header)),
                Err(e) => Need::Done(Err(e)),
            },
            Kind::Login(session) => match session.turn(core.clock.now(), rejected) {
                Turn::Have(token, number) => self.send(token.header(), Shown::Token(number)),
                Turn::Ask(ticket, request) => {
                    self.state = State::AtUaa(ticket);
                    Need::Send(*request)
                }
                Turn::Wait => {
                    self.state = State::Ready(rejected);
                    Need::Wait(session)
                }
                Turn::Failed(e) => Need::Done(Err(e)),
            },
        }
    }

    pub(super) fn answer(&mut self, result: Result<Response<Vec<u8>>, TransportError>) {
        let shown = match std::mem::replace(&mut self.state, State::Ready(None)) {
            State::AtUaa(ticket) => return ticket.answer(self.core.clock.now(), result),
            State::Sent(shown) => shown,
            State::Ready(_) | State::Done(_) => Shown::Fixed,
        };
        let refused = !self.renewed
            && result.as_ref().is_ok_and(|response| {
                response.status() == 401 && Error::from_response(response) == Error::TokenRejected
            });
        if refused {
            self.renewed = true;
            match (shown, &self.core.credentials.0) {
                (Shown::Token(number), _) => {
                    self.state = State::Ready(Some(number));
                    return;
                }
                // The same header would be refused again.
                (Shown::Header(old), Kind::Provider(provider)) => match provider.header() {
                    Ok(new) if new != old => {
                        self.state = State::Ready(None);
                        return;
                    }
                    Ok(_) => {}
                    Err(e) => {
                        self.state = State::Done(Err(e));
                        return;
                    }
                },
                _ => {}
            }
        }
        self.state = State::Done(result.map_err(Error::from));
    }

    fn send(&mut self, header: HeaderValue, shown: Shown) -> Need<'a> {
        self.state = State::Sent(shown);
        Need::Send((self.build)(Some(header)))
    }
}
