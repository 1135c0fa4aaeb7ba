//! Decides the next questions, without asking them: a state machine that returns questions and
//! takes answers, for both kinds of driver.
//!
//! A plan is a table of steps. Each step returns the questions that may be asked at once, given the
//! records so far; the next one begins when all are answered. So the number of requests per 200 ids
//! is small, however many ids there are.

use std::collections::HashSet;
use std::iter::Chain;
use std::slice::Iter;
use std::sync::Arc;

use asg_core::{Guid, Timestamp};

use super::query::{Fallback, Learned, Query};
use super::search::{List, Searches};
use super::{Knowledge, v2, v3};
use crate::api::BATCH;
use crate::error::Error;

/// One step: its questions, given what is known.
pub(super) type Step = fn(&mut Plan) -> Vec<Query>;

/// A resolution, or another gathering of records, in progress.
pub(crate) struct Plan {
    pub(super) found: Found,
    pub(super) ids: Vec<Guid>,
    /// The ids about which nothing final is known.
    pub(super) open: Vec<Guid>,
    /// The number of pages to read of a list that cannot be filtered.
    pub(super) search_pages: usize,
    pub(super) now: Timestamp,
    /// Whether most ids turned out not to be apps.
    pub(super) processes_first: bool,
    steps: Chain<Iter<'static, Step>, Iter<'static, Step>>,
    waiting: Vec<Query>,
    /// The maximum number of GUIDs that the servers on the way accept.
    width: usize,
    /// Whether this Cloud Controller refuses `include=`.
    is_plain: bool,
}

/// The outcome of a plan.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) known: Knowledge,
    /// Ids that v2 refuses to show.
    pub(crate) hidden: HashSet<Guid>,
    /// The first reason why an id that is not found may still exist.
    pub(crate) doubt: Option<String>,
    pub(crate) searches: Arc<Searches>,
}

/// The conditions of a plan for some ids.
pub(crate) struct Terms {
    pub(crate) ids: Vec<Guid>,
    pub(crate) search_pages: usize,
    pub(crate) searches: Arc<Searches>,
    pub(crate) now: Timestamp,
    /// Whether names of the past are asked for, too.
    pub(crate) with_history: bool,
}

impl Plan {
    fn new(terms: Terms, steps: [&'static [Step]; 2]) -> Self {
        let [first, then] = steps;
        let Terms { ids, search_pages, searches, now, with_history: _ } = terms;
        Self {
            found: Found { searches, ..Found::default() },
            open: ids.clone(),
            ids,
            search_pages,
            now,
            processes_first: false,
            steps: first.iter().chain(then),
            waiting: Vec::new(),
            width: BATCH,
            is_plain: false,
        }
    }

    /// Creates a plan for the identities of these ids, by API v3.
    pub(crate) fn v3(terms: Terms) -> Self {
        let then: &'static [Step] = if terms.with_history { v3::HISTORY } else { &[] };
        Self::new(terms, [v3::RESOLVE, then])
    }

    /// Creates a plan for the identities of these ids, by API v2.
    pub(crate) fn v2(terms: Terms) -> Self {
        let mut plan = Self::new(terms, [v2::RESOLVE, &[]]);
        plan.found.doubt = Some("API v2 finds apps by their own GUIDs only".into());
        plan
    }

    /// Creates a plan for everything that exists, by API v3.
    pub(crate) fn v3_all(now: Timestamp) -> Self {
        Self::for_all(now, v3::PRELOAD)
    }

    /// Creates a plan for everything that exists, by API v2.
    pub(crate) fn v2_all(now: Timestamp) -> Self {
        Self::for_all(now, v2::PRELOAD)
    }

    fn for_all(now: Timestamp, steps: &'static [Step]) -> Self {
        let (ids, searches) = (Vec::new(), Arc::default());
        let terms = Terms { ids, search_pages: 0, searches, now, with_history: false };
        Self::new(terms, [steps, &[]])
    }

    /// Returns the questions that may be asked now, in any order or at once; none when the plan is
    /// done.
    pub(crate) fn questions(&mut self) -> Vec<Query> {
        while self.waiting.is_empty() {
            let Some(step) = self.steps.next() else { break };
            for query in step(self) {
                self.push(query);
            }
        }
        std::mem::take(&mut self.waiting)
    }

    /// Takes an answer to one of them.
    ///
    /// # Errors
    ///
    /// If the whole plan fails with it.
    pub(crate) fn answer(
        &mut self,
        query: Query,
        answer: Result<Learned, Error>,
    ) -> Result<(), Error> {
        let error = match answer {
            Ok(learned) => return self.learn(query, learned),
            Err(error) => error,
        };
        if error == Error::TooLong
            && let Some(parts) = query.ask.split()
        {
            // From now on, all questions are as short as this.
            self.width = self.width.min(query.ask.width().div_ceil(2));
            for ask in parts {
                self.push(Query { ask, fallback: query.fallback.clone(), pages: query.pages });
            }
            return Ok(());
        }
        if is_unknown_parameter(&error) && query.ask.without_include().is_some() {
            self.is_plain = true;
            self.push(query);
            return Ok(());
        }
        match query.fallback {
            Fallback::Skip(list) if is_absent(&error) => {
                self.doubt(|| format!("this Cloud Controller has no list of {list}"));
                Ok(())
            }
            Fallback::Search(list) if is_absent(&error) => {
                let searches = Arc::make_mut(&mut self.found.searches);
                searches.is_absent(list);
                let doubt = searches.doubt(list);
                self.found.doubt = self.found.doubt.take().or(doubt);
                Ok(())
            }
            Fallback::History if is_absent(&error) => {
                self.found.known.history_is_cut();
                Ok(())
            }
            Fallback::Events { guid, code, .. } if is_not_found(&error, code) => {
                if let Some(query) = v2::events_of(&guid) {
                    self.push(query);
                }
                Ok(())
            }
            Fallback::Events { guid, is_app, .. } if is_hidden(&error) => {
                if is_app {
                    self.found.hidden.extend(guid.parse::<Guid>());
                }
                Ok(())
            }
            _ => Err(error),
        }
    }

    fn learn(&mut self, query: Query, learned: Learned) -> Result<(), Error> {
        let Learned { add, next } = learned;
        if let Fallback::Search(list) = query.fallback {
            let mut page = Knowledge::default();
            add(&mut page);
            Arc::make_mut(&mut self.found.searches).add(list, page, next);
            let next = self.search(list, query.pages - 1);
            self.waiting.extend(next);
            return Ok(());
        }
        add(&mut self.found.known);
        match next {
            None => Ok(()),
            Some(ask) if query.pages > 1 => {
                self.push(Query { ask, pages: query.pages - 1, ..query });
                Ok(())
            }
            Some(_) if query.fallback == Fallback::History => {
                self.found.known.history_is_cut();
                Ok(())
            }
            Some(_) => {
                let why = "its list of pages does not end";
                Err(Error::Unreadable { request: query.ask.target(), why })
            }
        }
    }

    /// Returns the question for the next page of a list that is searched, until every open id has
    /// an owner or the limit is reached. `pages` bounds the pages of this plan.
    pub(super) fn search(&mut self, list: List, pages: usize) -> Option<Query> {
        for id in &self.open {
            if let Some(run) = self.found.searches.find(list, *id) {
                self.found.known.runs.entry(*id).or_insert_with(|| run.clone());
            }
        }
        if self.all_have_owners() {
            return None;
        }
        let searches = Arc::make_mut(&mut self.found.searches);
        let next =
            if pages == 0 { None } else { searches.next_page(list, self.now, self.search_pages) };
        let Some(ask) = next else {
            let doubt = searches.doubt(list);
            self.found.doubt = self.found.doubt.take().or(doubt);
            return None;
        };
        Some(Query { ask, fallback: Fallback::Search(list), pages })
    }

    /// Returns the outcome.
    pub(crate) fn finish(self) -> Found {
        self.found
    }

    pub(super) fn all_have_owners(&self) -> bool {
        self.open.iter().all(|id| self.found.known.has_owner(*id))
    }

    fn doubt(&mut self, why: impl FnOnce() -> String) {
        self.found.doubt.get_or_insert_with(why);
    }

    fn push(&mut self, mut query: Query) {
        if self.is_plain
            && let Some(ask) = query.ask.without_include()
        {
            query.ask = ask;
        }
        if query.ask.width() > self.width
            && let Some(parts) = query.ask.split()
        {
            for ask in parts {
                self.push(Query { ask, fallback: query.fallback.clone(), pages: query.pages });
            }
        } else {
            self.waiting.push(query);
        }
    }
}

fn is_absent(error: &Error) -> bool {
    match error {
        Error::NoSuchEndpoint => true,
        _ => is_unknown_parameter(error),
    }
}

fn is_unknown_parameter(error: &Error) -> bool {
    matches!(error, Error::Refused { errors, .. } if errors.iter().any(|e| e.code == 10005))
}

fn is_not_found(error: &Error, code: i64) -> bool {
    matches!(error, Error::NotFound { errors } if errors.iter().any(|e| e.code == code))
}

/// Recognises code 10003: a token without scopes gets 10007, and a space supporter gets no code;
/// neither shows anything about the app.
fn is_hidden(error: &Error) -> bool {
    matches!(error, Error::Forbidden { errors } if errors.iter().any(|e| e.code == 10_003))
}
