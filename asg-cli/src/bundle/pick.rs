//! Goes over all lines once more, and picks those that the answers need.

use std::collections::HashSet;
use std::sync::Arc;

use asg_core::evidence::{Evidence, NameKind};
use asg_core::{Content, Guid, Origin, Record};

use super::head::{Heads, Thinning};
use crate::error::Error;
use crate::lines::{Raw, Readers};
use crate::pieces::{Piece, Size};
use crate::pipeline::{Pipeline, Work};

/// What to pick.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// Lines about the packets in question.
    pub(super) packets: HashSet<Origin>,
    /// Containers of which all is wanted, by handle.
    pub(super) whole: HashSet<String>,
    /// Apps whose names are wanted.
    pub(super) apps: HashSet<Guid>,
    /// Whether all lines are wanted.
    pub(super) is_everything: bool,
}

/// What was picked.
#[derive(Debug)]
pub(super) struct Picked {
    /// Whole lines.
    pub(super) lines: Vec<(Origin, Vec<u8>)>,
    /// What is wanted of lines that are about others, too.
    pub(super) extracts: Vec<Evidence>,
    pub(super) heads: Heads,
    /// The first document among the wanted lines that is about other packets or containers, too.
    pub(super) crowded: Option<Origin>,
}

impl Picked {
    const fn new(thinning: Thinning) -> Self {
        Self { lines: Vec::new(), extracts: Vec::new(), heads: Heads::new(thinning), crowded: None }
    }

    fn add(&mut self, other: Self) {
        self.lines.extend(other.lines);
        self.extracts.extend(other.extracts);
        self.heads.add(other.heads);
        self.crowded = self.crowded.or(other.crowded);
    }
}

/// Picks lines of all logs.
///
/// # Errors
///
/// Those of reading.
pub(super) fn pick(
    readers: &Readers,
    wish: &Arc<Wish>,
    thinning: Thinning,
) -> Result<Picked, Error> {
    let picker = || Picker { wish: Arc::clone(wish), thinning, picked: Picked::new(thinning) };
    let mut pipeline = Pipeline::new(readers, "picking lines", Size::Small, picker);
    let mut picked = Picked::new(thinning);
    while let Some(more) = pipeline.next()? {
        picked.add(more);
    }
    Ok(picked)
}

struct Picker {
    wish: Arc<Wish>,
    thinning: Thinning,
    picked: Picked,
}

impl Work for Picker {
    type Done = Picked;

    fn piece(&mut self, piece: &Piece) -> Picked {
        piece.for_each(|raw| {
            if raw.part_of.is_none() {
                self.line(&raw);
            }
        });
        std::mem::replace(&mut self.picked, Picked::new(self.thinning))
    }
}

impl Picker {
    fn line(&mut self, raw: &Raw<'_>) {
        let wish = &self.wish;
        let line = raw.line();
        let first = Record::classify(&line);
        if wish.is_everything || wish.packets.contains(&raw.origin) {
            if !wish.is_everything && Record::more(&line).next().is_some() {
                self.picked.crowded.get_or_insert(raw.origin);
            }
            return self.picked.lines.push((raw.origin, on_one_line(raw.bytes)));
        }
        let mut others = 0;
        let mut wanted = Vec::new();
        let mut is_rep = matches!(first.content, Content::Rep(_) | Content::Damaged(_));
        let mut sort = |record: &Record<'_>| {
            record.evidence(raw.origin, |evidence| {
                if self.is_wanted(&evidence) {
                    wanted.push(of_machine(evidence, record));
                } else {
                    others += 1;
                }
            });
        };
        if !first.not_platform() {
            sort(&first);
        }
        for record in Record::more(&line).filter(|record| !record.not_platform()) {
            is_rep = false;
            sort(&record);
        }
        match wanted.is_empty() {
            false if is_rep && others == 0 => {
                self.picked.lines.push((raw.origin, on_one_line(raw.bytes)));
            }
            false => {
                self.picked.extracts.extend(wanted);
                self.picked.heads.see(raw, &first);
            }
            true => self.picked.heads.see(raw, &first),
        }
    }

    fn is_wanted(&self, evidence: &Evidence) -> bool {
        let is_name = evidence.names.is_some()
            && evidence.app.is_some_and(|app| self.wish.apps.contains(&app));
        is_name || self.wish.whole.contains(&evidence.handle.to_string())
    }
}

/// Adds the machine's name, as the reader of all lines does.
fn of_machine(mut evidence: Evidence, record: &Record<'_>) -> Evidence {
    if evidence.is_cells_own
        && let Some((name, kind)) = NameKind::of(&record.envelope)
    {
        evidence.machine = Some(name.into());
        evidence.machine_kind = kind;
    }
    evidence
}

/// Returns the text of a document on one line: line feeds stand between its words only.
fn on_one_line(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|b| if *b == b'\n' { b' ' } else { *b }).collect()
}
