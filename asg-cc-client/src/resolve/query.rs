//! One request of a plan, of any kind: its answer goes into [`Knowledge`], and more pages may
//! follow.

use std::sync::Arc;

use http::{HeaderValue, Request, Response};

use super::Knowledge;
use super::search::List;
use crate::api::{Address, App, Body, Call, Deployment, Event, Org, Page, Process, Space, Work};
use crate::error::Error;

/// A thing that [`Knowledge`] can take.
pub(crate) trait Record: Body + Send + 'static {
    fn add_to(self, known: &mut Knowledge);
}

macro_rules! records {
    ($($record:ty => $add:ident),* $(,)?) => {$(
        impl Record for $record {
            fn add_to(self, known: &mut Knowledge) {
                known.$add(self);
            }
        }
    )*};
}

records! {
    App => add_app,
    Space => add_space,
    Org => add_org,
    Process => add_process,
    Work => add_work,
    Deployment => add_deployment,
    Event => add_event,
}

/// A [`Call`] of any type.
pub(crate) trait Ask: Send + Sync {
    fn request(&self, address: &Address, authorization: Option<HeaderValue>) -> Request<Vec<u8>>;
    fn parse(&self, response: &Response<Vec<u8>>) -> Result<Learned, Error>;
    fn target(&self) -> String;
    /// Returns the number of GUIDs it asks for.
    fn width(&self) -> usize;
    fn split(&self) -> Option<[Arc<dyn Ask>; 2]>;
    /// Returns it without `include=`, for a Cloud Controller that does not support it.
    fn without_include(&self) -> Option<Arc<dyn Ask>>;
}

/// The contents of an answer: something to add, and perhaps the call for the next page.
pub(crate) struct Learned {
    pub(crate) add: Box<dyn FnOnce(&mut Knowledge) + Send>,
    pub(crate) next: Option<Arc<dyn Ask>>,
}

impl<R: Record> Ask for Call<Page<R>>
where
    Page<R>: Body,
{
    fn request(&self, address: &Address, authorization: Option<HeaderValue>) -> Request<Vec<u8>> {
        self.request_with(address, authorization)
    }

    fn parse(&self, response: &Response<Vec<u8>>) -> Result<Learned, Error> {
        let page = Call::parse(self, response)?;
        let next = self.next(&page)?.map(|call| Arc::new(call) as Arc<dyn Ask>);
        let add = move |known: &mut Knowledge| {
            page.resources.into_iter().for_each(|record| record.add_to(known));
            page.spaces.into_iter().for_each(|space| space.add_to(known));
            page.orgs.into_iter().for_each(|org| org.add_to(known));
        };
        Ok(Learned { add: Box::new(add), next })
    }

    fn target(&self) -> String {
        Call::target(self)
    }

    fn width(&self) -> usize {
        Call::width(self)
    }

    fn split(&self) -> Option<[Arc<dyn Ask>; 2]> {
        Some(Call::split(self)?.map(|call| Arc::new(call) as Arc<dyn Ask>))
    }

    fn without_include(&self) -> Option<Arc<dyn Ask>> {
        Some(Arc::new(Call::without_include(self)?))
    }
}

impl<R: Record> Ask for Call<R> {
    fn request(&self, address: &Address, authorization: Option<HeaderValue>) -> Request<Vec<u8>> {
        self.request_with(address, authorization)
    }

    fn parse(&self, response: &Response<Vec<u8>>) -> Result<Learned, Error> {
        let record = Call::parse(self, response)?;
        Ok(Learned { add: Box::new(move |known| record.add_to(known)), next: None })
    }

    fn target(&self) -> String {
        Call::target(self)
    }

    fn width(&self) -> usize {
        0
    }

    fn split(&self) -> Option<[Arc<dyn Ask>; 2]> {
        None
    }

    fn without_include(&self) -> Option<Arc<dyn Ask>> {
        None
    }
}

/// A call, and the consequence of its failure.
pub(crate) struct Query {
    pub(crate) ask: Arc<dyn Ask>,
    pub(super) fallback: Fallback,
    /// The maximum number of further pages.
    pub(super) pages: usize,
}

/// The consequence of a call that fails with an answer of Cloud Controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fallback {
    /// The plan fails.
    Fail,
    /// Not every Cloud Controller has the list of this name, or not with these filters. Without it,
    /// an id that is not found may still exist.
    Skip(&'static str),
    /// A page of a list that is searched.
    Search(List),
    /// Without these events, or beyond `pages` of them, old names are not known.
    History,
    /// A single thing of v2: this code means that it does not exist, and its events may show more.
    Events { guid: String, code: i64, is_app: bool },
}

/// A list of more pages than this is endless: 2 million apps at 200 a page.
const MOST_PAGES: usize = 10_000;

impl Query {
    pub(super) fn new(ask: impl Ask + 'static, fallback: Fallback) -> Self {
        Self { ask: Arc::new(ask), fallback, pages: MOST_PAGES }
    }

    pub(super) fn all<C: Ask + 'static>(calls: Vec<C>, fallback: &Fallback) -> Vec<Self> {
        calls.into_iter().map(|call| Self::new(call, fallback.clone())).collect()
    }
}
