//! Reasons: the words for what decided an attribution.
//!
//! [`Reason::ALL`] and the table behind it are the one source of these words. The schema of the
//! output, the vocabulary of the Python package and the changelog are checked against it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The reason for an attribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The prefix is a whole handle.
    WholeHandle,
    /// One known handle begins with the prefix.
    UniqueHandlePrefix,
    /// The prefix names an app, and one known app's GUID begins with it.
    UniqueAppPrefix,
    /// The prefix is of a handle that begins with an app's GUID, and one known app's GUID begins
    /// with it.
    AppGuidPrefix,
    /// Several known handles begin with the prefix.
    AmbiguousHandlePrefix,
    /// The GUIDs of several known apps begin with it.
    AmbiguousAppPrefix,
    /// Several containers had the address at the time, or within the error of clocks before or
    /// after it.
    AmbiguousAddress,
    /// The container that had the packet's address on the packet's cell, at the time.
    AddressLease,
    /// One container had the address about that time, but not surely at the time.
    AddressLeaseUncertain,
    /// No line shows the holder of the address at the time.
    NoAddressLease,
    /// One known handle begins with the prefix, but the packet is older than its container or later
    /// than its end.
    OutsideLifetime,
    /// One known handle begins with the prefix, but its container was on another cell than the
    /// packet.
    OtherCell,
    /// One known handle begins with the prefix, but its container had another address than the
    /// packet, or the packet's source is not the address of its interface.
    ConflictingAddress,
    /// Lines contradict each other about the container;
    /// [`Attribution::conflict`](crate::ledger::Attribution::conflict) names the contradiction.
    ConflictingEvidence,
    /// No line names a handle that begins with the prefix.
    UnknownHandle,
    /// No line names an app whose GUID begins with the prefix.
    UnknownApp,
    /// The prefix is Cloud Foundry's, but names nobody.
    NoOwnerInPrefix,
    /// No line is about a container: no rep logs were given.
    NoEvidence,
    /// Too little of a GUID is shown to prove anything.
    PrefixTooShort,
    /// Garden's own health check, which belongs to no app.
    HealthCheck,
    /// The prefix is not Cloud Foundry's.
    NotCloudFoundry,
    /// An app or a user printed the line, and not the platform.
    NotPlatform,
    /// The line's header was not understood, so that its writer is not known.
    HeaderNotUnderstood,
}

impl Reason {
    /// Returns why a packet whose prefix is not Cloud Foundry's has no owner, as far as that was
    /// found.
    pub(crate) const fn of_foreign(is_understood: bool) -> Self {
        if is_understood { Self::NotCloudFoundry } else { Self::HeaderNotUnderstood }
    }
}

/// A row of the table of reasons.
struct Entry {
    reason: Reason,
    word: &'static str,
    old_word: Option<&'static str>,
    meaning: &'static str,
    advice: &'static str,
}

const fn entry(
    reason: Reason,
    word: &'static str,
    old_word: Option<&'static str>,
    meaning: &'static str,
    advice: &'static str,
) -> Entry {
    Entry { reason, word, old_word, meaning, advice }
}

/// All reasons, in order.
const TABLE: [Entry; 23] = [
    entry(
        Reason::WholeHandle,
        "whole_handle",
        Some("whole_handle"),
        "the prefix is the whole handle",
        "nothing: this is the answer",
    ),
    entry(
        Reason::UniqueHandlePrefix,
        "unique_handle_prefix",
        Some("one_handle_begins_so"),
        "one known handle begins so",
        "nothing: this is the answer",
    ),
    entry(
        Reason::UniqueAppPrefix,
        "unique_app_prefix",
        Some("one_app_begins_so"),
        "one known app GUID begins so",
        "nothing: this is the answer",
    ),
    entry(
        Reason::AppGuidPrefix,
        "app_guid_prefix",
        Some("one_app_begins_so"),
        "the handle begins with an app GUID, and one known app GUID begins so",
        "nothing: this is the answer, and in old releases the prefix shows no more",
    ),
    entry(
        Reason::AmbiguousHandlePrefix,
        "ambiguous_handle_prefix",
        Some("several_handles_begin_so"),
        "several known handles begin so",
        "keep the cell's name in the lines, or read less time at once; the candidates are listed",
    ),
    entry(
        Reason::AmbiguousAppPrefix,
        "ambiguous_app_prefix",
        Some("several_handles_begin_so"),
        "several known app GUIDs begin so",
        "give rep logs that show the address of the destination, so that its lease decides",
    ),
    entry(
        Reason::AmbiguousAddress,
        "ambiguous_address",
        Some("several_had_address"),
        "several containers had this address about then",
        "nothing: the address changed hands within the two minutes that the clocks of two cells may differ",
    ),
    entry(
        Reason::AddressLease,
        "address_lease",
        Some("address_lease"),
        "the container had this address then, on this cell",
        "nothing: this is the answer, and never surer than inferred",
    ),
    entry(
        Reason::AddressLeaseUncertain,
        "address_lease_uncertain",
        Some("lease_in_doubt"),
        "the container had this address about then, if not surely",
        "give rep logs that cover the minutes before and after the packet",
    ),
    entry(
        Reason::NoAddressLease,
        "no_address_lease",
        Some("no_such_lease"),
        "no line shows who had this address then",
        "give rep lines with net_info (rep since 2017-05) of the cell that had the address",
    ),
    entry(
        Reason::OutsideLifetime,
        "outside_lifetime",
        Some("outside_lifetime"),
        "one known handle begins so, but its container lived at another time",
        "check --utc-offset and --year, and that the rep logs cover the time of the packet",
    ),
    entry(
        Reason::OtherCell,
        "other_cell",
        Some("on_another_cell"),
        "one known handle begins so, but its container was on another cell",
        "read the logs of two foundations apart",
    ),
    entry(
        Reason::ConflictingAddress,
        "conflicting_address",
        Some("address_contradicts"),
        "one known handle begins so, but its container had another address",
        "look for a forged source, for network address translation before the log rule, or for logs of two foundations",
    ),
    entry(
        Reason::ConflictingEvidence,
        "conflicting_evidence",
        Some("processes_contradict"),
        "the lines contradict each other about this handle",
        "look at the lines in evidence: mixed foundations, or logs that someone edited",
    ),
    entry(
        Reason::UnknownHandle,
        "unknown_handle",
        Some("no_such_handle"),
        "no rep line names a handle that begins so",
        "give the rep log of that cell at that time, rotated files too",
    ),
    entry(
        Reason::UnknownApp,
        "unknown_app",
        Some("no_such_app"),
        "no line names an app whose GUID begins so",
        "give rep logs of the destination's cells; after a rolling deployment iptables-logger's lines or a directory",
    ),
    entry(
        Reason::NoOwnerInPrefix,
        "no_owner_in_prefix",
        Some("names_nobody"),
        "the prefix names nobody",
        "nothing: releases of 2016 and 2017 logged so; an address lease may still name the container",
    ),
    entry(
        Reason::NoEvidence,
        "no_evidence",
        Some("no_evidence"),
        "no rep log was given",
        "give rep.stdout.log of the cells; if you did, check that nothing unknown precedes its JSON",
    ),
    entry(
        Reason::PrefixTooShort,
        "prefix_too_short",
        Some("prefix_too_short"),
        "too little of a handle is shown",
        "read the cell's own file: a shipper cut the line or its field",
    ),
    entry(
        Reason::HealthCheck,
        "health_check",
        Some("health_check"),
        "Garden's own health check",
        "nothing: it belongs to no app",
    ),
    entry(
        Reason::NotCloudFoundry,
        "not_cloud_foundry",
        Some("not_cloud_foundry"),
        "the prefix is not Cloud Foundry's",
        "nothing, unless it is Cloud Foundry's: then look for text that a tool glued before it",
    ),
    entry(
        Reason::NotPlatform,
        "not_platform",
        None,
        "an app printed the line, and not the platform",
        "nothing: the text of apps proves nothing about packets",
    ),
    entry(
        Reason::HeaderNotUnderstood,
        "header_not_understood",
        None,
        "the header of the line is missing or was not understood",
        "read the cell's own file, or report the form of the header",
    ),
];

impl Reason {
    /// All reasons, in the order of the table.
    ///
    /// ```
    /// use asg_core::ledger::Reason;
    ///
    /// let words: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    /// assert_eq!(words[0], "whole_handle");
    /// assert!(words.contains(&"conflicting_evidence"));
    /// ```
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::WholeHandle; TABLE.len()];
        let mut n = 0;
        while n < TABLE.len() {
            all[n] = TABLE[n].reason;
            n += 1;
        }
        all
    };

    const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// Returns the word for programs, as in the output contract.
    ///
    /// ```
    /// use asg_core::ledger::Reason;
    /// assert_eq!(Reason::UniqueHandlePrefix.as_str(), "unique_handle_prefix");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.entry().word
    }

    /// Returns the word in versions before the first release; `None` if they had none.
    ///
    /// ```
    /// use asg_core::ledger::Reason;
    /// assert_eq!(Reason::UnknownHandle.old_word(), Some("no_such_handle"));
    /// ```
    #[must_use]
    pub const fn old_word(self) -> Option<&'static str> {
        self.entry().old_word
    }

    /// Returns the meaning, in a sentence for people.
    ///
    /// ```
    /// use asg_core::ledger::Reason;
    /// assert_eq!(Reason::NoEvidence.sentence(), "no rep log was given");
    /// ```
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        self.entry().meaning
    }

    /// Returns advice for people.
    ///
    /// ```
    /// use asg_core::ledger::Reason;
    /// assert_eq!(Reason::OtherCell.advice(), "read the logs of two foundations apart");
    /// ```
    #[must_use]
    pub const fn advice(self) -> &'static str {
        self.entry().advice
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let found = Self::ALL.into_iter().find(|reason| reason.as_str() == word);
        found.ok_or_else(|| serde::de::Error::custom(format_args!("`{word}` is no reason")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_is_at_its_place_and_has_a_word_of_its_own() {
        for reason in Reason::ALL {
            assert_eq!(reason.entry().reason, reason);
            let word = serde_json::to_value(reason).unwrap();
            assert_eq!(word, reason.as_str());
            let letters = reason.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(letters, "{reason:?}");
            // The word is the variant's name.
            let name: String = reason
                .as_str()
                .split('_')
                .map(|part| part[..1].to_uppercase() + &part[1..])
                .collect();
            assert_eq!(format!("{reason:?}"), name);
        }
        let words: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}
