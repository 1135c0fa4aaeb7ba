//! The lists in an export, and the pages of them that are missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::api::json::{Next, Pagination};
use crate::text::decode;

/// A list that is incomplete in the export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The list, in the words of the API's paths, such as `apps`.
    pub list: String,
    /// The file in which its first page was, or the first that was found.
    pub file: String,
    /// The number of its resources in the export.
    pub held: u64,
    /// The total number, as the list shows it.
    pub total: u64,
}

impl Gap {
    pub(super) fn in_short(&self) -> String {
        let (held, total) = (thousands(self.held), thousands(self.total));
        format!("{} holds {held} of {total} {}", self.file, self.list.replace('_', " "))
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: save the other pages, too", self.in_short())
    }
}

#[derive(Debug, Default)]
pub(super) struct Lists {
    /// By path and query without the page's number.
    lists: BTreeMap<String, List>,
    /// The kinds of lists, in the words of the API's paths.
    kinds: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct List {
    kind: String,
    file: String,
    total: u64,
    /// The number of resources on each page.
    pages: BTreeMap<u64, u64>,
    /// The number of the last page.
    last: Option<u64>,
}

impl Lists {
    /// Notes one page.
    pub(super) fn add(&mut self, file: &str, held: u64, page: Pagination) {
        let next = match page.next {
            Next::Missing => page.next_url,
            next => next,
        };
        let next_link = if let Next::Page(link) = &next { Some(link.as_str()) } else { None };
        let previous = page.previous.href.0.or(page.previous_url.0);
        let number = next_link
            .and_then(|link| Link::new(link).page?.checked_sub(1))
            .or_else(|| Link::new(previous.as_deref()?).page?.checked_add(1))
            .unwrap_or(1);
        let first = page.first.href.0.as_deref().or(next_link).or(previous.as_deref());
        let link = first.map(Link::new);
        if let Some(link) = link.as_ref().filter(|link| link.has_deletions()) {
            self.kinds.insert(link.kind.clone());
        }
        let key = link.as_ref().map_or_else(|| file.to_owned(), |link| link.rest.clone());
        let list = self.lists.entry(key).or_default();
        if list.file.is_empty() || number == 1 {
            file.clone_into(&mut list.file);
        }
        list.kind = link.map_or_else(|| "resources".into(), |link| link.kind);
        list.total = list.total.max(page.total.0.and_then(|n| u64::try_from(n).ok()).unwrap_or(0));
        list.pages.insert(number, held);
        if matches!(next, Next::Last | Next::Missing) {
            list.last = list.last.max(Some(number));
        }
    }

    /// Returns whether there is a list of this kind; for events, one with those of deletions.
    pub(super) fn has(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    pub(super) fn gaps(&self) -> Vec<Gap> {
        self.lists.values().filter_map(List::gap).collect()
    }
}

impl List {
    fn gap(&self) -> Option<Gap> {
        let held = self.pages.values().sum();
        let is_whole = self.last.is_some_and(|last| {
            let numbers = self.pages.range(1..=last).count();
            u64::try_from(numbers).is_ok_and(|n| n == last)
        });
        if is_whole && (self.pages.len() > 1 || held >= self.total) {
            return None;
        }
        let (list, file) = (self.kind.clone(), self.file.clone());
        Some(Gap { list, file, held, total: self.total.max(held + 1) })
    }
}

/// A link to a page of a list.
struct Link {
    kind: String,
    /// Path and query without the page's number.
    rest: String,
    page: Option<u64>,
    /// `types=` of events.
    types: Option<String>,
}

impl Link {
    fn new(link: &str) -> Self {
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        let path = path.find("/v3/").or_else(|| path.find("/v2/")).map_or(path, |at| &path[at..]);
        let kind = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = |name: &str| pairs.clone().find(|(n, _)| *n == name).map(|(_, value)| value);
        let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("page=")).collect();
        Self {
            kind: if kind == "events" { "audit_events".into() } else { kind.to_owned() },
            rest: format!("{path}?{}", rest.join("&")),
            page: value("page").and_then(|page| page.parse().ok()),
            types: value("types").map(decode),
        }
    }

    /// Returns false for a list of events without those that prove deletions.
    fn has_deletions(&self) -> bool {
        let types = self.types.as_deref().filter(|_| self.kind == "audit_events");
        types.is_none_or(|types| types.split(',').any(|kind| kind == "audit.app.delete-request"))
    }
}

/// Returns a number with a comma before each three digits.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_comma_before_each_three_digits() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (5000, "5,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }
}
