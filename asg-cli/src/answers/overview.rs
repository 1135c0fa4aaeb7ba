//! The answers of a report, in one reading.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use asg_core::policy::Explanation;
use asg_core::{Timestamp, Verdict};

use super::episodes::Episodes;
use super::grid::{Cell, Grid};
use super::groups::{Groups, Sums};
use super::keys::{Part, column};
use super::spans::Spans;
use super::{By, goes_out};
use crate::error::Error;
use crate::explain::Words;
use crate::query::{Query, ReadRow, Row};

/// The decision about a denied packet, and the nearest change that would have allowed it.
type Why = (String, Option<String>);

/// The number of packets for each explanation.
pub(crate) type Whys = BTreeMap<Why, u64>;

/// The cache of sentences is emptied when it holds more than this.
const MOST_SENTENCES: usize = 1 << 14;

/// The answers of a report before they are sorted. Memory grows with apps, destinations and runs of
/// denied packets, and not with packets.
pub(crate) struct Overview {
    all: Groups,
    certainties: Groups,
    senders: Groups,
    sure: Groups,
    pairs: Groups,
    /// Packets with a time that leave an app, as `asglog new` counts them.
    outgoing: Groups,
    timeline: Spans,
    episodes: Episodes,
    explaining: Option<Explaining>,
}

/// The sentences about denied packets, for one thread.
struct Explaining {
    words: Words,
    parts: [Part; 5],
    found: HashMap<Vec<Cell>, Whys>,
    /// By the addresses of explanations, which are kept alive here.
    sentences: HashMap<usize, (Arc<Explanation>, Why)>,
}

impl Overview {
    /// Creates an overview without rows. `gap` are the nanoseconds between two runs of denied
    /// packets, and `most` is the number of spans of time. With `words`, explained rows are put in
    /// words.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if the query has no owners.
    pub(crate) fn new(
        query: &Query,
        gap: i64,
        most: u32,
        words: Option<Words>,
    ) -> Result<Self, Error> {
        let By(pairs) = query.by(&["app".to_owned(), "destination".to_owned()])?;
        let denied =
            [Part::Owner, column("direction"), column("dst"), column("dpt"), column("proto")];
        let outgoing = [Part::Owner, column("dst"), column("dpt"), column("proto")];
        let explaining = words.map(|words| Explaining {
            words,
            parts: denied.clone(),
            found: HashMap::new(),
            sentences: HashMap::new(),
        });
        Ok(Self {
            all: Groups::new(Vec::new()),
            certainties: Groups::new(vec![column("certainty"), column("reason")]),
            senders: Groups::new(vec![Part::Owner]),
            sure: Groups::new(vec![Part::Owner, column("certainty")]),
            pairs: Groups::new(pairs),
            outgoing: Groups::new(outgoing.to_vec()),
            timeline: Spans::new(most),
            episodes: Episodes::new(denied.to_vec(), gap),
            explaining,
        })
    }

    pub(crate) fn add(&mut self, row: &Row<'_>) {
        let verdict = row.verdict();
        for groups in [
            &mut self.all,
            &mut self.certainties,
            &mut self.senders,
            &mut self.sure,
            &mut self.pairs,
        ] {
            groups.add(row);
        }
        if row.time().is_some() && goes_out(row) {
            self.outgoing.add(row);
        }
        self.timeline.add(row.time(), verdict);
        if verdict == Some(Verdict::Denied) {
            self.episodes.add(row);
            if let Some(explaining) = &mut self.explaining {
                explaining.add(row);
            }
        }
    }

    pub(crate) fn merged(self, other: Self) -> Self {
        Self {
            all: self.all.merged(other.all),
            certainties: self.certainties.merged(other.certainties),
            senders: self.senders.merged(other.senders),
            sure: self.sure.merged(other.sure),
            pairs: self.pairs.merged(other.pairs),
            outgoing: self.outgoing.merged(other.outgoing),
            timeline: self.timeline.merged(other.timeline),
            episodes: self.episodes.merged(other.episodes),
            explaining: match (self.explaining, other.explaining) {
                (Some(one), Some(other)) => Some(one.merged(other)),
                (one, other) => one.or(other),
            },
        }
    }

    /// Returns the answers. Destinations are new since `since`; without it, in the last quarter of
    /// the time.
    pub(crate) fn answers(self, since: Option<Timestamp>) -> Found {
        let sums = self.all.sorted().into_iter().next().map(|(_, sums)| sums).unwrap_or_default();
        let chosen = || Some(last_quarter(sums.first?, sums.last?, &self.timeline));
        let since = since.or_else(chosen);
        let is_new = |first: Option<Timestamp>| since.is_some_and(|since| first >= Some(since));
        let largest_first = |groups: Groups| {
            groups.grid(|groups| groups.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.packets)))
        };
        Found {
            sums,
            since,
            certainties: largest_first(self.certainties),
            senders: largest_first(self.senders),
            sure: self.sure.grid(|_| {}),
            pairs: largest_first(self.pairs),
            new: self.outgoing.grid(|groups| {
                groups.retain(|(_, sums)| is_new(sums.first));
                groups.sort_by_key(|(_, sums)| sums.first);
            }),
            timeline: self.timeline,
            episodes: self.episodes.grid(),
            whys: self.explaining.map(|explaining| explaining.found),
        }
    }
}

/// Returns the start of the span at three quarters of the way from the first packet to the last.
fn last_quarter(first: Timestamp, last: Timestamp, timeline: &Spans) -> Timestamp {
    let (first, last) = (first.as_nanos(), last.as_nanos());
    let at = last.saturating_sub(last.saturating_sub(first) / 4);
    let length = timeline.seconds().saturating_mul(1_000_000_000);
    Timestamp::from_nanos(at.saturating_sub(at.rem_euclid(length)))
}

/// The answers of an overview.
pub(crate) struct Found {
    pub(crate) sums: Sums,
    /// By certainty and reason.
    pub(crate) certainties: Grid,
    /// By app, as `asglog top` has them.
    pub(crate) senders: Grid,
    /// By app and certainty.
    pub(crate) sure: Grid,
    /// By app and destination, as `asglog top --by app,destination` has them.
    pub(crate) pairs: Grid,
    /// New destinations, as `asglog new` has them, and the time since which they are new.
    pub(crate) new: Grid,
    pub(crate) since: Option<Timestamp>,
    pub(crate) timeline: Spans,
    /// Runs of denied packets, as `asglog episodes` has them.
    pub(crate) episodes: Grid,
    /// Explanations by owner, direction, address, port and protocol; `None` without rules.
    pub(crate) whys: Option<HashMap<Vec<Cell>, Whys>>,
}

impl Explaining {
    fn add(&mut self, row: &Row<'_>) {
        let Row::Read(ReadRow { explained: Some(explained), .. }) = row else { return };
        let explanation = &explained.explanation;
        if self.sentences.len() > MOST_SENTENCES {
            self.sentences.clear();
        }
        let words = &self.words;
        let (_, sentences) =
            self.sentences.entry(Arc::as_ptr(explanation).addr()).or_insert_with(|| {
                let why = words.because(explanation);
                let why = why.strip_prefix("denied ").unwrap_or(&why).to_owned();
                let change = explanation.near.first().map(|near| words.change(near));
                (Arc::clone(explanation), (why, change))
            });
        let key: Vec<Cell> = self.parts.iter().map(|part| part.key(row)).collect();
        let whys = self.found.entry(key).or_default();
        match whys.get_mut(sentences) {
            Some(packets) => *packets += 1,
            None => {
                whys.insert(sentences.clone(), 1);
            }
        }
    }

    fn merged(mut self, other: Self) -> Self {
        for (key, whys) in other.found {
            let all = self.found.entry(key).or_default();
            for (why, packets) in whys {
                *all.entry(why).or_default() += packets;
            }
        }
        self
    }
}
