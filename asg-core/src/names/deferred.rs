//! A directory whose answers come later.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fmt;

use crate::guid::Guid;
use crate::names::directory::Directory;
use crate::names::identity::Identity;

/// A directory that is filled from outside: it returns the answers it was given, and collects the
/// questions that it could not answer. So an asynchronous directory, or one in another thread,
/// serves a [`Gathered`](crate::correlate::Gathered) and a [`Follower`](crate::Follower), which ask
/// synchronously.
///
/// 1. A question about a GUID without an answer fails with [`Unanswered`]. A follower holds its
///    flows then, and none is lost.
/// 2. [`questions`](Self::questions) returns the GUIDs to ask for, each once.
/// 3. [`answer`](Self::answer) takes the result. That question succeeds from then on: call
///    [`Gathered::resolve`](crate::correlate::Gathered::resolve) or
///    [`Follower::tick`](crate::Follower::tick) again.
///
/// If the lookup failed, the GUIDs are [unavailable](Identity::unavailable): flows go on without
/// names, and later ones ask again. The caller chooses the pause between two lookups.
///
/// Each answer is given once, because the caller caches it. So memory does not grow with time.
///
/// # Example
///
/// ```
/// use std::collections::HashMap;
/// use std::convert::Infallible;
/// use asg_core::names::{AppState, Deferred, Unanswered};
/// use asg_core::{Gathering, Identity, Origin, SourceId};
///
/// let rep = br#"{"timestamp":"2024-05-06T07:09:09Z","source":"rep",
///     "message":"rep.executing-container-operation.starting","data":{
///     "container-guid":"bfce786c-ab07-40ad-79f9-8f21","lrp-key":{"index":0,"domain":"cf-apps","process_guid":
///     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f"}}}"#;
/// let packet = "2024-05-06T07:09:10Z cell kernel: [637.581121] DENY_bfce786c-ab07-40ad-79f9 \
///     IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 \
///     DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 ";
/// let rep: Vec<u8> = rep.iter().copied().filter(|byte| *byte != b'\n').collect();
/// let mut gathering = Gathering::new();
/// gathering.ingest(Origin { source: SourceId(0), line: 1 }, &rep);
/// gathering.ingest(Origin { source: SourceId(0), line: 2 }, packet.as_bytes());
/// let mut gathered = gathering.finish(|_| Ok::<(), Infallible>(()))?;
///
/// let mut directory = Deferred::new();
/// assert_eq!(gathered.resolve(&mut directory), Err(Unanswered));
/// let asked = directory.questions();
/// assert_eq!(asked[0].to_string(), "4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
/// // An asynchronous directory would be awaited here.
/// let found = HashMap::from([(asked[0], Identity::hidden())]);
/// directory.answer(&asked, Ok::<_, Infallible>(found));
/// gathered.resolve(&mut directory)?;
///
/// let correlation = gathered.correlate();
/// let flow = correlation.reader().flow(
///     Origin { source: SourceId(0), line: 2 },
///     &asg_core::Line::new(packet.as_bytes()),
/// ).map(|flow| flow.identity.map(|identity| identity.state));
/// assert_eq!(flow, Some(Some(AppState::Hidden)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Deferred {
    /// `None` if the lookup's answer lacks the GUID.
    answers: HashMap<Guid, Option<Identity>>,
    open: BTreeSet<Guid>,
    /// GUIDs that [`Deferred::questions`] has returned and that have no answer yet.
    asked: BTreeSet<Guid>,
}

impl Deferred {
    /// Creates a directory without answers.
    ///
    /// ```
    /// use asg_core::names::Deferred;
    /// assert!(Deferred::new().questions().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the GUIDs to look up, in order. They are not returned again before they are
    /// answered, so a caller that cannot look them up answers with an error.
    ///
    /// ```
    /// use asg_core::names::Deferred;
    /// use asg_core::{Directory, Guid};
    ///
    /// let mut directory = Deferred::new();
    /// assert!(directory.identities(&[Guid::from_u128(7)]).is_err());
    /// assert_eq!(directory.questions(), [Guid::from_u128(7)]);
    /// assert!(directory.identities(&[Guid::from_u128(7)]).is_err());
    /// assert_eq!(directory.questions(), []);
    /// ```
    pub fn questions(&mut self) -> Vec<Guid> {
        let open = std::mem::take(&mut self.open);
        self.asked.extend(&open);
        open.into_iter().collect()
    }

    /// Takes the answer to these questions, or the reason why it is missing. Identities of other
    /// GUIDs in it are ignored. A GUID that is missing from it goes without a name.
    ///
    /// ```
    /// use asg_core::names::{AppState, Deferred};
    /// use asg_core::{Directory, Guid};
    ///
    /// let seven = [Guid::from_u128(7)];
    /// let mut directory = Deferred::new();
    /// directory.answer(&seven, Err("it rains"));
    /// let found = directory.identities(&seven)?;
    /// assert_eq!(found[&seven[0]].state, AppState::Unavailable);
    /// assert_eq!(found[&seven[0]].state_reason.as_deref(), Some("it rains"));
    /// # Ok::<(), asg_core::names::Unanswered>(())
    /// ```
    pub fn answer<E: fmt::Display>(
        &mut self,
        asked: &[Guid],
        found: Result<HashMap<Guid, Identity>, E>,
    ) {
        let (mut found, why) = match found {
            Ok(found) => (found, None),
            Err(error) => (HashMap::new(), Some(Identity::unavailable(error.to_string()))),
        };
        for guid in asked {
            self.asked.remove(guid);
            self.open.remove(guid);
            self.answers.insert(*guid, found.remove(guid).or_else(|| why.clone()));
        }
    }
}

impl Directory for Deferred {
    type Error = Unanswered;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Unanswered> {
        let is_open = |guid: &&Guid| !self.answers.contains_key(guid);
        let mut open = guids.iter().filter(is_open).peekable();
        if open.peek().is_some() {
            self.open.extend(open.filter(|guid| !self.asked.contains(guid)));
            return Err(Unanswered);
        }
        let answer = |guid: &Guid| Some((*guid, self.answers.remove(guid)??));
        Ok(guids.iter().filter_map(answer).collect())
    }
}

/// The answer of a [`Deferred`] directory is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to show, and callers return it")]
pub struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the names are not looked up yet")
    }
}

impl Error for Unanswered {}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::names::identity::AppState;

    fn guids(numbers: &[u128]) -> Vec<Guid> {
        numbers.iter().map(|number| Guid::from_u128(*number)).collect()
    }

    fn hidden(guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
        Ok(guids.iter().map(|guid| (*guid, Identity::hidden())).collect())
    }

    #[test]
    fn a_question_is_given_once_and_fails_until_all_of_it_is_answered() {
        let mut directory = Deferred::new();
        assert_eq!(directory.identities(&guids(&[3, 1])), Err(Unanswered));
        let first = directory.questions();
        assert_eq!(first, guids(&[1, 3]));
        assert_eq!(directory.identities(&guids(&[1, 2, 3])), Err(Unanswered));
        let second = directory.questions();
        assert_eq!(second, guids(&[2]));
        directory.answer(&first, hidden(&first));
        assert_eq!(directory.identities(&guids(&[1, 2, 3])), Err(Unanswered));
        assert_eq!(directory.questions(), [], "it is being asked");
        directory.answer(&second, hidden(&second));
        assert_eq!(directory.identities(&guids(&[1, 2, 3])).map(|found| found.len()), Ok(3));
        assert!(directory.answers.is_empty() && directory.asked.is_empty());
    }

    #[test]
    fn what_an_answer_lacks_has_no_name_and_what_failed_is_unavailable() {
        let mut directory = Deferred::new();
        let both = guids(&[1, 2]);
        directory.answer(&both, hidden(&both[..1]));
        let found = directory.identities(&both).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), [&both[0]]);
        assert_eq!(directory.identities(&both), Err(Unanswered), "each answer is given once");
        directory.answer(&both, Err::<HashMap<_, _>, _>("down"));
        let found = directory.identities(&both).unwrap();
        assert!(both.iter().all(|guid| found[guid].state == AppState::Unavailable));
        assert_eq!(directory.questions(), []);
    }

    #[test]
    fn identities_that_nobody_asked_for_are_not_kept() {
        let mut directory = Deferred::new();
        directory.answer(&guids(&[1]), hidden(&guids(&[1, 2, 3])));
        assert_eq!(directory.answers.len(), 1);
    }
}
