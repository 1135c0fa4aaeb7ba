//! Facts about whole logs that explanations mention and a selection of their lines cannot show.

use std::collections::{BTreeMap, BTreeSet};

use asg_core::Correlation;

use super::lost::LinesLost;

/// Facts about whole logs.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfWhole {
    /// The notes about lost lines.
    pub(crate) lines_lost: Vec<LinesLost>,
    /// The number of apps of each space that the directory named, by the space's GUID.
    pub(crate) space_apps: BTreeMap<String, u64>,
}

impl OfWhole {
    pub(crate) fn of(correlation: &Correlation) -> Self {
        let mut apps: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for identity in correlation.identities() {
            if let (Some(app), Some(space)) = (&identity.app, &identity.space) {
                apps.entry(&space.guid).or_default().insert(&app.guid);
            }
        }
        Self {
            lines_lost: LinesLost::all(correlation.completeness()),
            space_apps: apps
                .into_iter()
                .map(|(space, apps)| (space.to_owned(), apps.len() as u64))
                .collect(),
        }
    }
}
