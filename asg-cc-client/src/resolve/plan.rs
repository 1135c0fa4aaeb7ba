//! What to ask next, without asking: a machine that gives questions and takes answers, for both kinds of driver.
//!
//! A plan is a table of steps. Each step looks at what is known and gives the questions that may be asked at once; the
//! next one begins when all are answered. So there are some requests per 200 ids, however many ids there are.

use std::collections::HashSet;
use std::iter::Chain;
use std::slice::Iter;

use asg_core::Timestamp;

use super::query::{Fallback, Learned, Query};
use super::{Knowledge, v2, v3};
use crate::api::BATCH;
use crate::error::Error;

/// One step: what it asks for, given what is known.
pub(super) type Step = fn(&mut Plan) -> Vec<Query>;

/// A resolution, or another gathering of records, on its way.
pub(crate) struct Plan {
    pub(super) known: Knowledge,
    pub(super) ids: Vec<String>,
    /// The ids about which nothing final is known.
    pub(super) open: Vec<String>,
    /// Ids that v2 refuses to show.
    pub(super) hidden: HashSet<String>,
    /// For what cannot be filtered by, this many pages are read.
    pub(super) search_pages: usize,
    /// True once it turned out that most ids are no apps' own.
    pub(super) processes_first: bool,
    steps: Chain<Iter<'static, Step>, Iter<'static, Step>>,
    waiting: Vec<Query>,
    /// What the servers on the way let through.
    width: usize,
}

impl Plan {
    fn new(ids: Vec<String>, steps: [&'static [Step]; 2], search_pages: usize) -> Self {
        let [first, then] = steps;
        Self {
            known: Knowledge::default(),
            open: ids.clone(),
            ids,
            hidden: HashSet::new(),
            search_pages,
            processes_first: false,
            steps: first.iter().chain(then),
            waiting: Vec::new(),
            width: BATCH,
        }
    }

    /// Who these ids are, by API v3.
    pub(crate) fn v3(ids: Vec<String>, search_pages: usize) -> Self {
        Self::new(ids, [v3::RESOLVE, &[]], search_pages)
    }

    /// The same, and under which names their apps went.
    pub(crate) fn v3_with_history(ids: Vec<String>, search_pages: usize) -> Self {
        Self::new(ids, [v3::RESOLVE, v3::HISTORY], search_pages)
    }

    /// Who these ids are, by API v2.
    pub(crate) fn v2(ids: Vec<String>) -> Self {
        Self::new(ids, [v2::RESOLVE, &[]], 0)
    }

    /// Everything that lives, by API v3.
    pub(crate) fn v3_all() -> Self {
        Self::new(Vec::new(), [v3::PRELOAD, &[]], 0)
    }

    /// Everything that lives, by API v2.
    pub(crate) fn v2_all() -> Self {
        Self::new(Vec::new(), [v2::PRELOAD, &[]], 0)
    }

    /// The questions that may be asked now, in any order or at once; none when the plan is done.
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
            Ok(Learned { add, next }) => {
                add(&mut self.known);
                let Some(ask) = next else { return Ok(()) };
                if query.pages > 1 {
                    let stop = query.fallback == Fallback::Search && self.all_have_owners();
                    if !stop {
                        self.push(Query { ask, pages: query.pages - 1, ..query });
                    }
                    return Ok(());
                }
                return match query.fallback {
                    Fallback::Search => Ok(()),
                    Fallback::History => {
                        self.known.history_is_cut();
                        Ok(())
                    }
                    _ => {
                        let why = "its list of pages does not end";
                        Err(Error::Unreadable { request: query.ask.target(), why })
                    }
                };
            }
            Err(error) => error,
        };
        if error == Error::TooLong
            && let Some(parts) = query.ask.split()
        {
            // From now on, all are as short as this.
            self.width = self.width.min(query.ask.width().div_ceil(2));
            for ask in parts {
                self.push(Query { ask, fallback: query.fallback.clone(), pages: query.pages });
            }
            return Ok(());
        }
        match query.fallback {
            Fallback::Skip | Fallback::Search | Fallback::History if is_absent(&error) => Ok(()),
            Fallback::Events { guid, code, .. } if is_not_found(&error, code) => {
                if let Some(query) = v2::events_of(&guid) {
                    self.push(query);
                }
                Ok(())
            }
            Fallback::Events { guid, is_app, .. } if is_hidden(&error) => {
                if is_app {
                    self.hidden.insert(guid);
                }
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// What was found, and which ids are refused.
    pub(crate) fn finish(self) -> (Knowledge, HashSet<String>) {
        (self.known, self.hidden)
    }

    pub(super) fn all_have_owners(&self) -> bool {
        self.open.iter().all(|id| self.known.has_owner(id))
    }

    fn push(&mut self, query: Query) {
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

/// What an app was called at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Naming {
    pub(super) at: Timestamp,
    /// The name that an update gave.
    pub(super) renamed_to: Option<String>,
    /// The name of the event's target.
    pub(super) name: Option<String>,
    /// Before that there was no such app.
    pub(super) creates: bool,
    /// It is of the kinds that are listed from the newest on, without gaps.
    pub(super) is_listed: bool,
}

fn is_absent(error: &Error) -> bool {
    match error {
        Error::NoSuchEndpoint => true,
        Error::Refused { errors, .. } => errors.iter().any(|e| e.code == 10005),
        _ => false,
    }
}

fn is_not_found(error: &Error, code: i64) -> bool {
    matches!(error, Error::NotFound { errors } if errors.iter().any(|e| e.code == code))
}

/// 10003 alone: a token without scopes gets 10007, and a space supporter gets no code; neither says anything of the app.
fn is_hidden(error: &Error) -> bool {
    matches!(error, Error::Forbidden { errors } if errors.iter().any(|e| e.code == 10_003))
}
