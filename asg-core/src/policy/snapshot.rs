//! Listings of all security groups, with the time at which they were true.

use std::collections::HashSet;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::group::{SecurityGroup, time};
use super::input;
use crate::error::Error;
use crate::time::Timestamp;

/// All security groups and their bindings, as one listing gave them, in its order.
///
/// The order matters: silk's agent checks rules in the order of the default listing (by Cloud
/// Controller's row), and neither names nor times can replace it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The time of the listing.
    pub taken_at: Timestamp,
    /// Whether it has everything: false if the token saw only a part, or a page is missing.
    pub complete: bool,
    /// Whether `complete` is an assumption, because the file does not show it.
    pub assumed: bool,
    /// Whether groups changed while its pages were fetched: a group is on two pages, or the pages
    /// count different numbers of groups. Such a listing is not complete.
    pub changed: bool,
    /// The groups, in the order of the listing.
    pub groups: Vec<SecurityGroup>,
    /// The total number of groups by the pages' own count.
    total: Option<u64>,
}

impl Snapshot {
    /// Creates a snapshot of these groups.
    ///
    /// ```
    /// use asg_core::Timestamp;
    /// use asg_core::policy::Snapshot;
    /// let snapshot = Snapshot::new(Timestamp::from_nanos(0), true, Vec::new());
    /// assert!(snapshot.complete && !snapshot.assumed);
    /// ```
    #[must_use]
    pub fn new(taken_at: Timestamp, complete: bool, groups: Vec<SecurityGroup>) -> Self {
        Self { taken_at, complete, assumed: false, changed: false, groups, total: None }
    }

    /// Parses snapshots from a file's bytes.
    ///
    /// A snapshot is a page of `/v3/security_groups` with `taken_at` and `complete` beside
    /// `resources`, or an object with these two and `pages`, which is a list of pages. Pages may
    /// also follow each other, as documents or in a list. A page without `taken_at` belongs to the
    /// snapshot before it. The first page may lack it too: then it was taken at the argument
    /// `taken_at`, and is assumed to be complete. Pages are incomplete if their `pagination` counts
    /// more groups than they contain, or if groups changed meanwhile: a group is on two pages, or
    /// the counts differ.
    ///
    /// # Errors
    ///
    /// If it is not that, with the offset; or if neither the file nor the caller gives the time of
    /// a snapshot.
    ///
    /// ```
    /// use asg_core::Timestamp;
    /// use asg_core::policy::Snapshot;
    ///
    /// let page = br#"{"pagination":{"total_results":2},"resources":[{"guid":"g-1","rules":[]}]}"#;
    /// let snapshots = Snapshot::parse(page, Some(Timestamp::parse(b"2026-03-01T12:00:00Z")?))?;
    /// assert!(!snapshots[0].complete, "one group is missing");
    /// assert!(Snapshot::parse(page, None).is_err());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(bytes: &[u8], taken_at: Option<Timestamp>) -> Result<Vec<Self>, Error> {
        let mut snapshots = Vec::new();
        let mut offset = 0;
        loop {
            let blank = bytes[offset..].iter().take_while(|b| b.is_ascii_whitespace()).count();
            offset += blank;
            let rest = &bytes[offset..];
            let documents = match rest.first() {
                None => break,
                Some(b'[') => next::<Vec<Document>>(bytes, &mut offset)?,
                Some(_) => vec![next::<Document>(bytes, &mut offset)?],
            };
            for document in documents {
                add(&mut snapshots, document, taken_at, offset - rest.len().min(offset))?;
            }
        }
        if snapshots.is_empty() {
            return Err(Error::cut(bytes.len(), "a page of security groups"));
        }
        for snapshot in &mut snapshots {
            snapshot.count();
        }
        Ok(snapshots)
    }

    /// Sorts snapshots by time; those of one instant are parts of one listing.
    pub(super) fn join(mut snapshots: Vec<Self>) -> Vec<Self> {
        snapshots.sort_by_key(|snapshot| snapshot.taken_at);
        let mut joined: Vec<Self> = Vec::new();
        for snapshot in snapshots {
            match joined.last_mut().filter(|last| last.taken_at == snapshot.taken_at) {
                None => joined.push(snapshot),
                Some(last) => {
                    // Each part may have been found incomplete for want of the others.
                    let may_be = |part: &Self| part.complete || part.is_short() && !part.changed;
                    last.complete = may_be(last) && may_be(&snapshot);
                    last.assumed |= snapshot.assumed;
                    last.changed |= snapshot.changed;
                    // A file that is given twice shows nothing new.
                    if last.groups != snapshot.groups {
                        last.add(snapshot.groups, snapshot.total);
                    }
                    last.count();
                }
            }
        }
        joined
    }

    /// Adds a page, with the number of groups on all pages by its own count.
    fn add(&mut self, groups: Vec<SecurityGroup>, total: Option<u64>) {
        self.changed |= self.total.zip(total).is_some_and(|(known, new)| known != new);
        self.total = self.total.max(total);
        let mut known: HashSet<String> =
            self.groups.iter().map(|group| group.guid.clone()).collect();
        for group in groups {
            if known.insert(group.guid.clone()) {
                self.groups.push(group);
            } else {
                // A group that moved to the next page may have pushed another out of both.
                self.changed = true;
            }
        }
    }

    /// Returns whether groups are missing by the pages' own count.
    fn is_short(&self) -> bool {
        self.total.is_some_and(|total| (self.groups.len() as u64) < total)
    }

    fn count(&mut self) {
        self.complete &= !self.is_short() && !self.changed;
    }
}

/// Serialises as `{"taken_at":…,"complete":…,"resources":[…]}`, which [`Snapshot::parse`] parses.
///
/// An assumption that it is complete is left out.
///
/// ```
/// use asg_core::policy::Snapshot;
///
/// let text = r#"{"taken_at":"2026-03-01T12:00:00Z","complete":false,"resources":[]}"#;
/// let read = Snapshot::parse(text.as_bytes(), None)?;
/// assert_eq!(serde_json::to_string(&read[0]).unwrap(), text);
/// # Ok::<(), asg_core::Error>(())
/// ```
impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("taken_at", &self.taken_at)?;
        if !(self.assumed && self.complete) {
            map.serialize_entry("complete", &self.complete)?;
        }
        map.serialize_entry("resources", &self.groups)?;
        map.end()
    }
}

/// A page, or an object or list of pages.
#[derive(Deserialize)]
struct Document {
    #[serde(default, deserialize_with = "time")]
    taken_at: Option<Timestamp>,
    complete: Option<bool>,
    pagination: Option<Pagination>,
    resources: Option<Vec<SecurityGroup>>,
    pages: Option<Vec<Document>>,
}

#[derive(Deserialize)]
struct Pagination {
    total_results: Option<u64>,
}

fn next<T: serde::de::DeserializeOwned>(bytes: &[u8], offset: &mut usize) -> Result<T, Error> {
    let rest = &bytes[*offset..];
    let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
    match stream.next() {
        Some(Ok(document)) => {
            *offset += stream.byte_offset();
            Ok(document)
        }
        Some(Err(error)) => Err(input::at(rest, *offset, &error)),
        None => Err(Error::cut(bytes.len(), "a page of security groups")),
    }
}

fn add(
    snapshots: &mut Vec<Snapshot>,
    document: Document,
    taken_at: Option<Timestamp>,
    offset: usize,
) -> Result<(), Error> {
    let open = match document.taken_at {
        // Pages of one listing may each have its time.
        Some(time) => snapshots.last().is_some_and(|last| last.taken_at == time),
        None => !snapshots.is_empty(),
    };
    if document.resources.is_none() && document.pages.is_none() && document.taken_at.is_none() {
        return Err(Error::expected(offset, "a page of security groups with `resources`"));
    }
    if !open {
        let time = document.taken_at.or(taken_at);
        let time = time.ok_or(Error::expected(offset, "`taken_at`, or a time by the caller"))?;
        let complete = document.complete.unwrap_or(true);
        let mut snapshot = Snapshot::new(time, complete, Vec::new());
        snapshot.assumed = document.complete.is_none();
        snapshots.push(snapshot);
    }
    let snapshot = snapshots.last_mut().expect("one is open");
    snapshot.complete &= document.complete.unwrap_or(true);
    let total = document.pagination.and_then(|pagination| pagination.total_results);
    snapshot.add(document.resources.unwrap_or_default(), total);
    for page in document.pages.unwrap_or_default() {
        add(snapshots, page, taken_at, offset)?;
    }
    Ok(())
}
